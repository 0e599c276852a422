"""Envoy's configuration for asking the validator about every request (HTTP `ext_authz`). Pure.

It fails closed, asks below the validator's own path, and sends on the method, `Authorization`, the
request's id and whatever could override method or path; nothing else of the caller's. It sets or
clears every identity header itself, so that none that a caller sent is passed on.
Sources: Envoy, `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz` and
`envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`.
"""

import json
import re
import urllib.parse
from typing import Any, Final

from components.passed_on import IDENTITY_HEADERS, OVERRIDE_HEADERS

REQUEST_ID: Final = "x-request-id"
"""Made by Envoy itself (`generate_request_id`), and told to a caller who is refused."""

ASK_PATH: Final = "/authorize"
CLUSTER: Final = "signet-validator"

_TYPES: Final = "type.googleapis.com/envoy.extensions"
_TLS_PORT: Final = 443
_TIMEOUT: Final = "2s"
"""The first decision of an instance may wait a second for the published set."""


def filter_and_cluster(validator_url: str) -> str:
    """Return an HTTP filter, to stand before the router, and the cluster that it asks, as JSON.

    JSON is YAML too, which is what Envoy's configuration is usually written in.
    """
    return json.dumps(
        {"http_filters": http_filters(validator_url), "clusters": [cluster(validator_url)]},
        indent=2,
    )


def http_filters(validator_url: str) -> list[dict[str, Any]]:
    """Return the two filters: clear what a caller claims to be, then ask who it is."""
    return [
        {
            "name": "envoy.filters.http.header_mutation",
            "typed_config": {
                "@type": f"{_TYPES}.filters.http.header_mutation.v3.HeaderMutation",
                "mutations": {"request_mutations": _removed()},
            },
        },
        {
            "name": "envoy.filters.http.ext_authz",
            "typed_config": {
                "@type": f"{_TYPES}.filters.http.ext_authz.v3.ExtAuthz",
                "failure_mode_allow": False,
                "status_on_error": {"code": "ServiceUnavailable"},
                # Besides `Authorization`, method, path and host, which are always sent: its own
                # name for the request, for the log, and what may override method or path.
                "allowed_headers": _exactly(REQUEST_ID, *OVERRIDE_HEADERS),
                "http_service": {
                    "server_uri": {
                        "uri": validator_url,
                        "cluster": CLUSTER,
                        "timeout": _TIMEOUT,
                    },
                    "path_prefix": ASK_PATH,
                    "authorization_response": {
                        "allowed_upstream_headers": _exactly(*IDENTITY_HEADERS),
                        "allowed_client_headers": _exactly(
                            "www-authenticate",
                            "content-type",
                            "retry-after",
                            "cache-control",
                            REQUEST_ID,
                        ),
                    },
                },
            },
        },
    ]


def _removed() -> list[dict[str, Any]]:
    """Each identity header, and each spelling that a back end reads as one: CGI, WSGI and others
    take `_` and `-` for the same (RFC 3875 section 4.1.18)."""
    spelled = "|".join(
        re.escape(name.removeprefix("x-")).replace("\\-", "[-_]") for name in IDENTITY_HEADERS
    )
    return [
        *({"remove": each} for each in IDENTITY_HEADERS),
        {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": f"x[-_]({spelled})"}}}},
    ]


def _exactly(*names: str) -> dict[str, Any]:
    return {"patterns": [{"exact": name} for name in names]}


def cluster(validator_url: str) -> dict[str, Any]:
    """Return the cluster: TLS to Cloud Run, whose front end goes by the host name."""
    parts = urllib.parse.urlsplit(validator_url)
    secure, host = parts.scheme == "https", parts.hostname or ""
    address = {"address": host, "port_value": parts.port or _TLS_PORT}
    endpoint = {"endpoint": {"address": {"socket_address": address}, "hostname": host}}
    found: dict[str, Any] = {
        "name": CLUSTER,
        "type": "LOGICAL_DNS" if secure else "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    if secure:
        found["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPES}.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": host,
            },
        }
    return found
