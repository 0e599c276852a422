"""What a validator must refuse, and what it must not: one table, one builder a case.

Each case has the number of its line in the list of refusals (0 for what must be allowed), a name, a
builder and the expected status and reason. A builder returns a line in the batch format, or a
`Request` where the line is about a request and not about a token.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .forge import NOW, Signer, b64, compact, good_claims, good_policy, key_set

Line = dict[str, Any]


class Case(NamedTuple):
    """One case; `reason` None means allowed."""

    number: int
    name: str
    build: Callable[[], Line]
    status: int
    reason: str | None

    @property
    def id(self) -> str:
        """What the batch format calls it."""
        return f"{self.number}: {self.name}"

    def line(self) -> Line:
        """The built line, with its id."""
        return {"id": self.id, **self.build()}


_STATUS = {
    **dict.fromkeys(("scope_missing", "role_missing", "route_not_allowed"), 403),
    **dict.fromkeys(
        (
            "keys_unavailable",
            "keys_stale",
            "key_set_invalid",
            "policy_invalid",
            "clock_invalid",
            "internal_error",
        ),
        503,
    ),
}
cases: list[Case] = []


def case(number_: int, name: str, reason: str | None, build: Callable[[], Line]) -> None:
    status = 200 if reason is None else _STATUS.get(reason, 401)
    cases.append(Case(number_, name, build, status, reason))


def line(token: Any = None, signer: Signer | None = None, **changes: Any) -> Line:
    """A line in the batch format; without a token, a good one of `signer`."""
    signer = signer or rs256()
    return {
        "token": signer.token() if token is None else token,
        "jwks": key_set(signer),
        "policy": good_policy(algorithms=[signer.algorithm]),
        "now": NOW,
        **changes,
    }


def rs256() -> Signer:
    """The ring's key."""
    return Signer("RS256")


def es256() -> Signer:
    """A ring's key on P-256."""
    return Signer("ES256")


def with_header(**changes: Any) -> Line:
    signer = rs256()
    return line(signer.token(header=signer.header(**changes)))


def with_header_text(text: str) -> Line:
    return line(rs256().token(header=text))


def with_claims(**changes: Any) -> Line:
    return line(rs256().token(good_claims(**changes)))


def with_claims_text(text: str | bytes) -> Line:
    return line(rs256().token(text))


def with_policy(claims: dict[str, Any], **changes: Any) -> Line:
    return line(rs256().token(good_claims(**claims)), policy=good_policy(**changes))


def with_key(**changes: Any) -> Line:
    signer = Signer("RS256", **changes)
    return line(signer=signer)


def segments(change: Callable[[str, str, str], str]) -> Line:
    return line(change(*rs256().token().split(".")))


def with_signature(change: Callable[[bytes], bytes], signer: Signer | None = None) -> Line:
    signer = signer or rs256()
    signing_input, _, _ = signer.token().rpartition(".")
    signature = change(signer.sign(signing_input.encode()))
    return line(f"{signing_input}.{b64(signature)}", signer)


def allowed(name: str, build: Callable[[], Line]) -> None:
    case(0, name, None, build)


def signed_as_spelled(change: Callable[[str], str]) -> Line:
    """The payload's odd spelling is what was signed, so that the signature holds."""
    signer = rs256()
    text = change(b64(_unaligned(1)))
    signing_input = f"{b64(compact(signer.header()))}.{text}"
    return line(f"{signing_input}.{b64(signer.sign(signing_input.encode()))}")


def last_bits(text: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def _unaligned(length: int) -> str:
    """Claims whose text is `length` octets modulo 3, so that the last character has spare bits."""
    claims, filler = good_claims(), ""
    while len(compact({**claims, "f": filler})) % 3 != length:
        filler += "x"
    return compact({**claims, "f": filler})


def unsigned(algorithm: str) -> Line:
    header = rs256().header(alg=algorithm)
    return line(f"{b64(compact(header))}.{b64(compact(good_claims()))}.")
