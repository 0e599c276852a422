"""Decisions as HTTP answers: the decision's own status, which API Management passes on.

| decision | the function | API Management, by our fragment |
|----------|--------------|---------------------------------|
| 200      | 200          | the back end's own answer       |
| 401      | 401          | 401                             |
| 403      | 403          | 403                             |
| 503      | 503          | 503                             |

A refusal follows RFC 6750 section 3 and names the reason code alone. An allowed answer carries the
identity as headers (`verification.identity`), and once more as JSON for whoever asks without a
gateway.
"""

from json import dumps

import azure.functions as func

from ..verification.decision import Decision
from ..verification.http_refusal import refusal
from ..verification.identity import identity, identity_headers

_JSON = "application/json"


def answer(decision: Decision, request_id: str = "") -> func.HttpResponse:
    """Return the answer to a decision; a refusal's names the request as the log does."""
    if not decision.allowed:
        status, headers, body = refusal(decision, request_id)
        # The host counts the body itself, and takes its type by name.
        kept = {name: value for name, value in headers if not name.startswith("content-")}
        return func.HttpResponse(body, status_code=status, headers=kept, mimetype=_JSON)
    found = identity(decision)
    return func.HttpResponse(
        dumps({"identity": found}, separators=(",", ":")),
        status_code=decision.status,
        headers={**dict(identity_headers(found)), "cache-control": "no-store"},
        mimetype=_JSON,
    )
