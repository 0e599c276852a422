"""Who may get a token for a service: the `callers` section of its manifest. Pure.

One caller is one rule: an identity of one platform, recognised by claims that stand for the same
thing for good. Names (a repository's, a branch's, an e-mail address) may narrow a rule and never
carry it: names are given up and taken by others.

    callers:
      - name: orders-ci
        identity: github
        match: {repository_id: "74", repository_owner_id: "65", environment: prod}
        scopes: [orders:read]

`docs/token-service.md` lists every field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signet.caller_faults import Notes, Reader
from signet.claim_match import Wanted, as_text, claim_at
from signet.errors import SettingsError
from signet.identities import KINDS, IdentityKind

DEFAULT_LIFETIME: Final = 300
LONGEST_LIFETIME: Final = 3_600
MOST_CALLERS: Final = 500
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME_REMEDY: Final = "use 1 to 63 lower-case letters, digits and hyphens, such as orders-ci"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """One rule of a service's policy. `lifetime` is in seconds.

    `subject_audience` is what the platform's token must be made out to; None: the environment's
    issuer. With `once`, each of the platform's tokens is taken one time.
    """

    name: str
    kind: IdentityKind
    issuer: str
    match: Mapping[str, Wanted]
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    lifetime: int = DEFAULT_LIFETIME
    once: bool = False
    subject_audience: str | None = None

    def mismatch(self, claims: Mapping[str, Any]) -> str | None:
        """Return the first claim by which verified claims are not this caller's; None if they are.

        What the rule names comes first, then what its platform's rules imply.
        """
        for claim, wanted in self.match.items():
            if not wanted.accepts(claim_at(claims, self.kind.path(claim))):
                return claim
        return next((claim for claim in self._implied(claims)), None)

    def _implied(self, claims: Mapping[str, Any]) -> list[str]:
        """Names of the claims that break what every rule of this platform asks unless it says."""
        kind = self.kind
        broken = [
            claim
            for claim, values in kind.required.items()
            if claim not in self.match and as_text(claim_at(claims, kind.path(claim))) not in values
        ]
        broken += [
            claim
            for claim, values in kind.refused.items()
            if claim not in self.match and _is_or_lacks(claims, kind.path(claim), values)
        ]
        broken += [
            other
            for claim, (other, value) in kind.paired.items()
            if claim in self.match and as_text(claim_at(claims, kind.path(other))) != value
        ]
        return broken


def parse_callers(raw: object, where: str, *, sandbox: bool = False) -> tuple[Caller, ...]:
    """Return the callers of a manifest; `raw` is what stands under `callers`, None for nothing.

    `where` begins every fault's key, such as `services/orders.yaml: callers`. `sandbox` admits
    issuers on loopback. Raises SettingsError with every fault.
    """
    if raw is None:
        return ()
    notes = Notes(where)
    if not isinstance(raw, list):
        notes.add("", raw, "is not a list", "write one entry for each caller")
        raise SettingsError(notes.faults)
    if len(raw) > MOST_CALLERS:
        notes.add("", len(raw), f"has over {MOST_CALLERS} callers", "split the service")
    found = [_caller(member, notes.at(f"[{place}]"), sandbox) for place, member in enumerate(raw)]
    names = [caller.name for caller in found if caller is not None]
    for name in sorted({name for name in names if names.count(name) > 1}):
        notes.add("", name, "is the name of two callers", "give each caller a name of its own")
    if notes.faults:
        raise SettingsError(notes.faults)
    return tuple(caller for caller in found if caller is not None)


def _caller(raw: object, notes: Notes, sandbox: bool) -> Caller | None:
    before = len(notes.faults)
    reader = Reader.of(raw, notes)
    if reader is None:
        return None
    name = reader.text("name")
    if name and not _NAME.fullmatch(name):
        notes.add("name", name, "is not a name of a caller", _NAME_REMEDY)
    kind = _kind(reader, notes)
    caller = Caller(
        name=name,
        kind=kind or next(iter(KINDS.values())),
        issuer=reader.issuer(kind, sandbox=sandbox) if kind else "",
        match=_match(reader, kind, notes) if kind else {},
        scopes=reader.words("scopes"),
        roles=reader.words("roles"),
        lifetime=reader.duration("lifetime", DEFAULT_LIFETIME, LONGEST_LIFETIME),
        once=reader.boolean("once"),
        subject_audience=reader.optional_text("subject_audience"),
    )
    if kind and caller.once and kind.token_id is None:
        problem = f"cannot be kept: {kind.says}'s tokens carry no id"
        notes.add("once", True, problem, "take `once` away, or let the job use another platform")
    if not caller.scopes and not caller.roles:
        notes.add("scopes", None, "gives nothing", "list what the caller may do, or a role")
    return caller if len(notes.faults) == before else None


def _kind(reader: Reader, notes: Notes) -> IdentityKind | None:
    named = reader.text("identity")
    if named and named not in KINDS:
        notes.add("identity", named, "is no platform we know", f"use one of {', '.join(KINDS)}")
    return KINDS.get(named)


def _match(reader: Reader, kind: IdentityKind, notes: Notes) -> dict[str, Wanted]:
    match = reader.match()
    inside = notes.at(".match")
    known = ", ".join(sorted((*kind.immutable, *kind.named)))
    for claim, wanted in match.items():
        if not kind.knows(claim):
            problem = f"is no claim of {kind.says} that a rule may use"
            inside.add(claim, None, problem, f"use {known}")
        elif claim in kind.immutable and not wanted.exact:
            remedy = "write the id itself, or a list of ids"
            inside.add(claim, wanted.alternatives[0], "is an id and has a wildcard", remedy)
    if match and not match.keys() & kind.immutable.keys():
        problem = "matches on names alone, which others can take once they are given up"
        inside.add("", None, problem, f"add one of {', '.join(sorted(kind.immutable))}")
    return match


def _is_or_lacks(claims: Mapping[str, Any], path: tuple[str, ...], values: tuple[str, ...]) -> bool:
    """A claim that should tell where a job comes from and is missing tells nothing good."""
    text = as_text(claim_at(claims, path))
    return text is None or text in values
