"""What a probe asks of each gateway of a service."""

from typing import Any

import pytest

from signet.errors import CouldNotCheck, SettingsError
from signet.probing import service_target
from signet.probing.gateway_call import GatewayAnswer
from signet.probing.service_target import request_for, target_of

OUTPUTS: dict[str, Any] = {
    "audience": "https://api.example.com",
    "requiredScope": "api:read",
    "gateways": {"aws": {"http": "https://own.example"}},
    "services": {
        "orders": {
            "audience": "https://orders.example.com",
            "tokenLifetime": 600,
            "claims": ["tenant"],
            "routes": [
                {"methods": ["POST"], "path": "/orders", "scopes": ["w"], "roles": []},
                {"methods": ["GET"], "path": "/orders/{id}", "scopes": ["r"], "roles": ["o"]},
            ],
            "gateways": {
                "aws": {"http": "https://a.example"},
                "azure": {"function": "https://z.example/api/authorize"},
                "gcp": {"forward-auth": "https://g.example/authorize"},
            },
        },
        "hidden": {
            "audience": "x", "tokenLifetime": 0, "claims": [], "gateways": {},
            "routes": [{"methods": ["*"], "path": "/**", "scopes": [], "roles": []}],
        },
    },
}  # fmt: skip


def test_the_environments_own_gateways_are_asked_as_they_are() -> None:
    target = target_of(OUTPUTS)
    assert (target.audience, target.scope, target.path) == (
        "https://api.example.com",
        "api:read",
        "",
    )


def test_each_gateway_is_told_of_a_request_that_falls_under_a_route(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, str, tuple[tuple[str, str], ...]]] = []

    def send(method: str, url: str, headers: Any) -> GatewayAnswer:
        sent.append((method, url, tuple(headers)))
        return GatewayAnswer(status=200, body=b"", seconds=0.0)

    monkeypatch.setattr(service_target, "send", send)
    target = target_of(OUTPUTS, "orders")
    assert (target.scope, target.roles, target.claims) == ("r", ("o",), ("tenant",))
    assert target.longest_token == 600
    for gateway in target.gateways:
        target.call(gateway.url, None)
    path = "/orders/signet-probe"
    told = (("x-signet-original-method", "GET"), ("x-signet-original-path", path))
    assert sent == [
        ("GET", f"https://a.example{path}", ()),
        ("GET", "https://z.example/api/authorize", told),
        ("GET", f"https://g.example/authorize{path}", ()),
    ]


@pytest.mark.parametrize(
    ("methods", "path", "expected"),
    [
        (["GET"], "/a/{b}/c", ("GET", "/a/signet-probe/c")),
        (["*"], "/**", ("GET", "/signet-probe")),
        (["PUT", "POST"], "/", ("POST", "/")),
    ],
)
def test_a_pattern_becomes_a_path(methods: list[str], path: str, expected: tuple[str, str]) -> None:
    assert request_for([{"methods": methods, "path": path}]) == expected


def test_a_service_that_is_not_there_and_one_without_a_gateway_are_told_apart() -> None:
    with pytest.raises(SettingsError, match="1 setting"):
        target_of(OUTPUTS, "bills")
    with pytest.raises(CouldNotCheck, match="no gateway"):
        target_of(OUTPUTS, "hidden")
