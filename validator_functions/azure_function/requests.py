"""The HTTP requests that ask about another request, and plain ones, as requests to decide.

API Management's fragment (`components/azure/policies.py`) asks with a request that it makes itself:
the caller's `Authorization`, and the caller's method and path in two headers. Whoever calls the
function without those asks about that very call.

Source of the types: azure-functions, `azure/functions/_http.py`. The host joins repeated headers
with a comma, so that two `Authorization` headers are refused as one malformed value.

The fragment cannot leave a header out that its caller did not send, and sends an empty one instead.
"""

from urllib.parse import urlsplit

import azure.functions as func

from ..verification.decision import Request
from ..verification.http_refusal import request_id

METHOD_HEADER = "x-signet-original-method"
PATH_HEADER = "x-signet-original-path"
_NO_CREDENTIALS = ("authorization", "")
_NO_PATH = ""
"""A path that no route rule matches: only one of the two headers came."""


def read(asked: func.HttpRequest, invocation_id: str) -> Request:
    """Return what is to be decided; `invocation_id` stands in for a missing request id."""
    headers = tuple((str(name), str(value)) for name, value in asked.headers.items())
    told = {name: value for name, value in headers if name in (METHOD_HEADER, PATH_HEADER)}
    if not told:
        method, path = asked.method, urlsplit(asked.url).path
    else:
        headers = tuple(header for header in headers if header != _NO_CREDENTIALS)
        method = told.get(METHOD_HEADER, "")
        path = told.get(PATH_HEADER, _NO_PATH).partition("?")[0] if method else _NO_PATH
    return Request(method, path, headers, request_id(headers) or invocation_id)
