"""Environments x homes of the key, on the real engine and the sandbox: up, answers, and down."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sandbox
from components import packaging
from components.oci_layout import Layout
from components.program import main
from components.validator_image import ImageArgs, build_image
from sandbox import supervisor
from sandbox.aws.cloud import ACCOUNT
from signet.cli import demo, down, issuing_record, stack_run
from signet.documents import DISCOVERY_PATH, JWKS_PATH
from signet.engine import place
from signet.engine.stack import EngineStack, resources_of
from signet.errors import SettingsError
from signet.probing import report
from signet.probing.gateway_call import post_form
from tests.cases.base_image import base_image
from tests.cases.registry_push import push
from tests.components.test_engine import Checkout, get

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.network]

CLOUDS = ("aws", "azure", "gcp")
KEYS = {
    "aws": "aws:kms/key:Key",
    "azure": "azure-native:keyvault:Key",
    "gcp": "gcp:kms/cryptoKeyVersion:CryptoKeyVersion",
}
MATRIX = [
    # prod's hardware keys, read-back and explicit issuer, and no part of it in the usual home.
    pytest.param("prod", "azure", id="prod-azure"),
    *(
        pytest.param(stack, home, id=f"{stack}-{home}", marks=pytest.mark.drill)
        for stack in ("dev", "prod", "local")
        for home in CLOUDS
        if (stack, home) != ("prod", "azure")
    ),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A sandbox for the whole matrix: what one leaves behind would stop the next."""
    folder = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNET_STATE_DIR", str(folder / "state"))
        try:
            sandbox.start(folder / "state", say=lambda _: None)
            yield Checkout(folder / "state", folder / "root")
        finally:
            supervisor.forget(folder / "state", say=lambda _: None)


def opened(checkout: Checkout, name: str, **settings: str) -> EngineStack:
    """A stack with its shipped settings, but for what the sandbox cannot have.

    It has one Python and one account, and no function of the platform team's own as a back end.
    """
    # Policies for HTTP APIs there, simple answers everywhere else.
    real = {"awsAccountId": f"'{ACCOUNT}'", "awsHttpAnswers": "iam"}
    own = {} if place.is_sandbox_stack(name) else real
    checkout.configure(
        name,
        tokenService="create",
        clouds=f"[{', '.join(CLOUDS)}]",
        python="running",
        awsBackend="echo",
        **own,
        **settings,
    )
    environ = {**os.environ, **supervisor.environment(checkout.state)}
    if not place.is_sandbox_stack(name):
        environ["AWS_REGION"] = "eu-central-1"  # theirs; the demo reads the functions' log there
    inside = environ if place.is_sandbox_stack(name) else None
    at = place.resolve(name, environ, sandbox=inside, root=checkout.root)
    return EngineStack(at)


@pytest.mark.parametrize(("name", "home"), MATRIX)
def test_an_environment_goes_up_answers_and_comes_down_with_its_key_anywhere(
    checkout: Checkout, name: str, home: str
) -> None:
    stack = opened(checkout, name, home=home)
    stack.create()
    stack.up(main)
    kinds = [resource["type"] for resource in resources_of(stack.export())]
    assert {cloud: kinds.count(kind) for cloud, kind in KEYS.items()} == {
        cloud: 2 if cloud == home else 0 for cloud in CLOUDS
    }
    check_answers(stack)
    check_documents(stack)
    check_token_service(stack)
    if not place.is_sandbox_stack(name):
        with pytest.raises(SettingsError, match="signet:protectKeys"):
            down._refuse_guarded(name, stack_run.guarded(stack))
        stack = opened(checkout, name, home=home, protectKeys="false")
        stack.up(main)
    stack.destroy()
    assert resources_of(stack.export()) == []
    stack.remove()


def check_answers(stack: EngineStack) -> None:
    """Every case of the demo, at every gateway, as its table says."""
    found = issuing_record.read(stack)
    with stack.place.applied():
        gateways, results = demo._compare(stack, found, quiet=True)
    assert {gateway.cloud for gateway in gateways} == set(CLOUDS)
    assert [each for result in results for each in result.differences] == []
    (digest,) = {hash_ for hashes in report.bundles(results).values() for hash_ in hashes}
    assert report.bundles(results) == {cloud: [digest] for cloud in CLOUDS}


