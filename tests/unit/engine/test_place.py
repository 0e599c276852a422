"""Where a stack's run takes place."""

import json
import os
from pathlib import Path

import pytest

from signet.engine import place, sandbox_marker
from signet.engine.place import Place
from signet.errors import SettingsError

PASSPHRASE = {"PULUMI_CONFIG_PASSPHRASE": "correct horse"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: signet\nruntime: python\n", encoding="utf-8")
    for stack in ("local", "dev", "prod"):
        (folder / f"Pulumi.{stack}.yaml").write_text("config: {}\n", encoding="utf-8")
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A person's environment, with no Pulumi login."""
    return {"HOME": str(tmp_path / "home"), "SIGNET_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture
def sandbox(tmp_path: Path) -> dict[str, str]:
    """What the sandbox gives its stacks."""
    folder = tmp_path / "state" / "sandbox"
    sandbox_marker.write_marker(folder / "backend", "id-1")
    (folder / "sandbox.json").write_text(json.dumps({"id": "id-1"}), encoding="utf-8")
    return {
        "SIGNET_SANDBOX": str(folder),
        "PULUMI_HOME": str(folder / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "test",
    }


def faults(stack: str, environ: dict[str, str], root: Path) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        place.resolve(stack, environ, root=root)
    return [fault.key for fault in raised.value.faults]


def test_a_sandbox_stack_takes_the_sandboxs_environment_and_nothing_of_the_persons_clouds(
    root: Path, environ: dict[str, str], sandbox: dict[str, str]
) -> None:
    persons = {
        **environ,
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "x",
        "PULUMI_ACCESS_TOKEN": "x",
        "PULUMI_BACKEND_URL": "s3://company-state",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/x",
        "GOOGLE_APPLICATION_CREDENTIALS": "/x",
        "LANG": "C.UTF-8",
    }
    found = place.resolve("local", persons, sandbox=sandbox, root=root)
    assert found.in_sandbox
    assert found.backend_url == sandbox["PULUMI_BACKEND_URL"]
    assert {name: found.environment[name] for name in sandbox} == sandbox
    assert found.environment["LANG"] == "C.UTF-8"
    assert not {name for name in persons if name in found.environment} - {
        *environ,
        *sandbox,
        "LANG",
    }


def test_a_real_stack_defaults_to_a_local_folder(root: Path, environ: dict[str, str]) -> None:
    found = place.resolve("dev", {**environ, **PASSPHRASE}, root=root)
    assert found.backend_url == f"file://{environ['SIGNET_STATE_DIR']}/state?metadata=skip"
    assert found.backend_folder == Path(environ["SIGNET_STATE_DIR"]) / "state"
    assert (found.default_backend, found.in_sandbox) == (True, False)
    assert found.work_dir == Path(environ["SIGNET_STATE_DIR"]) / "work" / "dev"


def test_the_environment_names_the_backend_before_the_project_file_does(
    root: Path, environ: dict[str, str]
) -> None:
    (root / "Pulumi.yaml").write_text(
        "name: signet\nruntime: python\nbackend:\n  url: gs://project\n", encoding="utf-8"
    )
    named = {**environ, **PASSPHRASE, "PULUMI_BACKEND_URL": "azblob://named"}
    assert place.resolve("dev", named, root=root).backend_url == "azblob://named"
    assert place.resolve("dev", {**environ, **PASSPHRASE}, root=root).backend_url == "gs://project"


@pytest.mark.parametrize("text", ['{"current": "https://api.pulumi.com"}', "sealed by the system"])
def test_a_login_decides_where_nothing_else_does(
    root: Path, environ: dict[str, str], text: str
) -> None:
    home = Path(environ["HOME"]) / ".pulumi"
    home.mkdir(parents=True)
    (home / "credentials.json").write_text(text, encoding="utf-8")
    found = place.resolve("dev", environ, root=root)
    assert found.backend_url is None
    assert "PULUMI_BACKEND_URL" not in found.environment


def test_an_access_token_is_a_login(root: Path, environ: dict[str, str]) -> None:
    found = place.resolve("dev", {**environ, "PULUMI_ACCESS_TOKEN": "pul-x"}, root=root)
    assert found.backend_url is None


@pytest.mark.parametrize("url", [None, "file:///state", "s3://state", "azblob://state"])
def test_a_state_without_a_way_to_encrypt_secrets_is_a_fault(
    root: Path, environ: dict[str, str], url: str | None
) -> None:
    named = {"PULUMI_BACKEND_URL": url} if url else {}
    assert faults("dev", {**environ, **named}, root) == ["PULUMI_CONFIG_PASSPHRASE"]


def test_a_kms_for_secrets_needs_no_passphrase(root: Path, environ: dict[str, str]) -> None:
    (root / "Pulumi.dev.yaml").write_text(
        "secretsprovider: awskms://alias/state\n", encoding="utf-8"
    )
    assert place.resolve("dev", environ, root=root).secrets_provider == "awskms://alias/state"


def test_a_real_stack_runs_in_the_sandbox_only_with_its_whole_environment(
    root: Path, environ: dict[str, str], sandbox: dict[str, str]
) -> None:
    found = place.resolve("dev", {**environ, **sandbox}, root=root)
    assert found.in_sandbox
    assert found.backend_url == sandbox["PULUMI_BACKEND_URL"]


@pytest.mark.parametrize(
    ("left_out", "key"),
    [
        ("PULUMI_BACKEND_URL", "PULUMI_BACKEND_URL"),
        ("SIGNET_SANDBOX", "AWS_ENDPOINT_URL"),
    ],
)
def test_a_real_stack_in_a_half_set_sandbox_is_refused(
    root: Path, environ: dict[str, str], sandbox: dict[str, str], left_out: str, key: str
) -> None:
    half = {name: value for name, value in sandbox.items() if name != left_out}
    assert faults("dev", {**environ, **PASSPHRASE, **half}, root) == [key]


def test_without_the_sandboxs_variable_nothing_of_it_is_used(
    root: Path, environ: dict[str, str], sandbox: dict[str, str]
) -> None:
    kept = {name: sandbox[name] for name in ("PULUMI_BACKEND_URL", "PULUMI_HOME")}
    assert faults("dev", {**environ, **PASSPHRASE, **kept}, root) == list(kept)


def test_a_sandbox_stack_on_a_foreign_backend_is_refused(
    root: Path, environ: dict[str, str], sandbox: dict[str, str]
) -> None:
    astray = {**environ, **sandbox, "PULUMI_BACKEND_URL": "s3://company-state"}
    with pytest.raises(SettingsError, match="is not a folder"):
        place.resolve("local", astray, sandbox=sandbox, root=root)


def test_another_sandbox_than_the_state_folders_is_refused(
    root: Path, environ: dict[str, str], sandbox: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "sandbox"
    sandbox_marker.write_marker(other / "backend", "id-2")
    (other / "sandbox.json").write_text(json.dumps({"id": "id-2"}), encoding="utf-8")
    astray = {
        **environ,
        "SIGNET_SANDBOX": str(other),
        "PULUMI_BACKEND_URL": f"file://{other / 'backend'}",
    }
    with pytest.raises(SettingsError, match="another sandbox"):
        place.resolve("local", astray, sandbox=sandbox, root=root)


@pytest.mark.parametrize("name", ["", "../prod", "a b", "x" * 101, "a/b/c/d"])
def test_a_name_that_is_none_is_a_fault(root: Path, environ: dict[str, str], name: str) -> None:
    assert faults(name, environ, root) == ["STACK"]


def test_a_stack_without_settings_names_those_that_have_some(
    root: Path, environ: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match="dev, local, prod"):
        place.resolve("staging", environ, root=root)


def test_a_settings_file_that_is_not_yaml_is_a_fault(root: Path, environ: dict[str, str]) -> None:
    (root / "Pulumi.dev.yaml").write_text("config: {", encoding="utf-8")
    assert faults("dev", {**environ, **PASSPHRASE}, root) == ["Pulumi.dev.yaml"]


def test_the_environment_is_applied_whole_and_put_back(
    root: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEFT_OVER", "x")
    found: Place = place.resolve("dev", {**environ, **PASSPHRASE}, root=root)
    before = dict(os.environ)
    with found.applied():
        assert dict(os.environ) == dict(found.environment)
    assert dict(os.environ) == before


def test_a_stacks_organisation_is_not_part_of_its_settings_file(
    root: Path, environ: dict[str, str]
) -> None:
    found = place.resolve("acme/signet/prod", {**environ, "PULUMI_ACCESS_TOKEN": "x"}, root=root)
    assert found.settings_name == "prod"
    assert found.work_dir.name == "acme-signet-prod"


@pytest.mark.parametrize(
    ("project", "stack", "named"),
    [
        ("", "  signet:clouds: [aws, gcp]\n", ("aws", "gcp")),
        ("config: {clouds: {type: array, default: [azure]}}\n", "", ("azure",)),
        (
            "config: {clouds: {type: array, default: [azure]}}\n",
            "  signet:clouds: [gcp]\n",
            ("gcp",),
        ),
        ("", "", ()),
        ("", "  signet:clouds: all\n", ()),
    ],
)
def test_the_clouds_that_a_stack_names_are_known_before_it_is_opened(
    root: Path, project: str, stack: str, named: tuple[str, ...]
) -> None:
    (root / "Pulumi.yaml").write_text(f"name: signet\nruntime: python\n{project}")
    (root / "Pulumi.local.yaml").write_text(f"config:\n{stack}" if stack else "config: {}\n")
    assert place.named_clouds("local", root) == named
    with pytest.raises(SettingsError, match=r"Pulumi\.none\.yaml"):
        place.named_clouds("none", root)


def test_the_shipped_sandbox_stacks_name_all_three() -> None:
    for name in sorted(sandbox_marker.SANDBOX_STACKS):
        assert place.named_clouds(name) == ("aws", "azure", "gcp")
