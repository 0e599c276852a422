"""`signet sandbox` as a person and a script use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

SIGNET = Path(sys.executable).with_name("signet")


def signet(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIGNET), *words],
        env={**os.environ, "SIGNET_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_start_status_env_and_stop(tmp_path: Path) -> None:
    state = tmp_path / "with space's"
    try:
        none = signet(state, "sandbox", "status", "--json")
        assert none.returncode == 1
        assert json.loads(none.stdout)["state"] == "none"

        unmade = signet(state, "sandbox", "env")
        assert unmade.returncode == 3
        assert "signet sandbox start" in unmade.stderr

        started = signet(state, "sandbox", "start", "--json")
        assert started.returncode == 0, started.stderr
        told = json.loads(started.stdout)
        assert told["state"] == "running"

        shown = signet(state, "sandbox", "status")
        assert shown.returncode == 0
        assert f"http://127.0.0.1:{told['ports']['aws']}" in shown.stdout

        # The exports survive a folder whose name the shell would take apart.
        exports = signet(state, "sandbox", "env").stdout
        script = f'{exports}\nprintf %s "$SIGNET_SANDBOX|$PULUMI_CONFIG_PASSPHRASE|$AWS_REGION"'
        said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert said.stdout == f"{state / 'sandbox'}||us-east-1"
        assert json.loads(signet(state, "sandbox", "env", "--json").stdout)["AWS_REGION"]

        stopped = signet(state, "sandbox", "stop")
        assert stopped.returncode == 0
        assert json.loads(signet(state, "sandbox", "status", "--json").stdout)["pids"] == {}
    finally:
        assert signet(state, "sandbox", "stop", "--forget").returncode == 0
    assert not (state / "sandbox").exists()
