"""What the fakes of Azure and Google Cloud share: their memory, and code that runs when asked."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.fakes.memory import FakeMemory
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory
from sandbox.gcp.registry import Registry
from sandbox.gcp.run import Services

EMPTY: dict[str, Any] = {"resources": {}, "ports": {}}

SERVER = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["SAYS"].encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def fake(folder: Path) -> FakeMemory:
    return FakeMemory(folder, "test", EMPTY, [])


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "an entry is made": lambda told: told["resources"].update(b={"n": 1}),
    "an entry is changed inside": lambda told: told["resources"]["a"]["inputs"].update(x=2),
    "an entry is changed by get": lambda told: told["resources"].get("a").update(y=3),
    "an entry is put by setdefault": lambda told: told["resources"].setdefault("c", []).append(1),
    "an entry goes": lambda told: told["resources"].pop("a"),
    "a section is replaced": lambda told: told.update(resources={"z": 1}),
}


def break_off(memory: FakeMemory, change: Callable[[dict[str, Any]], object]) -> None:
    with memory.drafted() as told:
        change(told)
        raise ValueError("broken off")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_what_a_fresh_start_reads_and_a_failed_one_is_none(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    memory = fake(tmp_path)
    with memory.drafted() as told:
        told["resources"]["a"] = {"inputs": {"x": 1}}
    with memory.looked_at() as now:
        before = json.dumps(now, sort_keys=True)
    with pytest.raises(ValueError, match="broken off"):
        break_off(memory, change)
    for each in (memory, fake(tmp_path)):
        with each.looked_at() as now:
            assert json.dumps(now, sort_keys=True) == before
    with memory.drafted() as told:
        change(told)
    with memory.looked_at() as now, fake(tmp_path).looked_at() as read:
        assert read == now
        assert json.dumps(now, sort_keys=True) != before


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def services(folder: Path, **sources: str) -> Services:
    """A fake Cloud Run with a service for each `name=text of its program`."""
    memory = Memory(folder)
    with memory.change() as resources:
        for name, text in sources.items():
            digest = memory.keep(archive(**{"main.py": text}))
            resources[f"object:code/{name}"] = {"stored": {"content": digest}}
            container = {
                "sourceCode": {"cloudStorageSource": {"bucket": "code", "object": name}},
                "commands": ["python3"],
                "args": ["main.py"],
                "envs": [{"name": "SAYS", "value": name}],
            }
            inputs = {"template": {"containers": [container]}}
            resources[f"service:{name}"] = {"inputs": inputs}
    return Services(memory, Registry(memory), {"PATH": "/usr/bin:/bin"})


def said(cloud: Services, name: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{cloud.port(name)}/", timeout=20) as answer:
        return str(answer.read().decode())


def test_a_service_runs_once_somebody_asks_from_a_source_that_is_unpacked_once(
    tmp_path: Path,
) -> None:
    cloud = services(tmp_path, first=SERVER, second=SERVER)
    try:
        for name in ("first", "second"):
            cloud.deploy(name)
        # The first one showed that the source can be started.
        assert list(cloud._running) == ["first"]
        assert (said(cloud, "second"), said(cloud, "first")) == ("second", "first")
        assert sorted(cloud._running) == ["first", "second"]
        assert len([each for each in (tmp_path / "services").iterdir() if each.is_dir()]) == 1
        cloud.deploy("second")
        assert said(cloud, "second") == "second"
    finally:
        cloud.end()
    memory = Memory(tmp_path)
    resumed = Services(memory, Registry(memory), {"PATH": "/usr/bin:/bin"})
    try:
        resumed.resume()
        assert not resumed._running
        assert said(resumed, "second") == "second"
    finally:
        resumed.end()


def test_a_source_that_cannot_be_started_is_refused_when_it_is_deployed(tmp_path: Path) -> None:
    cloud = services(tmp_path, broken="raise SystemExit(1)")
    try:
        with pytest.raises(Refusal, match="did not listen"):
            cloud.deploy("broken")
    finally:
        cloud.end()
