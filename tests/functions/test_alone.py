"""The bundle unpacked, run by a Python that sees nothing else, through each of its entry points."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components import packaging
from tests.cases import forge
from tests.cases.settings import artefact, document
from tests.functions.aws_lambda.documented_events import http_event

_BEGIN = """
import json, sys
bundle, questions, *standard = sys.argv[1:]
sys.path[:] = [*standard, bundle]
"""
_END = """
loaded = {name: module.__file__ for name, module in sys.modules.items()
          if getattr(module, "__file__", None)}
print(json.dumps({"report": report, "allowed": allowed, "refused": refused, "loaded": loaded}))
"""
_AWS = """
from validator_functions.aws_lambda.handler import handler
report = handler({"signet": "probe"}, None)

def ask(question):
    return handler(question, None)["isAuthorized"]
"""
_AZURE = """
from types import SimpleNamespace
import function_app, azure.functions as func
functions = {each.get_function_name(): each for each in function_app.app.get_functions()}

def call(name, headers, *more):
    request = func.HttpRequest(method="GET", url="http://a.invalid/orders/7", headers=headers,
                               body=b"")
    return functions[name].get_user_function()(request, *more)

report = json.loads(call("health", {}).get_body())

def ask(question):
    context = SimpleNamespace(invocation_id="1")
    return call("authorize", question["headers"], context).status_code == 200
"""
_CLOUD_RUN = """
from validator_functions.cloud_run import __main__ as command
app = command.App(command.Validator.start(command.connect))
report = json.loads(app.handle("GET", "/healthz", ())[2])

def ask(question):
    told = app.handle("GET", "/authorize/orders/7", tuple(question["headers"].items()), waited=True)
    return told[0] == 200
"""
_ASKED = """
allowed, refused = (ask(question) for question in json.loads(questions))
"""


@pytest.fixture(scope="module")
def bundle() -> packaging.Bundle:
    return packaging.build_bundle(packaging.default_target())


@pytest.fixture(scope="module")
def unpacked(bundle: packaging.Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    with zipfile.ZipFile(bundle.path) as opened:
        opened.extractall(folder)
    return folder


def standard_library() -> list[str]:
    paths = sysconfig.get_paths()
    found = [paths["stdlib"], paths["platstdlib"]]
    dynamic = importlib.util.find_spec("_ssl")
    if dynamic is not None and dynamic.origin:
        found.append(str(Path(dynamic.origin).parent))
    return found


def run_alone(entry: str, unpacked: Path) -> dict[str, Any]:
    """What the entry says of itself, and whether it lets a good and an altered token pass."""
    signer, now = forge.Signer("RS256"), int(time.time())
    token = signer.token(forge.good_claims(iat=now, nbf=now, exp=now + 600))
    questions = [http_event(f"Bearer {each}") for each in (token, token[:-8] + "AAAAAAAA")]
    settings = base64.b64encode(artefact(document(signer))).decode()
    script = _BEGIN + entry + _ASKED + _END
    told = [str(unpacked), json.dumps(questions), *standard_library()]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *told],
        env={"SIGNET_SETTINGS": settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "entry", [_AWS, _AZURE, _CLOUD_RUN], ids=["AWS Lambda", "Azure Functions", "Cloud Run"]
)
def test_each_entry_decides_and_states_the_hash_of_its_own_files(
    bundle: packaging.Bundle, unpacked: Path, entry: str
) -> None:
    told = run_alone(entry, unpacked)
    assert told["report"]["ready"] is True
    assert told["report"]["bundle_sha256"] == bundle.tree_sha256
    assert (told["allowed"], told["refused"]) == (True, False)
    outside = {
        name: file
        for name, file in told["loaded"].items()
        if not file.startswith(str(unpacked)) and "site-packages" in file
    }
    assert outside == {}


def test_a_function_whose_files_were_changed_says_so(
    bundle: packaging.Bundle, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle.path) as opened:
        opened.extractall(tmp_path)
    changed = tmp_path / "validator_functions" / "verification" / "claims.py"
    changed.write_bytes(changed.read_bytes() + b"\n# changed after it was deployed\n")
    told = run_alone(_CLOUD_RUN, tmp_path)
    assert told["report"]["bundle_sha256"] not in (None, bundle.tree_sha256)
