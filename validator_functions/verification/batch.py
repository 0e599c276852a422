"""One line of `signet verify --batch`: any input at all gives one answer."""

from collections.abc import Callable
from typing import Any

from . import limits, strict_json
from .claims import Claims
from .errors import KeysUnavailable, SettingsError, TokenRefused, VerificationError
from .keys import KeySet
from .policy import Policy
from .reasons import Reason
from .token import verify, verify_signature

_FIELDS = frozenset({"id", "token", "jwks", "policy", "now", "signature_only"})


def decide_batch_line(
    line: str | bytes, *, parse_keys: Callable[[dict[str, Any]], KeySet] = KeySet.parse
) -> dict[str, Any]:
    """Answer one JSON Line: `{"id", "allowed", "reason", "status", "claims"}`. Never raises.

    `parse_keys` may remember the sets that a file repeats.

    `id` comes back as it was, also from a line that only a lenient reader of JSON takes, or null
    where none can be read. A bad policy, clock or key set is 503; the key set must be good even
    for a token that is refused anyway, so that one reason comes out everywhere.
    """
    identity: Any = None
    try:
        members = _line(line)
        identity = members.get("id")
        claims = _decide(members, parse_keys)
        return _answer(identity, None, None if claims is None else claims.as_dict())
    except _NotStrict as error:
        return _answer(_lenient_id(line), error.reason)
    except VerificationError as error:
        return _answer(identity, error.reason)
    except Exception:  # noqa: BLE001 - any exception, anywhere, is a refusal
        return _answer(identity, Reason.INTERNAL_ERROR)


class _NotStrict(TokenRefused):
    """A line that is not an object of strict JSON."""


def _answer(
    identity: Any, reason: Reason | None, claims: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "id": identity,
        "allowed": reason is None,
        "reason": None if reason is None else str(reason),
        "status": 200 if reason is None else reason.status,
        "claims": claims,
    }


def _line(line: str | bytes) -> dict[str, Any]:
    if len(line) > limits.BATCH_LINE:
        raise TokenRefused(Reason.TOKEN_TOO_LARGE, "the line")
    try:
        data = line.encode() if isinstance(line, str) else line
        return strict_json.parse_object(data, limits.BATCH_LINE)
    except ValueError:
        raise _NotStrict(Reason.JSON_INVALID, "the line") from None


def _lenient_id(line: str | bytes) -> Any:
    """The `id` as Python's lenient reader finds it, if the answer can carry it; else None."""
    import json

    try:
        identity = json.loads(line)["id"]
        json.dumps({"id": identity}, allow_nan=False)
    except Exception:  # noqa: BLE001 - no JSON at all, no object, or too deep to read or to write
        return None
    return identity


def _decide(
    members: dict[str, Any], parse_keys: Callable[[dict[str, Any]], KeySet]
) -> Claims | None:
    if not members.keys() <= _FIELDS:
        raise SettingsError(["the line has a field that is not known"])
    signature_only = members.get("signature_only", False)
    if not isinstance(signature_only, bool):
        raise SettingsError(["`signature_only` is not true or false"])
    policy = Policy.from_json(members.get("policy"), signature_only=signature_only)
    now = members.get("now", limits.CLOCK_EARLIEST if signature_only else None)
    if type(now) is not int:
        raise KeysUnavailable(Reason.CLOCK_INVALID)
    token = members.get("token")
    if token is None:
        raise TokenRefused(Reason.TOKEN_MISSING)
    jwks = members.get("jwks")
    keys = parse_keys(jwks if isinstance(jwks, dict) else {})
    if signature_only:
        verify_signature(token, keys, policy)
        return None
    return verify(token, keys, policy, now)
