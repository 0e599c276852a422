"""The launcher that set-up writes beside a built `pulumi` really starts dynamic resources."""

import os
import sys
from pathlib import Path

import pulumi
import pytest
from pulumi import automation, dynamic

from signet.engine import command
from tools.house import engine

pytestmark = pytest.mark.engine


class Echo(dynamic.ResourceProvider):
    """Gives back what it was given, and where it ran."""

    def create(self, props: dict[str, object]) -> dynamic.CreateResult:
        return dynamic.CreateResult("echo-1", {"said": props["said"], "pid": os.getpid()})


class Echoed(dynamic.Resource):
    said: pulumi.Output[str]
    pid: pulumi.Output[int]

    def __init__(self, name: str, said: str) -> None:
        super().__init__(Echo(), name, {"said": said, "pid": None})


def test_a_dynamic_resource_is_created_in_a_process_of_its_own(tmp_path: Path) -> None:
    found = command.find()
    if not (found.path.parent / "pulumi-resource-pulumi-python").is_file():
        engine._write_launcher(tmp_path)
    (tmp_path / "state").mkdir()

    def program() -> None:
        echoed = Echoed("echoed", "hello")
        pulumi.export("said", echoed.said)
        pulumi.export("pid", echoed.pid)

    workspace = automation.LocalWorkspaceOptions(
        pulumi_command=automation.PulumiCommand(root=_root(tmp_path, found.path)),
        project_settings=automation.ProjectSettings(
            "launcher",
            "python",
            backend=automation.ProjectBackend(f"file://{tmp_path / 'state'}"),
        ),
        env_vars={
            "PULUMI_CONFIG_PASSPHRASE": "",
            "SIGNET_PYTHON": sys.executable,
            "PATH": os.pathsep.join([str(found.path.parent), str(tmp_path), os.environ["PATH"]]),
        },
    )
    stack = automation.create_stack("test", "launcher", program, opts=workspace)
    result = stack.up()

    assert result.outputs["said"].value == "hello"
    assert int(result.outputs["pid"].value) != os.getpid()
    assert stack.destroy().summary.result == "succeeded"


def _root(folder: Path, pulumi_path: Path) -> str:
    """The SDK wants an installation's root: a folder with `bin/pulumi` in it."""
    (folder / "bin").mkdir()
    (folder / "bin" / "pulumi").symlink_to(pulumi_path)
    return str(folder)
