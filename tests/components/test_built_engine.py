"""What set-up puts beside a built `pulumi` command does its work on the real engine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signet.engine import command
from signet.paths import repo_root
from tools.house import engine

pytestmark = pytest.mark.engine

PROJECT = """\
name: tiny
runtime: python
config:
  word: {type: string, default: hello}
"""

PROGRAM = """\
import os
import pulumi
from beside import Echoed

word = pulumi.Config().require("word")
if word == "wrong":
    raise pulumi.RunError("the word is wrong")
if word == "broken":
    raise KeyError("no such word")
echoed = Echoed("echoed", word)
pulumi.export("said", echoed.said)
pulumi.export("elsewhere", echoed.pid.apply(lambda pid: int(pid) != os.getpid()))
"""

BESIDE = """\
import os
from pulumi import Output, dynamic

class Echo(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("echo-1", {"said": props["said"], "pid": os.getpid()})

class Echoed(dynamic.Resource):
    said: Output[str]
    pid: Output[int]

    def __init__(self, name, said):
        super().__init__(Echo(), name, {"said": said, "pid": None})
"""


class Project:
    """A small program in a folder of its own, run by plain `pulumi` as a person would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text(PROJECT)
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "beside.py").write_text(BESIDE)
        # Nothing but the command and our files: whatever Pulumi this machine has is not asked.
        home = folder / "engine"
        home.mkdir()
        (home / "pulumi").symlink_to(command.find().path)
        for file in engine.beside(repo_root()).iterdir():
            shutil.copy(file, home / file.name)
        self._env = {
            "HOME": str(folder),
            "PATH": os.pathsep.join([str(home), "/usr/bin", "/bin"]),
            "SIGNET_PYTHON": sys.executable,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--stack", "test", "--non-interactive"],
            executable=str(self.folder / "engine" / "pulumi"),
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("tiny"))
    assert made.run("stack", "init").returncode == 0
    return made


def test_plain_pulumi_runs_a_python_program_and_its_dynamic_resources(project: Project) -> None:
    up = project.run("up", "--yes")
    assert up.returncode == 0, up.stdout + up.stderr
    assert project.run("stack", "output", "said").stdout.strip() == "hello"
    assert project.run("stack", "output", "elsewhere").stdout.strip() == "true"

    again = project.run("preview", "--expect-no-changes")
    assert again.returncode == 0, again.stdout

    down = project.run("destroy", "--yes")
    assert down.returncode == 0, down.stdout + down.stderr


@pytest.mark.parametrize(
    ("word", "said"), [("wrong", "the word is wrong"), ("broken", "no such word")]
)
def test_a_program_that_fails_fails_the_run_with_its_reason(
    project: Project, word: str, said: str
) -> None:
    preview = project.run("preview", "--config", f"tiny:word={word}")
    assert preview.returncode != 0
    assert said in preview.stdout + preview.stderr
