"""The validator's container image: what is written, by OCI's specification, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components import packaging, validator_image
from components.gcp import image
from components.gcp.rest import Google, Refused
from components.gcp.settings import GcpSettings
from components.settings import parse
from components.surroundings import Surroundings
from components.validator_image import LABEL, BuiltImage, ImageArgs
from signet.errors import SettingsError, UsageError
from tests.cases.base_image import base_image
from tests.components.conftest import Whole
from tests.components.test_gcp import SETTINGS

FILES = {"validator_functions/__init__.py": b"", "function_app.py": b"app = 1\n"}
DIGEST = "a" * 64
PLACE = "europe-docker.pkg.dev/example-org-dev/signet/validator"


@pytest.fixture
def own(tmp_path: Path) -> packaging.Bundle:
    data = packaging.pack(FILES)
    path = tmp_path / "bundle.zip"
    path.write_bytes(data)
    return packaging.Bundle(
        path, hashlib.sha256(data).hexdigest(), packaging.tree_sha256(data), len(data)
    )


def built(tmp_path: Path, own: packaging.Bundle, to: str = "image", **base: Any) -> BuiltImage:
    folder = tmp_path / f"base-{to}"
    base_image(folder, **base)
    args = ImageArgs(base=folder, bundle=own, python="3.12", out=tmp_path / to)
    return validator_image.build_image(args)


def descriptors(told: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(told, dict):
        if "digest" in told:
            yield told
        for each in told.values():
            yield from descriptors(each)
    elif isinstance(told, list):
        for each in told:
            yield from descriptors(each)


def blob(folder: Path, digest: str) -> bytes:
    return (folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def image_of(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    """Manifest, configuration and unpacked layers, each held to its descriptor on the way."""
    index = json.loads((folder / "index.json").read_text())
    manifest = json.loads(blob(folder, index["manifests"][0]["digest"]))
    for each in (*descriptors(index), *descriptors(manifest)):
        data = blob(folder, each["digest"])
        assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == (
            each["digest"],
            each["size"],
        )
    config = json.loads(blob(folder, manifest["config"]["digest"]))
    layers = [gzip.decompress(blob(folder, each["digest"])) for each in manifest["layers"]]
    return manifest, config, layers


@pytest.mark.parametrize(
    "base", [{}, {"docker": True}, {"nested": True}, {"docker": True, "nested": True}]
)
def test_an_image_is_laid_out_as_oci_has_it(
    tmp_path: Path, own: packaging.Bundle, base: dict[str, Any]
) -> None:
    made = built(tmp_path, own, **base)
    folder = tmp_path / "image"
    # OCI Image Format 1.1: "oci-layout file", "index.json file", "Image Manifest", "Config".
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((folder / "index.json").read_text())
    (entry,) = index["manifests"]
    assert (index["schemaVersion"], entry["digest"]) == (2, made.digest)
    assert entry["platform"] == {"architecture": "amd64", "os": "linux"}
    manifest, config, layers = image_of(folder)
    kinds = [manifest["mediaType"], manifest["config"]["mediaType"]]
    kinds += [each["mediaType"] for each in manifest["layers"]]
    assert kinds == [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ]
    assert config["rootfs"]["diff_ids"] == [
        f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers
    ]
    assert len(config["history"]) == len(layers)


def test_it_runs_the_bundle_as_the_service_does_and_as_nobody(
    tmp_path: Path, own: packaging.Bundle
) -> None:
    built(tmp_path, own)
    _, config, layers = image_of(tmp_path / "image")
    ran = config["config"]
    assert ran["Entrypoint"] == ["python3", "-m", "validator_functions.cloud_run"]
    assert (ran["WorkingDir"], ran["User"]) == ("/signet", "65532:65532")
    assert "Cmd" not in ran
    assert "PYTHON_VERSION=3.12.9" in ran["Env"]
    assert ran["Labels"][LABEL] == own.tree_sha256
    assert ran["Labels"]["org.opencontainers.image.title"] == "python"
    with tarfile.open(fileobj=io.BytesIO(layers[-1])) as tar:
        members = tar.getmembers()
        found = {
            each.name.removeprefix("signet/"): tar.extractfile(each).read()  # type: ignore[union-attr]
            for each in members
            if each.isfile()
        }
    assert found == FILES
    assert [each.name for each in members if each.isdir()] == [
        "signet",
        "signet/validator_functions",
    ]
    assert {(each.uid, each.gid, each.mtime) for each in members} == {(0, 0, 0)}
    # Whoever runs it may read everything and write nothing.
    assert {oct(each.mode) for each in members} == {"0o644", "0o755"}


def test_the_same_base_and_bundle_are_the_same_image_wherever_it_is_written(
    tmp_path: Path, own: packaging.Bundle
) -> None:
    one, two = (built(tmp_path, own, to) for to in ("one", "two"))
    assert one == two

    def content(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    assert content(tmp_path / "one") == content(tmp_path / "two")
    data = packaging.pack({**FILES, "more.py": b""})
    own.path.write_bytes(data)
    assert built(tmp_path, replace(own, tree_sha256="c" * 64), "three").digest != one.digest


def test_an_image_is_written_over_and_nothing_else_is(
    tmp_path: Path, own: packaging.Bundle
) -> None:
    first = built(tmp_path, own)
    assert built(tmp_path, own) == first
    assert sorted(each.name for each in tmp_path.iterdir()) == ["base-image", "bundle.zip", "image"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds something else than an image"):
        built(tmp_path, own, "mine")
    assert (mine / "thesis.txt").read_text() == "years of work"


BASES: list[tuple[str, Callable[[Path], object], str]] = [
    ("no folder", lambda base: base, "holds no image that can be read"),
    ("another platform", lambda base: base_image(base, architecture="arm64"), "linux/amd64"),
    ("another Python", lambda base: base_image(base, python="3.13.1"), "brings Python 3.13.1"),
    ("a longer number", lambda base: base_image(base, python="3.120"), "brings Python 3.120"),
]


@pytest.mark.parametrize(
    ("base", "message"), [each[1:] for each in BASES], ids=[b[0] for b in BASES]
)
def test_a_base_that_cannot_carry_the_bundle_is_refused(
    tmp_path: Path, own: packaging.Bundle, base: Callable[[Path], object], message: str
) -> None:
    base(tmp_path / "base")
    args = ImageArgs(base=tmp_path / "base", bundle=own, python="3.12", out=tmp_path / "image")
    with pytest.raises(UsageError, match=message) as raised:
        validator_image.build_image(args)
    assert raised.value.exit_code == 2
    assert not (tmp_path / "image").exists()


def test_a_base_whose_parts_are_not_what_their_names_say_is_refused(
    tmp_path: Path, own: packaging.Bundle
) -> None:
    base_image(tmp_path / "base")
    args = ImageArgs(base=tmp_path / "base", bundle=own, python="3.12", out=tmp_path / "image")
    for path in (tmp_path / "base" / "blobs" / "sha256").iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole + b" ")
        with pytest.raises(UsageError, match="has another hash"):
            validator_image.build_image(args)
        path.write_bytes(whole)
    assert validator_image.build_image(args).python_known


def test_an_earlier_image_is_no_base_for_the_next(tmp_path: Path, own: packaging.Bundle) -> None:
    built(tmp_path, own)
    again = ImageArgs(base=tmp_path / "image", bundle=own, python="3.12", out=tmp_path / "next")
    with pytest.raises(UsageError, match="has a bundle in it already"):
        validator_image.build_image(again)


def settings_of(reference: str = f"{PLACE}@sha256:{DIGEST}") -> GcpSettings:
    raw = {k: v if isinstance(v, str) else json.dumps(v) for k, v in SETTINGS.items()}
    found = parse({**raw, "gcpImage": reference}, Surroundings(stack="dev")).gcp
    assert found is not None
    return found


def test_a_tag_alone_is_refused_with_the_way_to_the_digest() -> None:
    with pytest.raises(SettingsError) as raised:
        settings_of(f"{PLACE}:latest")
    assert raised.value.exit_code == 2
    assert "names a tag at most, and no digest" in str(raised.value)
    assert "@sha256:..., as `crane push` prints it" in str(raised.value)


def test_a_validator_runs_the_image_by_its_own_command_and_another_digest_is_another_revision(
    whole: Whole,
) -> None:
    def declared(digest: str) -> Any:
        # A registry that is not Google's is not asked, so nothing leaves this test.
        return whole(settings={**SETTINGS, "gcpImage": f"registry.example.com/v@sha256:{digest}"})

    runs = [declared(DIGEST), declared("b" * 64)]
    templates = [run.one("gcp-environment-validator-service").inputs["template"] for run in runs]
    containers = [template["containers"][0] for template in templates]
    assert [each.pop("image") for each in containers] == [
        f"registry.example.com/v@sha256:{digest}" for digest in (DIGEST, "b" * 64)
    ]
    assert templates[0] == templates[1]
    assert set(containers[0]) == {"envs", "resources"}
    assert runs[0].of("signet:gcp:CodeStore") == []
    (report,) = json.loads(runs[0].exports["confirmed"])["validators"].values()
    assert report["expected"] == report["reported"]


class Registry(Google):
    """A registry that holds one image whose label says what it was told to say."""

    def __init__(self, label: str | None, *, refused: bool = False, damaged: bool = False) -> None:
        super().__init__(None)
        labels = {} if label is None else {LABEL: label}
        self._config = json.dumps({"config": {"Labels": labels}}).encode()
        manifest = {"config": {"digest": f"sha256:{hashlib.sha256(self._config).hexdigest()}"}}
        self._manifest = json.dumps(manifest).encode()
        self._refused, self._damaged = refused, damaged
        self.asked: list[str] = []

    @property
    def reference(self) -> str:
        return f"{PLACE}@sha256:{hashlib.sha256(self._manifest).hexdigest()}"

    def read(self, host: str, path: str, accept: str) -> bytes | None:
        self.asked.append(f"{host}{path}")
        if self._refused:
            raise Refused(403, "denied")
        found = self._manifest if "/manifests/" in path else self._config
        return found + b" " if self._damaged else found


def looked(registry: Registry, reference: str = "") -> str | None:
    settings = settings_of(reference or registry.reference)
    return image.refuse_another_bundle(settings, "b" * 64, lambda _: registry)


def test_an_image_that_says_it_holds_another_bundle_is_refused_before_anything_is_made() -> None:
    with pytest.raises(SettingsError) as raised:
        looked(Registry("c" * 64))
    assert "it holds the bundle cccccccccccc..., and this program's is bbbbbbbbbbbb..." in str(
        raised.value
    )
    assert "`signet image`" in str(raised.value)
    held = Registry("b" * 64)
    assert looked(held) is None
    assert held.asked[0].startswith(f"https://{PLACE.replace('/', '/v2/', 1)}/manifests/sha256:")


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        (Registry(None), "has no label signet.bundle-sha256"),
        (Registry("c" * 64, refused=True), "could not be read (gcp: 403: denied)"),
        (Registry("b" * 64, damaged=True), "has another hash"),
    ],
)
def test_what_a_registry_does_not_tell_is_said_and_left_to_doctor(
    registry: Registry, said: str
) -> None:
    line = looked(registry)
    assert line is not None
    assert said in line
    assert "`signet doctor` will tell" in line


def test_the_deployers_token_goes_to_googles_registries_alone() -> None:
    registry = Registry("c" * 64)
    for host in ("registry.example.com", "europe-docker.pkg.dev.example.com", "xgcr.io"):
        line = looked(registry, f"{host}/signet/validator@sha256:{DIGEST}")
        assert "its registry is not Google's, and was not asked" in str(line)
    assert registry.asked == []
