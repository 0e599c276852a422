"""Documents of Google's API Gateway: what asks for no token of ours, and what stands behind."""

from typing import Any

import pytest

from components.gcp import openapi
from signet.probing.declared_openapi import api_gateway_faults, backend_faults, backends

ISSUER = "https://keys.example/prod"


def document(security: Any = None, **operations: Any) -> dict[str, Any]:
    told = {
        "swagger": "2.0",
        "securityDefinitions": {
            "signet": {"type": "oauth2", "x-google-issuer": ISSUER},
            "other": {"type": "oauth2", "x-google-issuer": "https://other.example"},
            "key": {"type": "apiKey", "in": "query", "name": "key"},
        },
        "paths": {"/orders": operations},
    }
    return told if security is None else told | {"security": security}


OURS, OTHER = [{"signet": []}], [{"other": []}]


@pytest.mark.parametrize(
    ("told", "open_"),
    [
        (document(OURS, get={}), []),
        (document(get={"security": OURS}, post={"security": OURS}), []),
        (document(OURS, get={}, post={"security": []}), ["POST /orders"]),
        (document(get={}, post={"security": OURS}), ["GET /orders"]),
        # Any one of several requirements is enough, so that each has to be ours.
        (document(get={"security": [*OURS, *OTHER]}), ["GET /orders"]),
        (document(get={"security": [{}]}), ["GET /orders"]),
        (document(get={"security": [{"signet": [], "key": []}]}), []),
        (document(OURS, get={}, parameters=[{"name": "id"}]), []),
    ],
)
def test_every_operation_asks_for_our_token(told: dict[str, Any], open_: list[str]) -> None:
    found = api_gateway_faults(told, ISSUER)
    assert found is not None
    assert [fault.partition(":")[0] for fault in found] == open_


def test_a_document_without_our_issuer_is_not_about_us() -> None:
    assert api_gateway_faults(document(get={}), "https://keys.example/dev") is None
    assert api_gateway_faults({"openapi": "3.0.0"}, ISSUER) is None


def test_the_document_that_we_hand_out_leaves_nothing_open() -> None:
    import ruamel.yaml

    text = openapi.document(
        "prod", ISSUER, "https://keys.example/jwks.json", "https://api.example", backend="https://b"
    )
    told = ruamel.yaml.YAML(typ="safe").load(text)
    assert api_gateway_faults(told, ISSUER) == []
    assert backends(told) == {"https://b"}


@pytest.mark.parametrize(
    ("service", "members", "faults"),
    [
        ({}, ["allUsers"], 1),
        ({"ingress": "INGRESS_TRAFFIC_ALL"}, ["allAuthenticatedUsers"], 1),
        ({"invokerIamDisabled": True}, [], 1),
        ({}, ["serviceAccount:gateway@p.iam.gserviceaccount.com"], 0),
        ({"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}, ["allUsers"], 0),
    ],
)
def test_a_back_end_that_anybody_may_call_is_told(
    service: dict[str, Any], members: list[str], faults: int
) -> None:
    policy = {"bindings": [{"role": "roles/run.invoker", "members": members}]}
    name = {"name": "projects/p/locations/l/services/orders"}
    assert len(backend_faults(name | service, policy)) == faults
