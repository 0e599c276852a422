"""Configuration for nginx, Caddy and Traefik to ask the validator about every request. Pure.

Each clears what a caller claims to be, asks, and sets every identity header from the answer; each
fails closed. Sources: nginx, `ngx_http_auth_request_module`; Caddy, "forward_auth" and
"request_header"; Traefik, "ForwardAuth" and "Headers".
"""

import json
import urllib.parse
from itertools import product
from typing import Final

from components.gcp.envoy import ASK_PATH
from components.passed_on import IDENTITY_HEADERS

_BACKEND: Final = "http://BACKEND"
_SECONDS: Final = 2
"""The first decision of an instance may wait a second for the published set."""

_MOST_OCTETS: Final = 4096
"""Of an answer's body; a refusal has under 100."""


def nginx(validator_url: str, backend: str = _BACKEND) -> str:
    """Return locations for a `server` block, which guard everything below `/`.

    nginx passes a 401 and a 403 on and makes every other answer its own 500, which is turned into
    503 here: could not check. It drops headers with underscores unless told otherwise, and sends no
    header whose value is empty.
    """
    host = urllib.parse.urlsplit(validator_url).netloc
    variables = {
        name: "$" + name.replace("x-", "", 1).replace("-", "_") for name in IDENTITY_HEADERS
    }
    told = "".join(
        f"    auth_request_set {variable} $upstream_http_{name.replace('-', '_')};\n"
        f"    proxy_set_header {name} {variable};\n"
        for name, variable in variables.items()
    )
    return (
        "location / {\n"
        "    auth_request /_signet;\n"
        "    error_page 500 @signet_could_not_check;\n"
        f"{told}"
        f"    proxy_pass {backend};\n"
        "}\n"
        "location = /_signet {\n"
        "    internal;\n"
        f"    proxy_pass {validator_url}{ASK_PATH};\n"
        "    proxy_ssl_server_name on;\n"
        f"    proxy_set_header Host {host};\n"
        "    proxy_method GET;\n"
        "    proxy_pass_request_body off;\n"
        '    proxy_set_header Content-Length "";\n'
        "    proxy_set_header X-Original-Method $request_method;\n"
        "    proxy_set_header X-Original-URI $request_uri;\n"
        f"    proxy_connect_timeout {_SECONDS}s;\n"
        f"    proxy_read_timeout {_SECONDS}s;\n"
        "}\n"
        "location @signet_could_not_check {\n"
        "    add_header Retry-After 1 always;\n"
        "    return 503;\n"
        "}\n"
    )


def caddy(validator_url: str, backend: str = _BACKEND) -> str:
    """Return directives for a site block, which guard everything.

    `route` keeps their order: Caddy would ask before it clears otherwise. Clearing covers `_` for
    `-`, which some back ends take for the same.
    """
    copied = "".join(f"            {name}\n" for name in IDENTITY_HEADERS)
    return (
        "route {\n"
        "    request_header -X-Signet*\n"
        "    request_header -X_Signet*\n"
        f"    forward_auth {validator_url} {{\n"
        f"        uri {ASK_PATH}\n"
        "        header_up Host {upstream_hostport}\n"
        "        transport http {\n"
        f"            dial_timeout {_SECONDS}s\n"
        f"            response_header_timeout {_SECONDS}s\n"
        "        }\n"
        "        copy_headers {\n"
        f"{copied}"
        "        }\n"
        "    }\n"
        f"    reverse_proxy {backend}\n"
        "}\n"
    )


def traefik(validator_url: str) -> str:
    """Return two middlewares as JSON, which YAML is too: name both, in this order, on each router.

    `authResponseHeaders` replaces a header of the caller's by the answer's, and removes it where
    the answer has none. An empty value among `customRequestHeaders` removes one; there is no
    pattern for names, so that each way to write `_` for `-`, which some back ends take for the
    same, is listed.
    """
    empty = {
        "".join(spelled): ""
        for name in IDENTITY_HEADERS
        for spelled in product(*(("-", "_") if letter == "-" else (letter,) for letter in name))
    }
    return json.dumps(
        {
            "http": {
                "middlewares": {
                    "signet-clear": {"headers": {"customRequestHeaders": empty}},
                    "signet-ask": {
                        "forwardAuth": {
                            "address": f"{validator_url}{ASK_PATH}",
                            "trustForwardHeader": False,
                            "authResponseHeaders": list(IDENTITY_HEADERS),
                            "maxResponseBodySize": _MOST_OCTETS,
                        }
                    },
                }
            }
        },
        indent=2,
    )
