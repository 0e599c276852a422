"""The pipelines that platform teams copy: linted, pinned, least rights, and their scripts run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from signet.paths import repo_root
from tests.cases import forge
from tests.storage.emulators import got
from tools.house import linters
from tools.pipeline import preview_comment

CI = repo_root() / "ci"
ACTIONS = sorted((CI / "github" / "actions").glob("*/action.yml"))
WORKFLOWS = sorted((CI / "github" / "workflows").glob("*.yml"))
GITLAB = CI / "gitlab" / "signet.yml"


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    told = load(path)
    if "runs" in told:
        yield from told["runs"]["steps"]
    for job in told.get("jobs", {}).values():
        yield from job.get("steps", [])


def step(path: str, text: str) -> dict[str, Any]:
    """The one step of a file whose script has a text."""
    (found,) = [each for each in steps(CI / "github" / path) if text in each.get("run", "")]
    return found


# --- as files -------------------------------------------------------------------------------------


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """A repository as its platform team has it: workflows below `.github`."""
    shutil.copytree(CI / "github" / "workflows", tmp_path / ".github" / "workflows")
    shutil.copytree(CI / "github", tmp_path / "ci" / "github")
    (tmp_path / ".git").mkdir()
    return tmp_path


def linted(platform: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*got(linters.actionlint), "-no-color", "-shellcheck=", "-pyflakes="],
        cwd=platform,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_actionlint_finds_nothing(platform: Path) -> None:
    found = linted(platform)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("aws-role: ${{ vars", "aws-rolle: ${{ vars", 'input "aws-rolle" is not defined'),
        ("inputs.stack }}", "inputs.stak }}", 'property "stak" is not defined'),
        ("id-token: write", "id-tokens: write", 'unknown permission scope "id-tokens"'),
    ],
)
def test_actionlint_would_find_a_slip(platform: Path, good: str, bad: str, told: str) -> None:
    path = platform / ".github" / "workflows" / "signet-up.yml"
    path.write_text(path.read_text().replace(good, bad, 1))
    found = linted(platform)
    assert found.returncode == 1
    assert told in found.stdout


def test_zizmor_finds_nothing(platform: Path) -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    options = ["--offline", "--no-progress", "--color=never", "--config=ci/github/zizmor.yml"]
    found = subprocess.run(
        [zizmor, *options, ".github", "ci/github/actions"],
        cwd=platform,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, "No findings" in found.stdout) == (0, True), found.stdout


@pytest.mark.parametrize("path", [*ACTIONS, *WORKFLOWS], ids=lambda path: path.parent.name)
def test_what_is_used_is_pinned_by_its_whole_commit(path: Path) -> None:
    for each in steps(path):
        if "uses" in each and not each["uses"].startswith("./"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each["uses"]), each["uses"]
    for line in re.findall(r"uses: (?!\./)(.*)", path.read_text()):
        assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_rights_and_each_job_the_fewest(path: Path) -> None:
    told = load(path)
    assert told["permissions"] == {}
    for name, job in told["jobs"].items():
        allowed = {"contents": "read", "id-token": "write", "pull-requests": "write"}
        assert job["permissions"].items() <= allowed.items(), name
        runs_code = any("checkout" in each.get("uses", "") for each in job.get("steps", []))
        assert not (runs_code and "pull-requests" in job["permissions"]), name


def test_a_run_under_way_is_never_cancelled_and_stands_behind_its_environment() -> None:
    (job,) = load(CI / "github" / "workflows" / "signet-up.yml")["jobs"].values()
    assert job["concurrency"]["cancel-in-progress"] is False
    assert job["environment"] == "${{ inputs.stack }}"
    gitlab = load(GITLAB)[".signet-up"]
    assert gitlab["resource_group"] == "signet-$SIGNET_STACK"
    assert gitlab["interruptible"] is False
    assert gitlab["environment"] == {"name": "$SIGNET_STACK"}


def test_rotation_is_scheduled() -> None:
    told = load(CI / "github" / "workflows" / "signet.yml")
    assert told[True if True in told else "on"]["schedule"] == [{"cron": "23 5 * * *"}]


@pytest.mark.parametrize("path", [*ACTIONS, *WORKFLOWS], ids=lambda path: path.parent.name)
def test_no_expression_stands_in_a_script(path: Path) -> None:
    """What a pull request names could become code there; scripts get it by their environment."""
    for each in steps(path):
        assert "${{" not in each.get("run", "")


@pytest.mark.parametrize("path", [GITLAB, *ACTIONS], ids=lambda path: path.parent.name)
def test_a_file_that_a_script_names_is_there(path: Path) -> None:
    for name in re.findall(r"(?:tools|requirements)/[\w./]+\.(?:py|txt)", path.read_text()):
        assert (repo_root() / name).is_file(), name


# --- their scripts, run ---------------------------------------------------------------------------


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """As GitHub and GitLab run a script: bash, ending at the first failure."""
    told = {
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "RUNNER_TEMP": str(folder),
        "GITHUB_OUTPUT": str(folder / "output"),
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**told, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/usr/bin/env bash\n{text}\n")
    file.chmod(0o755)


PREVIEW = {
    "stack": "prod",
    "counts": {"update": 1},
    "changes": [
        {"op": "update", "type": "aws:lambda:Function", "name": "f`|x", "properties": ["layers"]}
    ],
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose `signet` says what the file `preview` holds and exits with `code`."""
    (tmp_path / "tools").symlink_to(repo_root() / "tools")
    (tmp_path / "preview").write_text(json.dumps(PREVIEW))
    (tmp_path / "code").write_text("0")
    program(tmp_path, ".venv/bin/signet", 'echo "$@" >> said; cat preview; exit "$(cat code)"')
    program(tmp_path, "bin/make", 'echo "make $*" >> said')
    return tmp_path