def check_token_service(stack: EngineStack) -> None:
    """It answers, and by the words of its own settings: these ask for a grant that it has not."""
    url = stack.outputs()["tokenService"]["url"]
    answer = post_form(url, {"grant_type": "client_credentials"})
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "unsupported_grant_type")


def check_documents(stack: EngineStack) -> None:
    """The same bytes from the three stores, with the headers that consumers go by."""
    urls = stack.outputs()["jwksUrls"]
    for path, kind in (
        (JWKS_PATH, "application/jwk-set+json"),
        (DISCOVERY_PATH, "application/json"),
    ):
        told = [get(url.removesuffix(JWKS_PATH) + path) for url in urls.values()]
        assert [status for status, _, _ in told] == [200] * len(CLOUDS)
        assert len({hashlib.sha256(body).hexdigest() for _, _, body in told}) == 1
        for _, headers, body in told:
            assert body
            assert headers["Content-Type"] == kind
            assert headers["Cache-Control"] == "public, max-age=300"
            assert headers["ETag"]


@pytest.mark.drill
@pytest.mark.parametrize("only", CLOUDS)
def test_one_cloud_alone_is_a_complete_system(checkout: Checkout, only: str) -> None:
    opened(checkout, "local", home=only)
    checkout.configure("local", clouds=f"[{only}]", home=only)
    stack = checkout.stack("local")
    stack.up(main)
    found = issuing_record.read(stack)
    with stack.place.applied():
        gateways, results = demo._compare(stack, found, quiet=True)
    assert {gateway.cloud for gateway in gateways} == {only}
    assert [each for result in results for each in result.differences] == []
    check_token_service(stack)
    stack.destroy()
    stack.remove()


@pytest.mark.drill
def test_a_generation_stays_in_the_cloud_that_it_was_made_in(checkout: Checkout) -> None:
    stack = opened(checkout, "dev", home="aws")
    stack.create()
    stack.up(main)
    before = stack.outputs()["signingKeys"]
    stack = opened(checkout, "dev", home="gcp", protectKeys="false")
    stack.up(main)
    assert stack.outputs()["signingKeys"] == before
    check_answers(stack)
    stack.destroy()
    stack.remove()


@pytest.mark.drill
def test_cloud_run_runs_an_image_by_its_digest_and_another_one_takes_over(
    checkout: Checkout, tmp_path: Path
) -> None:
    """The whole way of a team: write the image, push it, name its digest, go up, change it."""
    python = packaging.default_target()
    bundle = packaging.build_bundle(python)

    def pushed(name: str, of: packaging.Bundle, **base: Any) -> str:
        base_image(tmp_path / name, **base)
        out = tmp_path / f"{name}-image"
        build_image(ImageArgs(base=tmp_path / name, bundle=of, python=python, out=out))
        port = int(
            json.loads((checkout.state / "sandbox" / "sandbox.json").read_text())["ports"]["gcp"]
        )
        return push(port, "signet/validator", Layout(out))

    def run(reference: str) -> tuple[EngineStack, str]:
        stack = opened(checkout, "local", home="gcp", gcpImage=f"'{reference}'")
        if not stack.exists():
            stack.create()
        stack.up(main)
        (service,) = (
            each["outputs"]
            for each in resources_of(stack.export())
            if each["urn"].endswith("::gcp-environment-validator-service")
        )
        return stack, service["template"]["containers"][0]["image"]

    first = pushed("first", bundle, python=f"{python}.1")
    stack, runs = run(first)
    assert runs == first
    check_answers(stack)
    second = pushed("second", bundle, python=f"{python}.2")
    assert second != first
    stack, runs = run(second)
    assert runs == second
    check_answers(stack)
    other = pushed("third", replace(bundle, tree_sha256="c" * 64), python=f"{python}.1")
    with pytest.raises(SettingsError, match="it holds the bundle cccccccccccc"):
        run(other)
    stack, runs = run(second)
    assert runs == second
    stack.destroy()
    assert resources_of(stack.export()) == []
    stack.remove()
