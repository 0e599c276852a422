"""APIs of other teams on Azure and Google: what their clouds tell of them, and what is open."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from components.azure import attached as on_azure
from components.gcp import attached as on_google
from components.gcp.rest import Refused
from signet.probing.declared_ways import Looked

ISSUER = "https://keys.example/prod"
SERVICE = "/subscriptions/s/resourceGroups/theirs/providers/Microsoft.ApiManagement/service/shared"
OURS = '<include-fragment fragment-id="signet-prod" />'


class Cloud:
    """Answers by path; for what nobody expected there is nothing."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    def answer(self, path: str) -> Mapping[str, Any] | None:
        found = self.told.get(path)
        if isinstance(found, Exception):
            raise found
        return found


class Azure(Cloud):
    def get(self, path: str, version: str) -> Mapping[str, Any] | None:
        assert version == "2024-05-01"
        return self.answer(path)


class Google(Cloud):
    def get(self, host: str, path: str) -> Mapping[str, Any] | None:
        assert host in {"https://apigateway.googleapis.com", "https://run.googleapis.com"}
        return self.answer(path)


def policy(inbound: str) -> dict[str, Any]:
    text = f"<policies><inbound>{inbound}</inbound></policies>"
    return {"properties": {"value": text, "format": "rawxml"}}


def api(name: str, inbound: str | None, **operations: str) -> dict[str, Any]:
    """What API Management answers about one API, by path."""
    where = f"{SERVICE}/apis/{name}"
    raw = "/policies/policy?format=rawxml"
    told: dict[str, Any] = {
        f"{where}/operations": {"value": [{"name": each} for each in operations]},
        **{f"{where}/operations/{op}{raw}": policy(text) for op, text in operations.items()},
    }
    return told if inbound is None else told | {f"{where}{raw}": policy(inbound)}


def azure(told: Mapping[str, Any]) -> Looked:
    settings: Any = SimpleNamespace(
        endpoint=None, subscription="s", api_management_group="", resource_group="signet-prod"
    )
    attached = {"service": "shared", "resourceGroup": "theirs", "fragments": ["signet-prod"]}
    return on_azure.open_ways(settings, [attached], Azure(told))


def test_an_api_whose_policy_asks_first_leaves_nothing_open() -> None:
    apis = {f"{SERVICE}/apis": {"value": [{"name": "orders"}]}}
    assert azure(apis | api("orders", f"{OURS}<base />", read="<base />")) == (1, [])


def test_what_is_left_open_on_azure_is_told_by_api_and_operation() -> None:
    told = {
        f"{SERVICE}/apis": {
            "value": [{"name": "orders"}],
            "nextLink": f"https://management.azure.com{SERVICE}/apis?page=2",
        },
        f"{SERVICE}/apis?page=2": {"value": [{"name": "late"}, {"name": "other"}]},
        **api("orders", OURS, read="<base />", write="<set-header />"),
        f"{SERVICE}/apis/orders/revisions": {
            "value": [
                {"apiId": "/apis/orders;rev=2", "isCurrent": True, "isOnline": True},
                {"apiId": "/apis/orders;rev=1", "isCurrent": False, "isOnline": True},
                {"apiId": "/apis/orders;rev=0", "isCurrent": False, "isOnline": False},
            ]
        },
        **api("orders;rev=1", "<base />"),
        **api("late", f"<rewrite-uri />{OURS}"),
        **api("other", None),
    }
    count, faults = azure(told)
    assert count == 2
    assert faults == [
        "API Management shared: API orders, write: a policy's <inbound> has neither signet-prod "
        "nor <base />: every request passes",
        "API Management shared: API late: signet-prod does not stand first in <inbound>: what is "
        "before it runs unguarded",
        "API Management shared: these APIs include none of signet-prod: orders;rev=1, other",
    ]


def test_a_fragment_in_the_policy_of_all_apis_guards_those_that_take_it_over() -> None:
    told = {
        f"{SERVICE}/policies/policy?format=rawxml": policy(OURS),
        f"{SERVICE}/apis": {"value": [{"name": "orders"}, {"name": "alone"}]},
        **api("orders", "<base />"),
        **api("alone", "<set-header />"),
    }
    count, (fault,) = azure(told)
    assert count == 2
    assert fault.startswith("API Management shared: API alone: a policy's <inbound> has neither")


GATEWAYS = "/v1/projects/p/locations/-/gateways"
SERVICES = "/v2/projects/p/locations/europe-west3/services"
CONFIG = "projects/p/locations/global/apis/orders/configs/one"


def google(told: Mapping[str, Any]) -> Looked:
    settings: Any = SimpleNamespace(endpoint=None, project="p", region="europe-west3")
    asks: Any = Google(told)
    return on_google.open_ways(settings, ISSUER, asks)


def config(**changes: Any) -> dict[str, Any]:
    document = {
        "swagger": "2.0",
        "securityDefinitions": {"signet": {"x-google-issuer": ISSUER}},
        "security": [{"signet": []}],
        "x-google-backend": {"address": "https://orders-1.europe-west3.run.app"},
        "paths": {"/orders": {"get": {}, "post": {"security": []}}},
        **changes,
    }
    contents = base64.b64encode(json.dumps(document).encode()).decode()
    return {"openapiDocuments": [{"document": {"path": "api.yaml", "contents": contents}}]}


def test_open_operations_and_back_ends_of_an_api_gateway_are_told() -> None:
    name = "projects/p/locations/europe-west3/services/orders"
    gateway = {"name": "projects/p/locations/l/gateways/front", "apiConfig": CONFIG}
    told = {
        GATEWAYS: {"gateways": [], "nextPageToken": "2"},
        f"{GATEWAYS}?pageToken=2": {"gateways": [gateway]},
        f"/v1/{CONFIG}?view=FULL": config(),
        SERVICES: {
            "services": [
                {"name": name, "urls": ["https://orders-1.europe-west3.run.app"]},
                {"name": f"{name}-other", "urls": ["https://other.run.app"]},
            ]
        },
        f"/v2/{name}:getIamPolicy": {
            "bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]
        },
    }
    assert google(told) == (
        1,
        [
            f"API Gateway front: POST /orders: open, no token of {ISSUER} is asked for",
            "API Gateway front: anybody may call the back end orders itself, around the gateway",
        ],
    )


@pytest.mark.parametrize(
    "told",
    [
        {},
        {GATEWAYS: Refused(403, "API Gateway API has not been used in project p before")},
        {
            GATEWAYS: {"gateways": [{"name": "g/theirs", "apiConfig": CONFIG}]},
            f"/v1/{CONFIG}?view=FULL": config(securityDefinitions={}),
        },
        {
            GATEWAYS: {"gateways": [{"name": "g/grpc", "apiConfig": CONFIG}]},
            f"/v1/{CONFIG}?view=FULL": {"grpcServices": [{}]},
        },
    ],
)
def test_a_project_without_a_gateway_for_our_tokens_has_nothing_attached(
    told: Mapping[str, Any],
) -> None:
    assert google(told) == (0, [])


@pytest.mark.parametrize(
    "told",
    [
        {GATEWAYS: Refused(403, "Permission 'apigateway.gateways.list' denied")},
        {
            GATEWAYS: {"gateways": [{"name": "g/front", "apiConfig": CONFIG}]},
            f"/v1/{CONFIG}?view=FULL": {"openapiDocuments": [{"document": {"contents": "*"}}]},
        },
    ],
)
def test_what_could_not_be_looked_at_is_not_taken_for_closed(told: Mapping[str, Any]) -> None:
    with pytest.raises(Refused):
        google(told)
