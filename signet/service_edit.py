"""Writes and changes service manifests as text, so that comments survive. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = "# yaml-language-server: $schema={schema}\n"
MOMENT_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""How `leaving` says when."""
_LEAVING = re.compile(r"(?m)^leaving:.*\n?")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS: Final = ("true", "false", "null", "yes", "no", "on", "off")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a new manifest is to say, as text; empty fields are left out."""

    service: str
    owner: str
    contact: str
    clouds: Sequence[str]
    audience: str
    routes: Sequence[Mapping[str, object]]
    """Each with methods, path, scopes and roles."""
    token_lifetime: str = ""
    own_ring: bool = False
    environments: Sequence[str] = ()
    gateways: Mapping[str, str] = field(default_factory=dict)
    callers: Sequence[Mapping[str, object]] = ()


def manifest(draft: Draft, schema: str = "service.schema.json") -> str:
    """Return the text of a new manifest, its lines explained."""
    lines = [
        HEADER.format(schema=schema).rstrip(),
        "# Every field: docs/onboarding.md. Check it with `signet service check`.",
        f"service: {quoted(draft.service)}",
        f"owner: {quoted(draft.owner)}",
        f"contact: {quoted(draft.contact)}  # who is told of alarms",
    ]
    if draft.environments:
        lines.append(f"environments: {_list(draft.environments)}")
    lines += [
        f"clouds: {_list(draft.clouds)}",
        f"audience: {quoted(draft.audience)}  # the `aud` of its tokens, and of no other's",
    ]
    if draft.token_lifetime:
        lines.append(f"tokenLifetime: {quoted(draft.token_lifetime)}")
    if draft.own_ring:
        lines.append("keyRing: own  # keys and an issuer of its own")
    if draft.gateways:
        lines.append(f"gateways: {_mapping(draft.gateways)}")
    lines.append("routes:  # whatever no route names is refused")
    lines += [f"  - {_mapping(route)}" for route in draft.routes]
    if draft.callers:
        lines.append("callers:  # who may get a token for it")
        lines += [f"  - {_mapping(caller)}" for caller in draft.callers]
    return "\n".join(lines) + "\n"


def marked_leaving(text: str, moment: str) -> str:
    """Return a manifest with the mark that it is to go; all else is as it was."""
    kept = _LEAVING.sub("", text)
    line_end = "" if kept.endswith("\n") or not kept else "\n"
    return f'{kept}{line_end}leaving: "{moment}"\n'


def unmarked(text: str) -> str:
    """Return a manifest that stays."""
    return _LEAVING.sub("", text)


def quoted(value: object) -> str:
    """Return a value as YAML's flow style takes it, in quotes where it would read as another."""
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return _list(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    # JSON's text is YAML's double-quoted scalar (YAML 1.2 section 1.3).
    return text if plain else json.dumps(text, ensure_ascii=False)


def _list(values: Sequence[object]) -> str:
    return f"[{', '.join(quoted(value) for value in values)}]"


def _mapping(members: Mapping[str, object]) -> str:
    told = (f"{name}: {quoted(value)}" for name, value in members.items() if value not in ((), []))
    return f"{{{', '.join(told)}}}"
