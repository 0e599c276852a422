"""The handler under AWS's own runtime client, in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.cases import forge
from tests.cases.settings import artefact, document, issuer

from .documented_events import http_event, request_event, token_event
from .runtime_api import RuntimeApi

_ROOT = Path(__file__).parents[3]


def test_the_real_runtime_client_gets_every_kind_of_answer(tmp_path: Path) -> None:
    signer = forge.Signer("ES256")
    published = artefact(forge.key_set(signer, sequence=1, denied=[]))
    now = int(time.time())
    good = signer.token(forge.good_claims(iat=now, nbf=now, exp=now + 600))
    weak = signer.token(forge.good_claims(iat=now, nbf=now, exp=now + 600, scope="other"))
    with RuntimeApi(published).running() as api:
        settings = document(
            signer,
            sandbox=True,
            issuers=[issuer(signer, jwks_urls=[f"http://{api.address}/jwks.json"])],
        )
        file = tmp_path / "signet_settings.json"
        file.write_bytes(artefact(settings))
        with _function(api, file) as process:
            try:
                answers = {
                    "probe": api.invoke({"signet": "probe"}),
                    "token": api.invoke(token_event(f"Bearer {good}")),
                    "request": api.invoke(request_event(f"Bearer {good}")),
                    "http": api.invoke(http_event(f"Bearer {good}")),
                    "401": api.invoke(token_event("Bearer nonsense")),
                    "403": api.invoke(token_event(f"Bearer {weak}")),
                    "503": api.invoke({"type": "OTHER"}),
                }
            finally:
                process.terminate()
            output, _ = process.communicate(timeout=10)
    kinds = {name: kind for name, (kind, _) in answers.items()}
    bodies = {name: body for name, (_, body) in answers.items()}
    assert kinds == {
        **dict.fromkeys(("probe", "token", "request", "http", "403"), "response"),
        **dict.fromkeys(("401", "503"), "error"),
    }
    assert bodies["probe"]["ready"] is True
    assert _effect(bodies["token"]) == _effect(bodies["request"]) == "Allow"
    assert bodies["http"]["isAuthorized"] is True
    assert bodies["401"]["errorMessage"] == "Unauthorized"
    assert _effect(bodies["403"]) == "Deny"
    assert bodies["503"]["errorMessage"] == "internal_error"
    assert '"reason":"token_malformed"' in output
    assert '"reason":"scope_missing"' in output
    assert good not in output
    assert weak not in output


def _effect(answer: dict[str, Any]) -> str:
    effect: str = answer["policyDocument"]["Statement"][0]["Effect"]
    return effect


def _function(api: RuntimeApi, settings: Path) -> "subprocess.Popen[str]":
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "validator",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(_ROOT),
        "SIGNET_SETTINGS_FILE": str(settings),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "validator_functions.aws_lambda.handler.handler"],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
