"""The token service's artefact: small, complete by itself, and answering in a Python of its own."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components import packaging
from tests.unit.exchange.world import checked, settings
from tests.unit.issuing.local_keys import LocalSigner

_ALONE = """
import json, sys
unpacked, layer, *standard = sys.argv[1:]
sys.path[:] = [layer, unpacked, *standard]
from signet.issuing.exchange.aws_lambda import handler
event = {"rawPath": "/token", "headers": {"Content-Type": "application/x-www-form-urlencoded"},
         "requestContext": {"http": {"method": "POST"}, "requestId": "r"},
         "body": "grant_type=client_credentials"}
answers = [handler(event, None), handler({"signet": "probe"}, None),
           handler({**event, "body": "***", "isBase64Encoded": True}, None)]
loaded = sorted({m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)})
print("RESULT" + json.dumps({"answers": answers, "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = packaging.build_bundle(packaging.default_target(), recipe=packaging.TOKEN_SERVICE)
    folder = tmp_path_factory.mktemp("artefact")
    with zipfile.ZipFile(built.path) as opened:
        opened.extractall(folder)
    return folder


def _run(unpacked: Path, layer: Path, digest: str) -> tuple[dict[str, Any], list[str]]:
    paths = sysconfig.get_paths()
    standard = [paths["stdlib"], paths["platstdlib"]]
    dynamic = importlib.util.find_spec("_ssl")
    if dynamic is not None and dynamic.origin:
        standard.append(str(Path(dynamic.origin).parent))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _ALONE, str(unpacked), str(layer), *standard],
        env={"SIGNET_SETTINGS_SHA256": digest, "AWS_REGION": "eu-west-1", "HOME": str(layer)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(last.removeprefix("RESULT"))
    return found, lines


def test_the_artefact_answers_in_a_python_that_sees_nothing_else(
    unpacked: Path, tmp_path: Path
) -> None:
    text = settings(LocalSigner("RS256")).dumps()
    (tmp_path / "signet_token_service.json").write_text(text)
    found, lines = _run(unpacked, tmp_path, hashlib.sha256(text.encode()).hexdigest())
    refused, report, unreadable = found["answers"]
    assert refused["statusCode"] == 400
    assert json.loads(refused["body"])["error"] == "unsupported_grant_type"
    assert report == {"signet": "report", "ready": True}
    assert json.loads(unreadable["body"])["reason"] == "form_invalid"
    assert checked(lines[0])["reason"] == "grant_type_unknown"
    loaded = [str(name) for name in found["loaded"]]
    assert not [name for name in loaded if "site-packages" in name]
    assert any(name.startswith(str(unpacked / "botocore")) for name in loaded)


def test_settings_with_another_hash_refuse_every_request(unpacked: Path, tmp_path: Path) -> None:
    text = settings(LocalSigner("RS256")).dumps()
    (tmp_path / "signet_token_service.json").write_text(text)
    found, lines = _run(unpacked, tmp_path, "0" * 64)
    refused, report, _ = found["answers"]
    assert refused["statusCode"] == 503
    assert report["ready"] is False
    assert checked(lines[0])["signet"] == "settings_invalid"


def test_the_artefact_holds_what_it_runs_and_no_more(unpacked: Path) -> None:
    names = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*.py")}
    ours = {name for name in names if name.startswith("signet/")}
    assert not [name for name in ours if name.startswith(("signet/cli", "signet/engine"))]
    assert {path.name for path in (unpacked / "botocore/data").iterdir() if path.is_dir()} == {
        "kms", "s3", "sts",
    }  # fmt: skip
