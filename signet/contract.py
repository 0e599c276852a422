"""The claims contract, `services/contract.yaml`: what all consumers have agreed on. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from signet.errors import Fault, SettingsError
from signet.located import Located, load, schema_faults
from signet.paths import repo_root
from signet.standard_claims import STANDARD

FILE_NAME: Final = "contract.yaml"
_ALL: Final = "*"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One agreed claim: its type, its meaning, who sets and who reads it."""

    name: str
    type: str
    """`string`, `integer`, `boolean` or `strings`."""
    meaning: str
    set_by: frozenset[str]
    read_by: frozenset[str]
    personal: bool

    def accepts(self, value: object) -> bool:
        """Whether a value is of the agreed type."""
        if self.type == "strings":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        kinds: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool}
        return type(value) is kinds[self.type]


@dataclass(frozen=True)
class Contract:
    """All agreed claims, by name; `file` is where a missing one is to be written."""

    claims: Mapping[str, Claim] = field(default_factory=dict)
    file: str = f"services/{FILE_NAME}"

    def refuses(self, claim: str, reader: str) -> tuple[str, str] | None:
        """Return problem and remedy where a service may not read a claim; None where it may."""
        if claim in STANDARD:
            return "it is a standard claim, which needs no agreement", "remove it"
        agreed = self.claims.get(claim)
        if agreed is None:
            remedy = f"add `{claim}:` under `claims:` in {self.file}, or remove it here"
            return "it is not in the claims contract, so no consumer has agreed to it", remedy
        if not agreed.read_by & {_ALL, reader}:
            remedy = f"add {reader} to claims.{claim}.read_by in {self.file}, or remove it here"
            return f"the contract does not name {reader} among those who read it", remedy
        return None

    def settable(self, who: str) -> frozenset[str]:
        """Return the claims that `issuer` or `exchange` may set."""
        return frozenset(name for name, claim in self.claims.items() if who in claim.set_by)

    def value_faults(self, extra: Mapping[str, object], who: str) -> list[Fault]:
        """Return what is wrong with claims that `who` is about to set, beyond the standard ones."""
        faults = []
        for name, value in extra.items():
            claim = self.claims.get(name)
            if claim is None:
                problem = "it is not in the claims contract, so no consumer has agreed to it"
                remedy = f"add `{name}:` under `claims:` in {self.file}, or leave it out"
            elif who not in claim.set_by:
                problem = f"the contract does not let {who} set it"
                remedy = f"add {who} to claims.{name}.set_by in {self.file}, or leave it out"
            elif not claim.accepts(value):
                problem = f"it is not of the agreed type, {claim.type}"
                remedy = f"write {_EXAMPLES[claim.type]}"
            else:
                continue
            faults.append(Fault(key=f"claim {name}", problem=problem, remedy=remedy))
        return faults


_EXAMPLES: Final = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "strings": 'a list of texts, such as ["a"]',
}


@cache
def contract_schema() -> Mapping[str, Any]:
    """Return the JSON Schema that editors use; the parser checks shapes by the same file."""
    path = repo_root() / "services" / "contract.schema.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def parse_contract(text: str, file: str) -> Contract:
    """Return the contract. Raises SettingsError with every fault: file, line, field, remedy."""
    located = load(text, file)
    faults = schema_faults(located, contract_schema())
    claims = located.data.get("claims")
    for name in claims if isinstance(claims, Mapping) else ():
        if name in STANDARD:
            problem = "it is a standard claim, which is agreed already"
            faults.append(located.fault(["claims", name], problem, "remove it"))
    if faults:
        raise SettingsError(faults)
    return Contract({name: _claim(located, name) for name in located.data["claims"]}, file)


def _claim(located: Located, name: str) -> Claim:
    told = located.data["claims"][name]
    return Claim(
        name=name,
        type=told["type"],
        meaning=told["meaning"],
        set_by=frozenset(told["set_by"]),
        read_by=frozenset(told["read_by"]),
        personal=told["personal"],
    )
