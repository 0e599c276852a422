"""The one decision whether a run is inside the sandbox."""

import json
from pathlib import Path

import pytest

from signet.engine import sandbox_marker
from signet.errors import SettingsError

ID = "7c0f2c1e-7d5c-4f5e-9a41-0e4f2a3c9b11"


@pytest.fixture
def inside(tmp_path: Path) -> dict[str, str]:
    """The environment of a sandbox."""
    folder = tmp_path / "sandbox"
    sandbox_marker.write_marker(folder / "backend", ID)
    (folder / "sandbox.json").write_text(json.dumps({"schema": 1, "id": ID}), encoding="utf-8")
    return {
        "SIGNET_SANDBOX": str(folder),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    }


def test_a_sandboxs_whole_environment_is_inside(inside: dict[str, str]) -> None:
    marker = sandbox_marker.active(inside)
    assert marker is not None
    assert marker.sandbox_id == ID
    assert str(marker.folder) == inside["SIGNET_SANDBOX"]


def test_an_ordinary_environment_is_outside() -> None:
    assert sandbox_marker.active({"PULUMI_BACKEND_URL": "s3://state", "AWS_REGION": "x"}) is None


def test_a_marked_backend_alone_is_outside(inside: dict[str, str]) -> None:
    assert sandbox_marker.active({"PULUMI_BACKEND_URL": inside["PULUMI_BACKEND_URL"]}) is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "is not a folder"),
        ("s3://company-state", "is not a folder"),
        ("https://api.pulumi.com", "is not a folder"),
        ("file://host/share", "is not a folder"),
        ("file://~/state", "is not a folder"),
        ("file:///nonexistent", "does not carry"),
    ],
)
def test_the_sandboxs_variable_with_any_other_backend_is_refused(
    inside: dict[str, str], url: str, told: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        sandbox_marker.active({**inside, "PULUMI_BACKEND_URL": url})
    assert told in str(raised.value)
    assert raised.value.faults[0].key == "PULUMI_BACKEND_URL"
    assert raised.value.faults[0].value == url


@pytest.mark.parametrize("content", ["", "{}", '{"id": 7}', '{"id": ""}', "[]", '{"id": "other"}'])
def test_a_marker_that_names_no_sandbox_or_another_is_refused(
    inside: dict[str, str], content: str
) -> None:
    backend = sandbox_marker.backend_path(inside["PULUMI_BACKEND_URL"])
    assert backend is not None
    (backend / sandbox_marker.FILE_NAME).write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError):
        sandbox_marker.active(inside)


def test_a_copied_backend_is_not_the_copys_sandbox(inside: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other" / "sandbox"
    sandbox_marker.write_marker(other / "backend", "another")
    (other / "sandbox.json").write_text(json.dumps({"id": "another"}), encoding="utf-8")
    with pytest.raises(SettingsError, match="is not the backend of the sandbox"):
        sandbox_marker.active({**inside, "SIGNET_SANDBOX": str(other)})


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_KMS",
        "STORAGE_EMULATOR_HOST",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS",
        "GOOGLE_KMS_CUSTOM_ENDPOINT",
    ],
)
def test_an_endpoint_override_outside_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        sandbox_marker.active({name: "http://127.0.0.1:1"})
    assert [fault.key for fault in raised.value.faults] == [name]


def test_all_overrides_are_reported_at_once_and_empty_ones_do_not_count() -> None:
    with pytest.raises(SettingsError) as raised:
        sandbox_marker.active(
            {"AWS_ENDPOINT_URL": "x", "STORAGE_EMULATOR_HOST": "y", "AWS_ENDPOINT_URL_S3": ""}
        )
    assert [fault.key for fault in raised.value.faults] == [
        "AWS_ENDPOINT_URL",
        "STORAGE_EMULATOR_HOST",
    ]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b", Path("/a/b")),
        ("file:///a%20b", Path("/a b")),
        ("file://./a", None),
        ("file://a/b", None),
        ("s3://a", None),
        ("", None),
        ("/a/b", None),
    ],
)
def test_only_an_absolute_file_url_is_a_folder(url: str, path: Path | None) -> None:
    assert sandbox_marker.backend_path(url) == path
