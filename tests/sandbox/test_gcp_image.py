"""Cloud Run's fake runs a validator from its image as it does from source, by the real bundle."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components import packaging
from components.bundle_tar import pack
from components.gcp.image import refuse_another_bundle
from components.oci_layout import Layout
from components.validator_image import COMMAND, BuiltImage, ImageArgs, build_image
from sandbox.gcp.cloud import Gcp, Refused
from sandbox.gcp.run_types import RESOURCES
from signet.errors import SettingsError
from tests.cases import forge
from tests.cases.base_image import base_image
from tests.cases.registry_push import push
from tests.cases.settings import artefact, document

from .gcp_running import running
from .test_gcp_fake import settings

SERVICE = "projects/p/locations/europe-west3/services/{}"
NAME = "signet/validator"


@pytest.fixture(scope="module")
def bundle() -> packaging.Bundle:
    return packaging.build_bundle(packaging.default_target())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("image")


@pytest.fixture(scope="module")
def made(bundle: packaging.Bundle, folder: Path) -> BuiltImage:
    python = packaging.default_target()
    base_image(folder / "base", python=f"{python}.1", nested=True)
    return build_image(
        ImageArgs(base=folder / "base", bundle=bundle, python=python, out=folder / "image")
    )


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcp]:
    with running(tmp_path_factory.mktemp("gcp")) as found:
        yield found


def from_source(cloud: Gcp, bundle: packaging.Bundle) -> dict[str, Any]:
    digest = cloud.keep(pack(bundle.path.read_bytes()))
    cloud.create("bucket", "code", {})
    cloud.create("object", "code/bundle", {}, digest)
    return {
        "image": "scratch",
        "commands": [COMMAND[0]],
        "args": list(COMMAND[1:]),
        "sourceCode": {"cloudStorageSource": {"bucket": "code", "object": "bundle"}},
    }


def ask(port: int, path: str, token: str = "") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    told = {k.lower(): v for k, v in answer.getheaders() if k.lower() != "date"}
    body = answer.read()
    connection.close()
    return answer.status, told, body


@pytest.fixture(scope="module")
def signer() -> forge.Signer:
    return forge.Signer("RS256")


@pytest.fixture(scope="module")
def variants(
    cloud: Gcp, bundle: packaging.Bundle, made: BuiltImage, folder: Path, signer: forge.Signer
) -> Iterator[dict[str, int]]:
    """By variant: the port of a validator, both with the same settings."""
    assert Layout(folder / "image").image()[0] == made.digest
    told = base64.b64encode(artefact(document(signer))).decode()
    envs = [{"name": "SIGNET_SETTINGS", "value": told}]
    containers = {
        "source": from_source(cloud, bundle),
        "image": {"image": push(cloud.port, NAME, Layout(folder / "image"))},
    }
    ports = {}
    for name, container in containers.items():
        inputs = {"template": {"containers": [{**container, "envs": envs}]}}
        ports[name] = int(cloud.create("service", SERVICE.format(name), inputs)["port"])
    yield ports
    for name in containers:
        cloud.delete("service", SERVICE.format(name))


def tokens(signer: forge.Signer) -> Mapping[str, str]:
    now = int(time.time())
    good = signer.token(forge.good_claims(iat=now, nbf=now, exp=now + 600))
    old = signer.token(forge.good_claims(iat=now - 900, nbf=now - 900, exp=now - 300))
    return {"good": good, "altered": good[:-8] + "AAAAAAAA", "expired": old, "none": ""}


def test_an_image_answers_as_the_source_does_to_good_and_bad_tokens(
    variants: dict[str, int], signer: forge.Signer
) -> None:
    given = tokens(signer)
    told = {
        name: {case: ask(port, "/authorize/orders/7", token) for case, token in given.items()}
        for name, port in variants.items()
    }
    assert {case: answer[0] for case, answer in told["image"].items()} == {
        "good": 200,
        "altered": 401,
        "expired": 401,
        "none": 401,
    }
    assert told["image"] == told["source"]


def test_an_image_states_the_hash_of_the_same_bundle(
    variants: dict[str, int], bundle: packaging.Bundle
) -> None:
    told = {name: json.loads(ask(port, "/health")[2]) for name, port in variants.items()}
    assert told["image"] == told["source"]
    assert told["image"]["bundle_sha256"] == bundle.tree_sha256
    assert told["image"]["ready"] is True


def test_an_image_that_was_not_pushed_or_is_named_by_a_tag_is_refused(cloud: Gcp) -> None:
    for reference in (f"127.0.0.1:{cloud.port}/{NAME}@sha256:{'0' * 64}", "scratch"):
        inputs = {"template": {"containers": [{"image": reference}]}}
        with pytest.raises(Refused, match="not found"):
            cloud.create("service", SERVICE.format("none"), inputs)


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        (f"127.0.0.1:1/{NAME}@sha256:{'0' * 64}", []),
        (f"127.0.0.1:1/{NAME}:v1", ["sourceCode", "baseImageUri", "commands"]),
    ],
)
def test_the_plugin_takes_an_image_by_its_digest_alone(image: str, missing: list[str]) -> None:
    validate = RESOURCES["gcp:cloudrunv2/service:Service"].validate
    assert validate is not None
    faults = list(validate({"template": {"containers": [{"image": image}]}}))
    assert [each.path.rpartition(".")[2] for each in faults] == missing


def test_the_registry_tells_the_bundle_before_anything_is_made(
    cloud: Gcp, variants: dict[str, int], bundle: packaging.Bundle, made: BuiltImage
) -> None:
    address = f"127.0.0.1:{cloud.port}"
    found = replace(
        settings(), image=f"{address}/{NAME}@{made.digest}", endpoint=f"http://{address}"
    )
    assert refuse_another_bundle(found, bundle.tree_sha256) is None
    with pytest.raises(SettingsError, match="it holds the bundle"):
        refuse_another_bundle(found, "b" * 64)