@pytest.mark.parametrize(("code", "told"), [(0, "1 update"), (2, "It failed")])
def test_a_preview_becomes_a_comment_also_where_it_failed(
    checkout: Path, code: int, told: str
) -> None:
    (checkout / "code").write_text(str(code))
    if code:
        (checkout / "preview").write_text("")
    script = step("workflows/signet-preview.yml", "signet preview")["run"]
    found = run(script, checkout, STACK="prod")
    assert found.returncode == code, found.stderr
    name, *lines, end = (checkout / "output").read_text().splitlines()
    assert name == f"comment<<{end}"
    assert lines[0] == "### Signet preview: `prod`"
    assert told in "\n".join(lines)
    assert (checkout / "said").read_text() == "preview prod --json\n"


GH = """
printf '%s\\n' "$*" >> calls
case "$*" in *--paginate*) cat found;; esac
"""


@pytest.mark.parametrize("existing", ["", "4711"])
def test_a_comment_is_made_once_and_then_changed(tmp_path: Path, existing: str) -> None:
    program(tmp_path, "bin/gh", GH)
    (tmp_path / "found").write_text(f"{existing}\n" if existing else "")
    script = step("workflows/signet-preview.yml", "gh api")["run"]
    variables = {
        "GITHUB_REPOSITORY": "o/r",
        "PULL_REQUEST": "7",
        "MARKER": "<!-- signet preview prod -->",
        "COMMENT": "### Signet preview",
    }
    assert run(script, tmp_path, **variables).returncode == 0
    _, written = (tmp_path / "calls").read_text().splitlines()[-2:]
    if existing:
        assert "--method PATCH repos/o/r/issues/comments/4711" in written
    else:
        assert "repos/o/r/issues/7/comments" in written
        assert "PATCH" not in written
    comment = (tmp_path / "comment.md").read_text()
    assert comment == "<!-- signet preview prod -->\n### Signet preview\n"


def test_up_asks_nothing_and_says_why(checkout: Path) -> None:
    script = step("workflows/signet-up.yml", "signet up")["run"]
    assert run(script, checkout, STACK="prod", REASON="schedule 12").returncode == 0
    assert (checkout / "said").read_text() == "up prod --yes --reason schedule 12\n"


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_a_fault_ends_the_run_and_what_is_not_known_does_not(
    checkout: Path, code: int, ends: int
) -> None:
    (checkout / "code").write_text(str(code))
    script = step("workflows/signet-up.yml", "signet doctor")["run"]
    assert run(script, checkout, STACK="prod").returncode == ends


