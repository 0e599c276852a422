"""The request of an exchange: one strict form (RFC 8693 section 2.1, RFC 6749 appendix B). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from signet.issuing.exchange.refusal import ExchangeRefused, Reason

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
FORM_TYPE: Final = "application/x-www-form-urlencoded"

LARGEST_FORM: Final = 32_768
"""Bytes. A subject token may have 16 KiB, and percent-encoding leaves base64url as it is."""
_MOST_PARAMETERS: Final = 32
_MEDIA_TYPE = re.compile(r'application/x-www-form-urlencoded(\s*;\s*charset="?utf-8"?)?\s*', re.I)
_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SUBJECT_TYPES: Final = frozenset({JWT, ID_TOKEN, ACCESS_TOKEN})
# What would ask for something that this service does not do is refused; the rest is ignored, as
# RFC 6749 section 3.2 wants it.
_REFUSED: Final = {
    "actor_token": "there is no actor token here: the subject token says who acts",
    "actor_token_type": "there is no actor token here: the subject token says who acts",
    "resource": "name the service by `audience`",
    "client_secret": "callers have no secret; if this was one, change it",
    "client_assertion": "the subject token is all that proves who asks",
}


@dataclass(frozen=True, kw_only=True)
class TokenForm:
    """A request that is well-formed; `subject_token` is not verified yet.

    `scopes` is None where none was asked for. `client_id` narrows which rule is meant.
    """

    subject_token: str
    audience: str
    scopes: tuple[str, ...] | None
    client_id: str | None
    issued_token_type: str


def parse_form(content_type: str, body: bytes) -> TokenForm:
    """Return the request, or raise ExchangeRefused."""
    if not _MEDIA_TYPE.fullmatch(content_type.strip()):
        raise _refused(Reason.CONTENT_TYPE_INVALID, f"send the form as {FORM_TYPE}")
    if len(body) > LARGEST_FORM:
        raise _refused(Reason.FORM_TOO_LARGE, f"the form is over {LARGEST_FORM} bytes")
    members = _members(body)
    for name, why in _REFUSED.items():
        if name in members:
            raise ExchangeRefused(Reason.PARAMETER_REFUSED, why, detail=name)
    if _needed(members, "grant_type") != GRANT_TYPE:
        raise _refused(Reason.GRANT_TYPE_UNKNOWN, f"`grant_type` must be {GRANT_TYPE}")
    if _needed(members, "subject_token_type") not in _SUBJECT_TYPES:
        problem = f"`subject_token_type` must be {JWT}, {ID_TOKEN} or {ACCESS_TOKEN}"
        raise _refused(Reason.TOKEN_TYPE_UNKNOWN, problem)
    wanted = members.get("requested_token_type", ACCESS_TOKEN)
    if wanted not in {ACCESS_TOKEN, JWT}:
        problem = f"`requested_token_type` must be {ACCESS_TOKEN} or {JWT}"
        raise _refused(Reason.TOKEN_TYPE_UNKNOWN, problem)
    scope = members.get("scope")
    return TokenForm(
        subject_token=_needed(members, "subject_token"),
        audience=_needed(members, "audience"),
        scopes=None if scope is None else _scopes(scope),
        client_id=members.get("client_id"),
        issued_token_type=wanted,
    )


def _members(body: bytes) -> dict[str, str]:
    """Each parameter once; an empty value is as good as none (RFC 6749 section 3.2)."""
    pairs = [pair for pair in body.split(b"&") if pair]
    if len(pairs) > _MOST_PARAMETERS:
        raise _refused(Reason.FORM_INVALID, "the form has too many parameters")
    seen: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition(b"=")
        if not equals:
            raise _refused(Reason.FORM_INVALID, "the form has a parameter without `=`")
        text = _decoded(name)
        if text in seen:
            raise _refused(Reason.PARAMETER_REPEATED, "a parameter stands twice in the form")
        seen[text] = _decoded(value)
    return {name: value for name, value in seen.items() if value}


def _decoded(raw: bytes) -> str:
    try:
        if _PERCENT.search(raw):
            raise ValueError("a lone percent sign")
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except ValueError:
        raise _refused(Reason.FORM_INVALID, "the form is not form-encoded UTF-8") from None
    if not text.isprintable():
        raise _refused(Reason.FORM_INVALID, "the form has a control character")
    return text


def _needed(members: Mapping[str, str], name: str) -> str:
    if name not in members:
        raise ExchangeRefused(Reason.PARAMETER_MISSING, f"`{name}` is missing", detail=name)
    return members[name]


def _scopes(text: str) -> tuple[str, ...]:
    # RFC 6749 section 3.3: words with one space between them.
    words = text.split(" ")
    if not all(words):
        raise _refused(Reason.SCOPE_REFUSED, "`scope` is not words with one space between them")
    return tuple(dict.fromkeys(words))


def _refused(reason: Reason, description: str) -> ExchangeRefused:
    return ExchangeRefused(reason, description)
