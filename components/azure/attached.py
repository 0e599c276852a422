"""Looks at APIs of API Management services that our fragments were put into: what is left open?"""

import urllib.parse
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from components.azure import names
from components.azure.manager import Manager
from components.azure.settings import AzureSettings
from signet.probing.declared_policies import api_management_faults, includes
from signet.probing.declared_ways import Looked

_VERSION: Final = "2024-05-01"
_MOST_PAGES: Final = 50


class _Asks(Protocol):
    """What is needed of `Manager`."""

    def get(self, path: str, version: str) -> Mapping[str, Any] | None:
        """Return a resource by its id, None where there is none."""


def open_ways(
    settings: AzureSettings, attached: Sequence[Mapping[str, Any]], asks: _Asks | None = None
) -> Looked:
    """Return what is open of the services in the stack's outputs `attached.azure.apiManagement`.

    Raises azure.core's own errors.
    """
    manager = asks or Manager.connect(settings.endpoint)
    fragments: dict[tuple[str, str], set[str]] = {}
    for each in attached:
        group = each.get("resourceGroup") or settings.api_management_group
        place = (str(group or settings.resource_group), str(each["service"]))
        fragments.setdefault(place, set()).update(each["fragments"])
    count, faults = 0, []
    for (group, service), ours in sorted(fragments.items()):
        provider = f"providers/Microsoft.ApiManagement/service/{service}"
        where = f"{names.group_id(settings.subscription, group)}/{provider}"
        looked = _of_service(manager, where, ours)
        count += looked.apis
        faults += [f"API Management {service}: {fault}" for fault in looked.faults]
    return Looked(count, faults)


def _of_service(manager: _Asks, where: str, ours: Collection[str]) -> Looked:
    everywhere = _policy(manager, where)
    without: list[str] = []
    count = 0
    faults: list[str] = []
    for api in _listed(manager, f"{where}/apis"):
        for revision in _revisions(manager, where, str(api["name"])):
            policies = [_policy(manager, f"{where}/apis/{revision}"), everywhere]
            operations = {
                str(each["name"]): _policy(
                    manager, f"{where}/apis/{revision}/operations/{each['name']}"
                )
                for each in _listed(manager, f"{where}/apis/{revision}/operations")
            }
            if not any(includes(each, ours) for each in (*policies, *operations.values())):
                without.append(revision)
                continue
            count += 1
            faults += _of_api(revision, operations, policies, ours)
    if without:
        named = ", ".join(sorted(without))
        faults.append(f"these APIs include none of {', '.join(sorted(ours))}: {named}")
    return Looked(count, faults)


def _of_api(
    revision: str,
    operations: Mapping[str, str | None],
    policies: Sequence[str | None],
    ours: Collection[str],
) -> Iterator[str]:
    """Give the API's own faults once, and those that an operation adds."""
    own = api_management_faults(policies, ours)
    yield from (f"API {revision}: {fault}" for fault in own)
    for name, policy in operations.items():
        if policy is not None:
            more = api_management_faults([policy, *policies], ours)
            yield from (f"API {revision}, {name}: {fault}" for fault in more if fault not in own)


def _revisions(manager: _Asks, where: str, api: str) -> Iterator[str]:
    """Give the revisions of an API that answer: the current one, and others that are online
    (`;rev=` in a request's path names them)."""
    yield api
    for each in _listed(manager, f"{where}/apis/{api}/revisions"):
        if each.get("isOnline") and not each.get("isCurrent"):
            yield str(each["apiId"]).rpartition("/")[2]


def _policy(manager: _Asks, where: str) -> str | None:
    found = manager.get(f"{where}/policies/policy?format=rawxml", _VERSION)
    return None if found is None else str((found.get("properties") or {}).get("value") or "")


def _listed(manager: _Asks, path: str) -> Iterator[Mapping[str, Any]]:
    """Give what a list holds, page by page (`nextLink` is an address of its own)."""
    for _ in range(_MOST_PAGES):
        told = manager.get(path, _VERSION) or {}
        yield from told.get("value") or ()
        following = told.get("nextLink")
        if not following:
            return
        # Its path alone: the token is for the resource manager and no other host.
        parts = urllib.parse.urlsplit(str(following))
        path = f"{parts.path}?{parts.query}"