def test_gitlabs_jobs_do_the_same(checkout: Path) -> None:
    told = load(GITLAB)
    up, preview = ("\n".join(told[name]["script"]) for name in (".signet-up", ".signet-preview"))
    assert run(up, checkout, SIGNET_STACK="prod", CI_PIPELINE_ID="12").returncode == 0
    assert run(preview, checkout, SIGNET_STACK="prod").returncode == 0
    assert "1 update" in (checkout / "preview.md").read_text()
    (checkout / "code").write_text("1")
    assert run(preview, checkout, SIGNET_STACK="prod").returncode == 1
    assert (checkout / "said").read_text().splitlines()[:4] == [
        "make setup",
        "up prod --yes --reason pipeline 12",
        "doctor prod",
        "make setup",
    ]


SIGNER = forge.Signer("RS256")


def stage(folder: Path) -> dict[str, str]:
    """The files and variables of a stage that verifies: the program is this tree's own."""
    (folder / "signet-verify" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    for place in ("signet-verify/bin", ".venv/bin"):
        program(folder, f"{place}/python", f'exec "{sys.executable}" "$@"')
    (folder / "jwks.json").write_text(json.dumps(forge.key_set(SIGNER)))
    return {"ISSUER": forge.ISSUER, "AUDIENCE": forge.AUDIENCE, "JWKS": str(folder / "jwks.json")}


@pytest.mark.parametrize(
    ("changes", "scope", "code"),
    [({}, "", 0), ({}, "orders:read", 0), ({}, "orders:delete", 1), ({"aud": "other"}, "", 1)],
)
def test_a_broken_token_ends_the_pipeline(
    tmp_path: Path, changes: dict[str, Any], scope: str, code: int
) -> None:
    now = int(time.time())
    token = SIGNER.token(forge.good_claims(iat=now, nbf=now, exp=now + 600, **changes))
    variables = {**stage(tmp_path), "SIGNET": str(repo_root()), "SCOPE": scope}
    script = step("actions/verify-token/action.yml", "signet.cli.main verify")["run"]
    found = run(script, tmp_path, SIGNET_TOKEN=token, **variables)
    assert found.returncode == code, found.stderr
    assert token not in found.stdout + found.stderr


def test_gitlabs_stage_ends_at_a_broken_token_too(tmp_path: Path) -> None:
    stage(tmp_path)
    for name in ("signet", "validator_functions"):
        (tmp_path / name).symlink_to(repo_root() / name)
    (script,) = load(GITLAB)[".signet-verify"]["script"]
    found = run(
        script,
        tmp_path,
        SIGNET_HOME=str(tmp_path),
        SIGNET_ISSUER="https://keys.signet.invalid",
        SIGNET_AUDIENCE="a",
        SIGNET_TOKEN="not-a-token",
    )
    assert found.returncode in (1, 3), found.stderr


def test_gitlabs_jobs_get_exactly_the_commit_that_is_named(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.invalid", "-C", str(origin)]
    origin.mkdir()
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "two"], check=True)
    script = "\n".join(load(GITLAB)[".signet-code"])
    script += '\ngit -C "$SIGNET_HOME" rev-parse HEAD'
    found = run(
        script,
        tmp_path,
        CI_BUILDS_DIR=str(tmp_path),
        CI_JOB_ID="1",
        SIGNET_REPOSITORY=f"file://{origin}",
        SIGNET_COMMIT=commit.stdout.strip(),
    )
    assert found.stdout == commit.stdout, found.stderr


# --- the comment ----------------------------------------------------------------------------------


def test_a_comment_quotes_names_and_counts_what_it_leaves_out() -> None:
    many = {**PREVIEW, "changes": PREVIEW["changes"] * 201, "warnings": ["trust grows"]}  # type: ignore[operator]
    told = preview_comment.comment("prod", json.dumps(many))
    assert "| update | `aws:lambda:Function` | `f/x` | layers |" in told
    assert "... and 1 more." in told
    assert told.endswith("**trust grows**")


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON", '{"error": {"message": "x"}}'])
def test_what_is_no_preview_is_told_as_a_failure(text: str) -> None:
    assert preview_comment.comment("prod", text).endswith("It failed: see the job's log.")


def test_no_change_is_said_so() -> None:
    told = preview_comment.comment("dev", json.dumps({"changes": [], "counts": {}}))
    assert told.endswith("No changes.")
