"""What a document of Google's API Gateway leaves open, and the back ends behind it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def api_gateway_faults(document: Mapping[str, Any], issuer: str) -> list[str] | None:
    """Return which operations of an API Gateway's document do not ask for a token of `issuer`.

    None where the document does not name the issuer, so that it is not about us. Source: API
    Gateway, "OpenAPI overview" (`security`, of an operation before that of the document; an empty
    requirement lets everybody in) and "Authentication between services" (`x-google-issuer`).
    """
    known = document.get("securityDefinitions") or {}
    ours = {
        name
        for name, scheme in known.items()
        if isinstance(scheme, Mapping) and scheme.get("x-google-issuer") == issuer
    }
    if not ours:
        return None
    general = document.get("security")
    return [
        f"{method.upper()} {path}: open, no token of {issuer} is asked for"
        for path, item in sorted((document.get("paths") or {}).items())
        for method, operation in sorted(item.items())
        if method in _METHODS and not _asks(operation.get("security", general), ours)
    ]


def backends(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the addresses that an API Gateway's document passes requests on to."""
    places = [document]
    for item in (document.get("paths") or {}).values():
        places += [item, *(told for told in item.values() if isinstance(told, Mapping))]
    return frozenset(
        str(told["address"]).rstrip("/")
        for place in places
        if isinstance(told := place.get("x-google-backend"), Mapping) and told.get("address")
    )


def backend_faults(service: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    """Return whether anybody may call a Cloud Run service that stands behind a gateway.

    `policy` is its IAM policy. Source: Cloud Run Admin API, `Service`; "Allowing public access".
    """
    if service.get("ingress") not in (None, "INGRESS_TRAFFIC_ALL"):
        return []
    anybody = service.get("invokerIamDisabled") is True or any(
        set(binding.get("members") or ()) & {"allUsers", "allAuthenticatedUsers"}
        for binding in policy.get("bindings") or ()
        if binding.get("role") == "roles/run.invoker"
    )
    if not anybody:
        return []
    name = str(service.get("name", "")).rpartition("/")[2]
    return [f"anybody may call the back end {name} itself, around the gateway"]


def _asks(security: object, schemes: Collection[str]) -> bool:
    """Whether every alternative of a security requirement has one of these schemes in it."""
    if not isinstance(security, list) or not security:
        return False
    return all(isinstance(each, Mapping) and set(each) & set(schemes) for each in security)
