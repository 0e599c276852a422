"""Decisions as HTTP answers: the decision's own status, which API Management passes on.

| decision | the function | API Management, by our fragment |
|----------|--------------|---------------------------------|
| 200      | 200          | the back end's own answer       |
| 401      | 401          | 401                             |
| 403      | 403          | 403                             |
| 503      | 503          | 503                             |

A refusal follows RFC 6750 section 3 and names the reason code alone. An allowed answer carries the
identity as `x-signet-` headers, and once more as JSON for whoever calls the function directly.
"""

from json import dumps

import azure.functions as func

from ..verification.decision import Decision
from ..verification.http_refusal import refusal

_PREFIX = "x-signet-"
_JSON = "application/json"
_FIRST, _LAST = 0x20, 0x7E


def answer(decision: Decision, request_id: str = "") -> func.HttpResponse:
    """Return the answer to a decision; a refusal's names the request as the log does."""
    if not decision.allowed:
        status, headers, body = refusal(decision, request_id)
        # The host counts the body itself, and takes its type by name.
        kept = {name: value for name, value in headers if not name.startswith("content-")}
        return func.HttpResponse(body, status_code=status, headers=kept, mimetype=_JSON)
    found = identity(decision)
    told = {f"{_PREFIX}{name}": value for name, value in found.items() if _fits_header(value)}
    return func.HttpResponse(
        dumps({"identity": found}, separators=(",", ":")),
        status_code=decision.status,
        headers={**told, "cache-control": "no-store"},
        mimetype=_JSON,
    )


def identity(decision: Decision) -> dict[str, str]:
    """What the back end learns of the caller: flat strings, and nothing unless allowed."""
    claims = decision.claims
    if claims is None:
        return {}
    found = {
        "subject": claims.subject,
        "issuer": claims.issuer,
        "scope": claims.get("scope"),
        "jti": claims.token_id,
        "kid": claims.kid,
    }
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and value.isprintable()
    }


def _fits_header(value: str) -> bool:
    """Whether a header carries it unchanged (RFC 9110 section 5.5): no other back end reads on."""
    return value == value.strip() and all(_FIRST <= ord(letter) <= _LAST for letter in value)
