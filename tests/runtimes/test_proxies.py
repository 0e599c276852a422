"""Envoy, Caddy, Traefik and nginx, the real programs, with the configuration of a stack."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from signet.probing.gateway_call import send as send_from_outside
from signet.probing.ways_around import attempts, try_all
from tests.cases import forge
from tests.cases.settings import artefact, document, issuer
from validator_functions.verification.identity import IDENTITY_HEADERS
from validator_functions.verification.routes import OVERRIDE_HEADERS

from .programs import free_port, program, send, validator_server
from .proxies import PROXIES, back_end, proxy

SIGNER = forge.Signer("ES256")

Header = tuple[str, str] | Callable[[], tuple[str, str]]


class Front:
    """A proxy before a validator and a back end."""

    def __init__(self, name: str, port: int, log: Path) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self._log = log
        self._read = 0

    def ask(
        self, target: str, *headers: tuple[str, str], method: str = "GET"
    ) -> tuple[int, Any, dict[str, list[str]]]:
        """Status, headers, and what the back end was sent (empty where it was not reached)."""
        octets = [(name.encode(), value.encode()) for name, value in headers]
        status, told, body = send(self.port, target, octets, method)
        reached: dict[str, list[str]] = {}
        if status == 200:
            for name, value in json.loads(body)["headers"]:
                reached.setdefault(name.replace("_", "-"), []).append(value)
        return status, told, reached

    def logged(self) -> list[str | None]:
        """Reasons of the decisions since the last time; None for one that passed."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        told = [json.loads(line) for line in data.splitlines() if line.startswith(b'{"signet"')]
        return [line["reason"] for line in told if line["signet"] == "decision"]


@pytest.fixture(scope="module", params=list(PROXIES))
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    name = request.param
    if program(PROXIES[name].program) is None:
        pytest.skip(f"{PROXIES[name].program} is not installed")
    folder = tmp_path_factory.mktemp(name)
    settings = folder / "signet_settings.json"
    # Nothing listens there: the deployed keys are what counts.
    store = f"http://127.0.0.1:{free_port()}/jwks.json"
    told = document(
        SIGNER,
        sandbox=True,
        issuers=[issuer(SIGNER, jwks_urls=[store])],
        audit={**document()["audit"], "passes": True},
    )
    settings.write_bytes(artefact(told))
    port, log = free_port(), folder / "validator.log"
    with ExitStack() as stack:
        stack.enter_context(validator_server(port, PROXIES[name].asks_as, settings, log))
        behind = stack.enter_context(back_end())
        yield Front(name, stack.enter_context(proxy(name, folder, port, behind)), log)


def bearer(**changes: Any) -> tuple[str, str]:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 600}
    return "Authorization", f"Bearer {SIGNER.token(forge.good_claims(**{**times, **changes}))}"


def spellings(name: str) -> list[str]:
    return [name, name.title(), name.upper(), name.replace("-", "_"), name.replace("-", "_", 1)]


def test_what_a_caller_claims_to_be_never_reaches_the_back_end(front: Front) -> None:
    forged = [(each, "admin") for name in IDENTITY_HEADERS for each in spellings(name)]
    status, _, reached = front.ask("/orders/7", bearer(jti=None), *forged)
    assert status == 200
    assert reached["x-signet-subject"] == ["service-orders"]
    assert reached["x-signet-key-id"] == [SIGNER.kid]
    assert reached.get("x-signet-token-id", [""]) == [""]
    assert "admin" not in str(reached)


@pytest.mark.parametrize(
    ("headers", "asked", "status", "reason"),
    [
        ([], "GET /orders/7", 401, "token_missing"),
        ([("Authorization", "Bearer nonsense")], "GET /orders/7", 401, "token_malformed"),
        ([partial(bearer, exp=1, iat=0, nbf=0)], "GET /orders/7", 401, "token_expired"),
        ([partial(bearer, scope="other")], "GET /orders/7", 403, "scope_missing"),
        ([bearer], "DELETE /orders/7", 403, "role_missing"),
        ([bearer], "PUT /orders/7", 403, "route_not_allowed"),
        ([bearer], "GET /", 403, "route_not_allowed"),
        ([bearer], "GET /orders/7?x=/orders/8", 200, None),
        ([bearer], "GET /other/..;/orders/7", 403, "route_not_allowed"),
        ([("Cookie", "access_token=x")], "GET /orders/7?access_token=x", 401, "token_missing"),
        *(
            ([bearer, (name, "/orders/8")], "GET /orders/7", 403, "route_not_allowed")
            for name in sorted(OVERRIDE_HEADERS)
        ),
        # Made up for another kind of proxy, or for this one.
        (
            [
                bearer,
                ("X-Forwarded-Uri", "/orders/7"),
                ("X-Forwarded-Method", "GET"),
                ("X-Original-URI", "/orders/7"),
                ("X-Original-Method", "GET"),
            ],
            "GET /elsewhere",
            403,
            "route_not_allowed",
        ),
    ],
)  # fmt: skip
def test_the_client_sees_the_decision_and_the_log_has_its_reason(
    front: Front, headers: list[Header], asked: str, status: int, reason: str | None
) -> None:
    front.logged()
    method, target = asked.split()
    # Made now: the table may be an hour older than its test.
    sent = [each() if callable(each) else each for each in headers]
    seen, told, _ = front.ask(target, *sent, method=method)
    assert (seen, front.logged()) == (status, [reason])
    if status == 401:
        assert told["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("spelled", ["/orders/%2e%2e/orders/7", "//orders/7"])
def test_a_path_spelled_otherwise_is_refused_or_passed_on_as_it_was_judged(
    front: Front, spelled: str
) -> None:
    front.logged()
    status, _, body = send(front.port, spelled, [(b"Authorization", bearer()[1].encode())])
    if front.name == "traefik":  # It cleans the path before it asks (entry point, `sanitizePath`).
        assert (status, front.logged(), json.loads(body)["path"]) == (200, [None], "/orders/7")
    else:
        assert (status, front.logged()) == (403, ["route_not_allowed"])


def test_two_authorization_headers_pass_nowhere(front: Front) -> None:
    front.logged()
    status, _, _ = front.ask("/orders/7", bearer(), ("Authorization", "Basic eDp5"))
    # nginx answers a repeated header of this kind itself.
    itself = front.name == "nginx"
    assert (status, front.logged()) == ((400, []) if itself else (401, ["credentials_malformed"]))


def test_no_way_around_the_proxy_is_open(front: Front) -> None:
    tried = attempts({"gateways": {"gcp": {front.name: front.url}}})
    assert [opening.as_dict() for opening in try_all(tried, send_from_outside)] == []


def test_without_a_validator_nothing_passes_and_the_client_is_told_so(tmp_path: Path) -> None:
    tried = [name for name, kind in PROXIES.items() if program(kind.program)]
    if not tried:
        pytest.skip("none of the proxies is installed")
    for name in tried:
        with back_end() as behind, proxy(name, tmp_path, free_port(), behind) as port:
            status, _, _ = send(port, "/orders/7", [(b"Authorization", bearer()[1].encode())])
            # Caddy and Traefik have their own for a service that they cannot reach.
            assert status == {"caddy": 502, "traefik": 500}.get(name, 503), name
