"""`docs/native-checks.md`: who accepts what, as the last whole run found it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .issuer import Token

_HEAD = """# Native checks next to ours

The published documents are made to be read by others: a gateway's own check, or a library in a
service. `make native` publishes a key set and a discovery document as a stack renders them, on
loopback, with an RSA and a P-256 key, has each reader find the keys by itself, and puts tokens to
it that have one fault each. It writes this page; a test repeats the cheap columns.

"""
_FOOT = """
- **Every good token is accepted** by everybody who knows its algorithm, so teams can begin with
  what they have. API Gateway's authorizer takes RS256 alone, which is why it is the default.
- **Nobody but ours refuses everything.** A native check has no lifetime cap, most have no `typ`,
  none knows a denied `kid` before its cache of the set ends (F in [rotation](rotation.md)), and
  none asks for `sub`, `iat` and `kid` together. Signet issues no such token; whoever can make one
  holds a key.
- Each reader is set up as its own guide has it: issuer and audience checked, algorithms from the
  discovery document, `typ` where there is a switch for it (nimbus).
- API Gateway is the emulator's. The real one checks `exp`, `nbf`, `iat`, `iss`, `aud` or
  `client_id`, and `scope` (its guide, "Control access to HTTP APIs with JWT authorizers"); the
  emulator is laxer about `exp` and about headers, so its column proves that good tokens pass, and
  no more.
"""


def page(root: Path) -> Path:
    """Where it is."""
    return root / "docs" / "native-checks.md"


def render(tokens: Sequence[Token], found: Mapping[str, Mapping[str, bool]]) -> str:
    """The page's text."""
    lines = [_row(["token", *found]), _row(["---"] * (len(found) + 1))]
    lines += [_row([each.name, *(_cell(each, told) for told in found.values())]) for each in tokens]
    return _HEAD + "\n".join(lines) + "\n" + _FOOT


def cells(text: str) -> dict[str, dict[str, str]]:
    """The table of a page: reader -> token -> what it did."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    (_, *readers), _, *told = rows
    return {
        reader: {row[0]: row[column] for row in told} for column, reader in enumerate(readers, 1)
    }


def _cell(token: Token, told: Mapping[str, bool]) -> str:
    if told[token.name]:
        return "accepts" if token.good else "**accepts**"
    return "**refuses**" if token.good else "refuses"


def _row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"
