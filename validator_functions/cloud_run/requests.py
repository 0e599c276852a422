"""What a proxy tells of the caller's request, by the kind of proxy that the settings name.

| `SIGNET_PROXY` | who asks so                      | method and path of the caller's request   |
|----------------|----------------------------------|-------------------------------------------|
| `envoy`        | Envoy's HTTP `ext_authz`         | this request's own, below `/authorize`    |
| `forwarded`    | Caddy and Traefik `forward_auth` | `X-Forwarded-Method`, `X-Forwarded-Uri`   |
| `original`     | nginx `auth_request`             | `X-Original-Method`, `X-Original-URI`     |

Only the named kind is believed: a proxy passes on the headers that a caller made up for another.
Sources: Envoy, "External Authorization" (`path_prefix`); Caddy, "forward_auth"; Traefik,
"ForwardAuth"; nginx, `ngx_http_auth_request_module`.
"""

from ..verification.decision import Request
from ..verification.http_refusal import request_id

ASK_PATH = "/authorize"
"""Below it every request is a question. Health answers elsewhere: a proxy takes any 200 for yes."""

_BELOW = (f"{ASK_PATH}/", f"{ASK_PATH}?")

PROXIES = ("envoy", "forwarded", "original")

_TOLD = {
    "forwarded": ("x-forwarded-method", "x-forwarded-uri"),
    "original": ("x-original-method", "x-original-uri"),
}

Headers = tuple[tuple[str, str], ...]


class NotAsked(Exception):
    """The request does not tell, or tells twice, which method and path it is about."""


def read(proxy: str, method: str, target: str, headers: Headers) -> Request:
    """Return the request to decide about; `target` is the request line's, with its query.

    Raises NotAsked where method or path are missing or stand twice.
    """
    told = (
        (method, target.removeprefix(ASK_PATH) or "/")
        if proxy == "envoy"
        else tuple(_single(headers, name) for name in _TOLD[proxy])
    )
    path = told[1].partition("?")[0]
    if not told[0] or not path.startswith("/"):
        raise NotAsked("the path does not begin with a slash, or there is no method")
    return Request(told[0], path, headers, request_id(headers))


def is_question(path: str) -> bool:
    """Whether a path is one below which requests are questions."""
    return path.startswith(_BELOW) or path == ASK_PATH


def _single(headers: Headers, name: str) -> str:
    values = [value for found, value in headers if found == name]
    if len(values) != 1:
        raise NotAsked(f"{name} stands in it {len(values)} times")
    return values[0]
