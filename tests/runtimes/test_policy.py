"""API Management's fragment before the real Function, by an interpreter of our own (`policy`).

What the policy engine itself makes of the text is not shown: it cannot be had here.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from components.azure import policies
from components.passed_on import IDENTITY_HEADERS, OVERRIDE_HEADERS
from tests.cases import forge
from tests.cases.settings import artefact, document, issuer

from .deployed import Deployment
from .policy import Answer, Context, run
from .runtimes import Function

SIGNER = forge.Signer("ES256")


class Guarded:
    """An API with the fragment, before a Function of its own."""

    def __init__(self, function: Function) -> None:
        self._log = function._log
        self.fragment = policies.ask_the_function(
            f"http://127.0.0.1:{function._port}/api/authorize"
        )

    def ask(self, method: str, path: str, **headers: str) -> tuple[Answer | None, Context]:
        context = Context(method, path, {name.replace("_", "-"): v for name, v in headers.items()})
        return run(self.fragment, context), context

    def logged(self) -> tuple[tuple[int, str | None], ...]:
        return self._log.decisions()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("policy")
    told = document(
        SIGNER,
        sandbox=True,
        # Nothing listens there: the deployed keys are what counts.
        issuers=[issuer(SIGNER, jwks_urls=["http://127.0.0.1:9/jwks.json"])],
        audit={**document()["audit"], "passes": True},
    )
    function = Function(folder)
    with function.deployed(Deployment(artefact(told), float(forge.NOW)), folder):
        yield Guarded(function)


def bearer(**changes: Any) -> str:
    return f"Bearer {SIGNER.token(forge.good_claims(**changes))}"


@pytest.mark.parametrize(
    ("asked", "claims", "status", "reason"),
    [
        ("GET /orders/7", {"exp": 1, "iat": 0, "nbf": 0}, 401, "token_expired"),
        ("GET /orders/7", {"scope": "other"}, 403, "scope_missing"),
        ("DELETE /orders/7", {}, 403, "role_missing"),
        ("GET /elsewhere", {}, 403, "route_not_allowed"),
    ],
)
def test_a_refusal_ends_the_request_with_the_functions_own_answer(
    guarded: Guarded, asked: str, claims: dict[str, Any], status: int, reason: str
) -> None:
    guarded.logged()
    method, path = asked.split()
    answer, _ = guarded.ask(method, path, authorization=bearer(**claims))
    assert answer is not None
    assert (answer.status, guarded.logged()) == (status, ((status, reason),))
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["x-request-id"] == Context("", "", {}).request_id


def test_without_a_token_the_request_ends_with_401(guarded: Guarded) -> None:
    guarded.logged()
    answer, _ = guarded.ask("GET", "/orders/7")
    assert answer is not None
    assert (answer.status, guarded.logged()) == (401, ((401, "token_missing"),))


def test_a_good_token_goes_on_with_its_identity_and_nothing_that_the_caller_made_up(
    guarded: Guarded,
) -> None:
    forged = dict.fromkeys([*IDENTITY_HEADERS, *OVERRIDE_HEADERS], "administrator")
    answer, context = guarded.ask(
        "GET", "/orders/7", **forged, authorization=bearer(jti=None), accept="text/html"
    )
    assert answer is None
    assert "administrator" not in str(context.headers)
    assert context.headers["x-signet-subject"] == "service-orders"
    assert context.headers["x-signet-key-id"] == SIGNER.kid
    assert context.headers["x-signet-token-id"] == ""
    assert context.headers["accept"] == "text/html"


def test_what_a_caller_says_of_method_and_path_is_not_what_is_asked(guarded: Guarded) -> None:
    guarded.logged()
    answer, _ = guarded.ask(
        "GET",
        "/elsewhere",
        authorization=bearer(),
        x_signet_original_method="GET",
        x_signet_original_path="/orders/7",
    )
    assert answer is not None
    assert (answer.status, guarded.logged()) == (403, ((403, "route_not_allowed"),))


def test_without_the_function_nothing_passes_and_the_caller_may_try_again() -> None:
    # Nothing listens on the discard port.
    fragment = policies.ask_the_function("http://127.0.0.1:9/api/authorize")
    answer = run(fragment, Context("GET", "/orders/7", {"authorization": bearer()}))
    assert answer is not None
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_what_the_interpreter_does_not_know_is_an_error() -> None:
    for odd in ("<set-body />", '<set-header name="a" exists-action="skip" />'):
        with pytest.raises((KeyError, NotImplementedError)):
            run(f"<fragment>{odd}</fragment>", Context("GET", "/", {}))
