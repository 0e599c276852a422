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
from signet.token_service import packed
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


_BY_REST = """
import http.client, json, os, sys, threading, types
unpacked, _, *standard = sys.argv[1:]
sys.path[:] = [unpacked, *standard]
from signet.issuing.exchange import cloud_run
from signet.issuing.exchange.entry import Edge, Entry, from_variable
edge = Edge(cloud="gcp", connect=cloud_run.connect, remember=cloud_run.remember, write=print)
server = cloud_run.Server("127.0.0.1", 0, Entry(edge, from_variable))
threading.Thread(target=server.serve_forever, daemon=True).start()
connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
form = b"grant_type=client_credentials"
kind = {"Content-Type": "application/x-www-form-urlencoded"}
connection.request("POST", "/token", form, kind)
answer = connection.getresponse()
answers = [{"status": answer.status, **json.loads(answer.read())}]
connection.close()
connection.request("GET", "/health")
reports = [json.loads(connection.getresponse().read())]
server.shutdown()
import azure.functions as func
import function_app
functions = {each.get_function_name(): each for each in function_app.app.get_functions()}
asked = func.HttpRequest(method="POST", url="https://app.test/token", headers=kind, body=form)
answer = functions["token"].get_user_function()(asked, types.SimpleNamespace(invocation_id="i"))
answers.append({"status": answer.status_code, **json.loads(answer.get_body())})
reports.append(json.loads(functions["health"].get_user_function()(asked).get_body()))
loaded = sorted({m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)})
print("RESULT" + json.dumps({"answers": answers, "reports": reports, "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _unpacked(tmp_path_factory, packaging.TOKEN_SERVICE)


@pytest.fixture(scope="module")
def by_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _unpacked(tmp_path_factory, packaging.TOKEN_SERVICE_BY_REST)


def _unpacked(factory: pytest.TempPathFactory, recipe: packaging.Recipe) -> Path:
    built = packaging.build_bundle(packaging.default_target(), recipe=recipe)
    folder = factory.mktemp("artefact")
    with zipfile.ZipFile(built.path) as opened:
        opened.extractall(folder)
    return folder


def _run(
    unpacked: Path, layer: Path, digest: str, script: str = _ALONE, **variables: str
) -> tuple[dict[str, Any], list[str]]:
    paths = sysconfig.get_paths()
    standard = [paths["stdlib"], paths["platstdlib"]]
    dynamic = importlib.util.find_spec("_ssl")
    if dynamic is not None and dynamic.origin:
        standard.append(str(Path(dynamic.origin).parent))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(unpacked), str(layer), *standard],
        env={
            "SIGNET_SETTINGS_SHA256": digest,
            "AWS_REGION": "eu-west-1",
            "HOME": str(layer),
            **variables,
        },
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
    built = packaging.build_bundle(packaging.default_target(), recipe=packaging.TOKEN_SERVICE)
    assert (report["ready"], report["bundle_sha256"]) == (True, built.tree_sha256)
    assert report["settings_sha256"] == hashlib.sha256(text.encode()).hexdigest()
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


def test_the_artefact_without_an_sdk_answers_in_both_of_its_clouds(
    by_rest: Path, tmp_path: Path
) -> None:
    text = settings(LocalSigner("RS256"), cloud="gcp").dumps()
    digest = hashlib.sha256(text.encode()).hexdigest()
    found, lines = _run(by_rest, tmp_path, digest, _BY_REST, SIGNET_SETTINGS=packed(text))
    on_google, on_azure = found["answers"]
    assert (on_google["status"], on_google["error"]) == (400, "unsupported_grant_type")
    assert checked(lines[0])["cloud"] == "gcp"
    # These settings are for Google Cloud, so that the app refuses to go by them.
    assert (on_azure["status"], on_azure["reason"]) == (503, "settings_invalid")
    assert not [name for name in found["loaded"] if "site-packages" in str(name)]
    recipe = packaging.TOKEN_SERVICE_BY_REST
    built = packaging.build_bundle(packaging.default_target(), recipe=recipe)
    assert [report["ready"] for report in found["reports"]] == [True, False]
    assert {report["bundle_sha256"] for report in found["reports"]} == {built.tree_sha256}


def test_the_artefact_without_an_sdk_has_none(by_rest: Path) -> None:
    names = {path.name for path in by_rest.iterdir()}
    assert not names & {"boto3", "botocore", "google", "grpc", "msal", "requests"}
    assert {path.name for path in (by_rest / "azure").iterdir()} == {"functions"}
    assert {"function_app.py", "host.json"} <= names
    assert json.loads((by_rest / "host.json").read_text())["extensions"]["http"] == {
        "routePrefix": ""
    }
