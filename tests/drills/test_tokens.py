"""Tokens from the real KMS of the sandbox, at its real gateways, as callers and CI use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from signet.paths import repo_root
from signet.probing.cases import CASES
from signet.probing.gateway_call import call, gateways_of, send
from signet.probing.ways_around import attempts, try_all

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Local:
    """A `local` stack of this module's own, brought up by the demo."""

    state: Path
    demo: dict[str, Any]
    outputs: dict[str, Any]

    def signet(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return signet(self.state, *arguments, stdin=stdin)

    def token(self, *more: str) -> str:
        issued = self.signet(
            *("token", "issue", "--stack", "local", "--subject", "drill"),
            *("--audience", self.outputs["audience"], *more),
        )
        assert (issued.returncode, issued.stderr) == (0, "")
        return issued.stdout.strip()

    @property
    def urls(self) -> list[str]:
        return [gateway.url for gateway in gateways_of(self.outputs)]


def signet(state: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "signet.cli.main", *arguments],
        cwd=repo_root(),
        env=os.environ | {"SIGNET_STATE_DIR": str(state)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    state = tmp_path_factory.mktemp("state")
    try:
        demo = signet(state, "demo", "--json", "--no-timing")
        assert demo.stdout, demo.stderr
        outputs = signet(state, "outputs", "local", "--json")
        yield Local(state, json.loads(demo.stdout), json.loads(outputs.stdout))
    finally:
        signet(state, "down", "local", "--yes")
        signet(state, "sandbox", "stop", "--forget")


def test_every_case_of_the_demo_is_as_expected_in_all_three_clouds(local: Local) -> None:
    wrong = [case for case in local.demo["cases"] if not case["as_expected"]]
    assert wrong == []
    assert local.demo["as_expected"] is True
    assert len(local.demo["cases"]) == len(CASES)
    assert [(g["cloud"], g["gateway"]) for g in local.demo["cases"][0]["gateways"]] == [
        ("aws", "http"),
        ("aws", "rest-request"),
        ("aws", "rest-token"),
        ("azure", "function"),
        ("gcp", "forward-auth"),
    ]


def published(local: Local) -> dict[str, Any]:
    with urllib.request.urlopen(local.outputs["jwksUrls"]["aws"], timeout=10) as answer:  # noqa: S310
        assert answer.headers["Content-Type"] == "application/jwk-set+json"
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        keys: dict[str, Any] = json.loads(answer.read())
        return keys


def test_pyjwt_verifies_a_token_with_the_published_set(local: Local) -> None:
    token = local.token("--scope", "demo:read", "--ttl", "2m")
    kid = jwt.get_unverified_header(token)["kid"]
    key = jwt.PyJWKSet.from_dict(published(local))[kid]
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=local.outputs["audience"],
        issuer=local.outputs["issuer"],
        options={"require": ["exp", "iat", "nbf", "sub", "jti", "client_id"]},
    )
    assert claims["sub"] == "drill"
    assert claims["exp"] - claims["iat"] == 120


def test_joserfc_verifies_a_token_with_the_published_set(local: Local) -> None:
    token = local.token("--scope", "demo:read")
    keys = joserfc_jwk.KeySet.import_key_set({"keys": published(local)["keys"]})
    decoded = joserfc_jwt.decode(token, keys, algorithms=["RS256"])
    assert decoded.header["typ"] == "at+jwt"
    registry = joserfc_jwt.JWTClaimsRegistry(
        now=int(time.time()),
        iss={"essential": True, "value": local.outputs["issuer"]},
        aud={"essential": True, "value": local.outputs["audience"]},
    )
    registry.validate(decoded.claims)


def test_the_token_is_signed_by_the_confirmed_active_generation(local: Local) -> None:
    confirmed = json.loads(local.outputs["confirmed"])
    number = str(confirmed["active"]["environment"])
    kid = jwt.get_unverified_header(local.token())["kid"]
    assert kid == confirmed["kids"]["environment"][number]


def test_a_good_token_reaches_the_backend_with_its_subject(local: Local) -> None:
    token = local.token("--scope", "demo:read")
    answers = [call(url, f"Bearer {token}") for url in local.urls]
    assert [answer.status for answer in answers] == [200] * 5
    assert [answer.identity()["subject"] for answer in answers] == ["drill"] * 5
    assert all(token not in answer.body.decode() for answer in answers)


def test_without_a_token_every_gateway_answers_401(local: Local) -> None:
    assert [call(url, None).status for url in local.urls] == [401] * 5


def test_no_way_around_any_gateway_is_open(local: Local) -> None:
    tried = attempts(local.outputs)
    assert {each.gateway for each in tried} >= {"aws http", "aws rest-token", "aws rest-request"}
    assert [opening.as_dict() for opening in try_all(tried, send)] == []


def test_with_the_wrong_scope_every_gateway_answers_403(local: Local) -> None:
    token = local.token("--scope", "demo:write")
    assert [call(url, f"Bearer {token}").status for url in local.urls] == [403] * 5


def test_a_lifetime_over_the_policys_cap_is_refused_with_nothing_on_standard_output(
    local: Local,
) -> None:
    asked = local.signet(
        *("token", "issue", "--stack", "local", "--subject", "drill", "--ttl", "1h"),
        *("--audience", local.outputs["audience"]),
    )
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "900s" in asked.stderr


def test_the_lines_that_the_demo_offers_work_as_they_are_printed(local: Local) -> None:
    shown = local.signet("demo", "--no-timing").stdout
    lines = shown.partition("Try it yourself (bash):\n")[2].splitlines()
    tried = [line.strip() for line in lines if line.strip() and "make down" not in line]
    assert len(tried) == 9
    script = "\n".join(f"{line}\necho; echo '#' $?" for line in tried)
    ran = subprocess.run(
        ["bash", "-uc", script.replace(".venv/bin/signet", "signet")],
        cwd=repo_root(),
        env=os.environ
        | {
            "SIGNET_STATE_DIR": str(local.state),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout.count("\n# 0\n") == len(tried), ran.stdout + ran.stderr
    statuses = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("HTTP/1.1")]
    assert statuses == ["200", "401", "403", "200"]
    assert '"subject": "me"' in ran.stdout
    assert "\nallowed\n" in ran.stdout


def test_a_stopped_sandbox_is_told_with_how_to_start_it_and_nothing_is_lost(local: Local) -> None:
    before = jwt.get_unverified_header(local.token())["kid"]
    assert local.signet("sandbox", "stop").returncode == 0
    asked = local.signet(
        *("token", "issue", "--stack", "local", "--subject", "drill"),
        *("--audience", local.outputs["audience"]),
    )
    assert (asked.returncode, asked.stdout) == (3, "")
    assert "signet sandbox start" in asked.stderr
    assert local.signet("sandbox", "start").returncode == 0
    assert jwt.get_unverified_header(local.token())["kid"] == before
