"""Looks at APIs of other teams that our authorizers were attached to: what is left open there?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.aws import clients
from components.aws.settings import AwsSettings
from signet.probing import declared_ways
from signet.probing.declared_ways import Looked


def open_ways(settings: AwsSettings, attached: Sequence[Mapping[str, Any]]) -> Looked:
    """Return what is open of the APIs in the stack's outputs `attached.aws`, one sentence each.

    Raises botocore's own errors.
    """
    count, faults = 0, []
    for each in attached:
        for kind, look in (("http", _http), ("rest", _rest)):
            told = each.get(kind)
            if told:
                ours = frozenset(told["authorizers"].values())
                api = str(told["apiId"])
                found = look(settings, api, ours)
                faults += [f"{kind.upper()} API {api}: {fault}" for fault in found]
                count += 1
    return Looked(count, faults)


def _http(settings: AwsSettings, api: str, ours: Collection[str]) -> Iterator[str]:
    client = clients.http_apis(settings)
    routes = [
        route
        for page in client.get_paginator("get_routes").paginate(ApiId=api)
        for route in page["Items"]
    ]
    yield from declared_ways.unguarded_routes(routes, ours)
    for page in client.get_paginator("get_authorizers").paginate(ApiId=api):
        for authorizer in page["Items"]:
            if authorizer["AuthorizerId"] in ours:
                yield from declared_ways.authorizer_faults(authorizer)


def _rest(settings: AwsSettings, api: str, ours: Collection[str]) -> Iterator[str]:
    client = clients.rest_apis(settings)
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    resources = [resource for page in pages for resource in page["items"]]
    yield from declared_ways.unguarded_methods(resources, ours)
    for authorizer in client.get_authorizers(restApiId=api, limit=500)["items"]:
        if authorizer["id"] in ours:
            yield from declared_ways.authorizer_faults(authorizer)
