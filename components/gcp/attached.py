"""Looks at API Gateways of the project that ask for our tokens: what do they leave open?

Envoy, Caddy, Traefik and nginx run where no API of Google's tells of their configuration; what
those leave open only requests from outside show (`signet doctor --ways-around`).
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.gcp import rest
from components.gcp.rest import Google
from components.gcp.settings import GcpSettings
from signet import located
from signet.errors import SettingsError
from signet.probing import declared_openapi
from signet.probing.declared_ways import Looked

_FORBIDDEN: Final = 403
_MOST_PAGES: Final = 50


def open_ways(settings: GcpSettings, issuer: str, google: Google | None = None) -> Looked:
    """Return what gateways of this project leave open that name `issuer` in their document.

    Raises `rest.Refused`, or google-auth's and requests' own errors.
    """
    asked = google or Google(settings.endpoint)
    services: list[Mapping[str, Any]] | None = None
    count, faults = 0, []
    for gateway in _gateways(asked, settings.project):
        name = str(gateway["name"]).rpartition("/")[2]
        addresses: set[str] = set()
        ours = False
        for document in _documents(asked, str(gateway["apiConfig"])):
            found = declared_openapi.api_gateway_faults(document, issuer)
            if found is None:
                continue
            ours = True
            faults += [f"API Gateway {name}: {fault}" for fault in found]
            addresses |= declared_openapi.backends(document)
        count += ours
        if addresses and services is None:
            services = list(_services(asked, settings))
        for service in services or ():
            if addresses & {str(url).rstrip("/") for url in service.get("urls") or ()}:
                policy = asked.get(rest.RUN, f"/v2/{service['name']}:getIamPolicy") or {}
                found = declared_openapi.backend_faults(service, policy)
                faults += [f"API Gateway {name}: {fault}" for fault in found]
    return Looked(count, faults)


def _gateways(google: Google, project: str) -> Iterator[Mapping[str, Any]]:
    try:
        path = f"/v1/projects/{project}/locations/-/gateways"
        yield from _paged(google, rest.API_GATEWAY, path, "gateways")
    except rest.Refused as refused:
        # A project that never had a gateway has not even the API of them.
        if refused.status != _FORBIDDEN or "has not been used" not in str(refused):
            raise


def _documents(google: Google, config: str) -> Iterator[Mapping[str, Any]]:
    """Give the documents of a gateway's configuration; gRPC configurations have none."""
    found = google.get(rest.API_GATEWAY, f"/v1/{config}?view=FULL") or {}
    for each in found.get("openapiDocuments") or ():
        told = each.get("document") or {}
        path = str(told.get("path") or "openapi")
        try:
            text = base64.b64decode(str(told.get("contents", "")), validate=True).decode("utf-8")
            yield located.load(text, path).data
        except (binascii.Error, UnicodeDecodeError, SettingsError) as error:
            raise rest.Refused(0, f"{config}: {path} cannot be read") from error


def _services(google: Google, settings: GcpSettings) -> Iterator[Mapping[str, Any]]:
    """Give the Cloud Run services of the environment's own region."""
    path = f"/v2/projects/{settings.project}/locations/{settings.region}/services"
    yield from _paged(google, rest.RUN, path, "services")


def _paged(google: Google, host: str, path: str, member: str) -> Iterator[Mapping[str, Any]]:
    token = ""
    for _ in range(_MOST_PAGES):
        told = google.get(host, f"{path}?pageToken={token}" if token else path) or {}
        yield from told.get(member) or ()
        token = str(told.get("nextPageToken") or "")
        if not token:
            return
