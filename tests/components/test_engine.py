"""The whole environment on the real engine and the sandbox: up, requests, changes, and down."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import jwt
import pytest
from ruamel.yaml import YAML

import sandbox
from components.program import main
from sandbox import supervisor
from signet.cli import doctor_look, issuing_record, keys_look
from signet.confirmed import Confirmed
from signet.doctor import checks, finding
from signet.engine import place
from signet.engine.stack import EngineStack, RunResult, resources_of
from signet.errors import RunFailed, SettingsError
from signet.paths import repo_root

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.network]

ROOT = repo_root()
AUDIENCE = "https://api.local.signet.invalid"


class Checkout:
    """A checkout of the project files whose settings a test may change, with its sandbox."""

    def __init__(self, state: Path, root: Path) -> None:
        self.state = state
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "Pulumi.yaml", root)
        for stack in ("local", "local-fast"):
            self.configure(stack)

    def configure(self, stack: str, **settings: str) -> None:
        """Write the stack's own settings, with these further ones or in their place.

        One cloud unless `clouds` is among them: most of what is tried does not depend on them.
        """
        yaml = YAML(typ="safe")
        told = yaml.load((ROOT / f"Pulumi.{stack}.yaml").read_text())
        told["config"]["signet:clouds"] = ["aws"]
        told["config"] |= {f"signet:{key}": yaml.load(text) for key, text in settings.items()}
        with (self.root / f"Pulumi.{stack}.yaml").open("w") as file:
            yaml.dump(told, file)

    def at(self, name: str) -> EngineStack:
        """A stack, whether it has been made or not."""
        environment = supervisor.environment(self.state)
        return EngineStack(place.resolve(name, os.environ, sandbox=environment, root=self.root))

    def stack(self, name: str) -> EngineStack:
        """A stack that has been made."""
        stack = self.at(name)
        if not stack.exists():
            stack.create()
        return stack

    def client(self, service: Any) -> Any:
        """One of AWS's own clients, on the sandbox."""
        environment = supervisor.environment(self.state)
        return boto3.client(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("engine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNET_STATE_DIR", str(folder / "state"))
        try:
            sandbox.start(folder / "state", say=lambda _: None)
            yield Checkout(folder / "state", folder / "root")
        finally:
            supervisor.forget(folder / "state", say=lambda _: None)


@pytest.fixture(autouse=True)
def _leave_nothing(checkout: Checkout) -> Iterator[None]:
    """Take down whatever a test left, so that the next one begins with nothing."""
    yield
    for name in ("local", "local-fast"):
        checkout.configure(name)
        stack = checkout.at(name)
        if stack.exists():
            if len(resources_of(stack.export())) > 1:
                stack.destroy()
            stack.remove()


def names(result: RunResult) -> dict[str, str]:
    """What was changed, and how."""
    return {change.name: change.op for change in result.changed}


def token(checkout: Checkout, stack: str, *more: str, audience: str = AUDIENCE) -> str:
    """Issue a token as a person does."""
    command = [sys.executable, "-m", "signet.cli.main", "token", "issue", "--stack", stack]
    done = subprocess.run(
        [*command, "--audience", audience, "--subject", "somebody", *more],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SIGNET_STATE_DIR": str(checkout.state)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def get(url: str, bearer: str | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and body of an answer. Any `*.localhost` is loopback (RFC 6761)."""
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    try:
        connection.request("GET", parts.path or "/", headers={**headers, "Host": parts.netloc})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def statuses(urls: Sequence[str], bearer: str | None) -> list[int]:
    return [get(url, bearer)[0] for url in urls]


def test_an_environment_goes_up_answers_changes_and_comes_down(checkout: Checkout) -> None:
    checkout.configure("local")
    stack = checkout.stack("local")
    first = stack.up(main)
    assert set(names(first).values()) == {"create"}
    outputs = stack.outputs()
    urls = list(outputs["gateways"]["aws"].values())
    assert len(urls) == 3

    status, headers, body = get(outputs["jwksUrls"]["aws"])
    assert status == 200
    assert headers["Content-Type"] == "application/jwk-set+json"
    assert headers["Cache-Control"] == "public, max-age=300"
    assert len(json.loads(body)["keys"]) == 2

    good = token(checkout, "local", "--scope", "demo:read")
    unscoped = token(checkout, "local", "--scope", "demo:write")
    client = jwt.PyJWKClient(outputs["jwksUrls"]["aws"])
    claims = jwt.decode(
        good,
        client.get_signing_key_from_jwt(good),
        algorithms=["RS256"],
        audience=AUDIENCE,
        issuer=outputs["issuer"],
    )
    assert claims["sub"] == "somebody"

    for url in (*urls, f"{urls[0]}/any/other/path"):
        status, _, body = get(url, good, **{"x-signet-subject": "an impostor"})
        assert status == 200
        assert json.loads(body)["identity"]["subject"] == "somebody"
        assert b"impostor" not in body
    assert statuses(urls, None) == [401, 401, 401]
    assert statuses(urls, unscoped) == [403, 403, 403]

    # Anew, because issuing took the settings of its own checkout for this stack's runs.
    stack = checkout.stack("local")
    assert set(names(stack.up(main))) == {"journal", "confirmed"}
    assert names(stack.up(main)) == {}
    alarm = {"AlarmName": "signet-local-key-sets", "StateReason": "a test"}
    checkout.client("cloudwatch").set_alarm_state(**alarm, StateValue="ALARM")
    assert looked_over(stack) == [("fault", "alarms"), ("warning", "alarms")]
    checkout.client("cloudwatch").set_alarm_state(**alarm, StateValue="OK")

    checkout.configure("local", requiredScope="demo:write")
    assert looked_over(stack) == [("warning", "settings"), ("warning", "alarms")]
    changed = checkout.stack("local").up(main)
    assert names(changed) == {
        "environment-validator-settings": "replace",
        "environment-validator-function": "update",
        "confirmed": "update",
    }
    assert statuses(urls, good) == [403, 403, 403]
    assert statuses(urls, unscoped) == [200, 200, 200]
    assert names(stack.refresh()) == {}

    checkout.configure("local", requiredScope="demo:write", publish="private")
    private = checkout.stack("local").up(main)
    assert "delete" not in names(private).values()
    policy = checkout.client("s3").get_bucket_policy(Bucket="signet-local-keys")["Policy"]
    assert [s["Principal"] for s in json.loads(policy)["Statement"] if s["Effect"] == "Allow"] == [
        {"AWS": ["arn:aws:iam::000000000000:role/signet-local-environment-validator"]}
    ]
    assert statuses(urls, unscoped) == [200, 200, 200]
    assert names(checkout.stack("local").up(main)) == {}
    assert names(stack.refresh()) == {}

    stack.destroy()
    assert checkout.client("s3").list_buckets()["Buckets"] == []
    assert checkout.client("lambda").list_functions()["Functions"] == []
    assert checkout.client("apigatewayv2").get_apis()["Items"] == []
    assert checkout.client("apigateway").get_rest_apis()["items"] == []
    assert checkout.client("iam").list_roles()["Roles"] == []
    assert live_keys(checkout) == []


def looked_over(stack: EngineStack) -> list[tuple[str, str]]:
    """What `signet doctor` does not find good: level and area, the worst first."""
    look = keys_look.look(keys_look.known(stack))
    facts = doctor_look.facts(look, issuing_record.read(stack).outputs, try_ways=False)
    found = finding.sorted_by_weight(checks.examine(facts))
    return [(str(each.level), each.area) for each in found if each.level is not finding.Level.GOOD]


def live_keys(checkout: Checkout) -> list[str]:
    kms = checkout.client("kms")
    found = [key["KeyId"] for key in kms.list_keys()["Keys"]]
    states = {key: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in found}
    return sorted(key for key, state in states.items() if state != "PendingDeletion")


def test_a_key_that_the_state_lost_is_adopted_and_a_second_one_is_reported(
    checkout: Checkout,
) -> None:
    checkout.configure("local")
    stack = checkout.stack("local")
    stack.up(main)
    before = Confirmed.parse(stack.outputs()["confirmed"])
    # Numbers are never used again, so an earlier test's keys may have taken the first ones.
    number = before.active["environment"]
    name = f"environment-{number}-key"
    keys = live_keys(checkout)
    twin = checkout.client("kms").create_key(
        KeySpec="RSA_2048",
        KeyUsage="SIGN_VERIFY",
        Tags=[
            {"TagKey": "signet:environment", "TagValue": "local"},
            {"TagKey": "signet:ring", "TagValue": "environment"},
            {"TagKey": "signet:generation", "TagValue": str(number)},
            {"TagKey": "signet:cloud", "TagValue": "aws"},
        ],
    )["KeyMetadata"]["KeyId"]
    forget(stack, name)

    again = stack.up(main)
    # An import, and then an update where KMS does not tell what it was made with.
    assert names(again)[name] in {"import", "update"}
    after = Confirmed.parse(stack.outputs()["confirmed"])
    assert not [each["urn"] for each in stack.export()["resources"] if each.get("stackTrace")]
    assert after.kids == before.kids
    assert after.key_resources == before.key_resources
    assert live_keys(checkout) == sorted([*keys, twin])
    assert [left["id"] for left in stack.outputs()["leftovers"]] == [twin]
    assert name not in names(stack.up(main))
    checkout.client("kms").schedule_key_deletion(KeyId=twin, PendingWindowInDays=7)


def forget(stack: EngineStack, name: str) -> None:
    """Take one resource out of the state, as if its creation had never been noted."""
    deployment = stack.export()
    gone = {r["urn"] for r in deployment["resources"] if r["urn"].endswith(f"::{name}")}
    assert gone
    kept = []
    for resource in deployment["resources"]:
        if resource["urn"] in gone:
            continue
        resource["dependencies"] = [
            urn for urn in resource.get("dependencies", []) if urn not in gone
        ]
        dependencies = resource.get("propertyDependencies") or {}
        resource["propertyDependencies"] = {
            key: [urn for urn in urns or [] if urn not in gone]
            for key, urns in dependencies.items()
        }
        kept.append(resource)
    stack.replace_state({**deployment, "resources": kept})


def test_an_elliptic_curve_environment_with_every_log_and_policies_goes_up_and_answers(
    checkout: Checkout,
) -> None:
    checkout.configure(
        "local-fast",
        algorithm="ES256",
        awsRestAccessLogs="true",
        auditPasses="true",
        awsHttpAnswers="iam",
    )
    stack = checkout.stack("local-fast")
    stack.up(main)
    outputs = stack.outputs()
    audience = outputs["audience"]
    good = token(checkout, "local-fast", "--scope", "demo:read", "--ttl", "15s", audience=audience)
    assert jwt.get_unverified_header(good)["alg"] == "ES256"
    urls = list(outputs["gateways"]["aws"].values())
    assert statuses(urls, good) == [200, 200, 200]

    (api,) = checkout.client("apigatewayv2").get_apis()["Items"]
    (declared,) = checkout.client("apigatewayv2").get_authorizers(ApiId=api["ApiId"])["Items"]
    assert declared["EnableSimpleResponses"] is False
    http = outputs["gateways"]["aws"]["http"]
    assert json.loads(get(http, good)[2])["identity"]["subject"] == "somebody"
    unscoped = token(checkout, "local-fast", "--ttl", "15s", audience=audience)
    assert statuses([http], unscoped) == [403]
    assert statuses([http], f"{good}x") == [403]


WRONG = [
    {"protectKeys": "maybe", "tokenLifetime": "15", "publish": "pubic"},
    {"keySize": "[1]", "awsBucket": "no.dots"},
    {"awsBucket": '""', "unheardOf": "1"},
]


@pytest.mark.parametrize("settings", WRONG, ids=["three", "two", "missing"])
def test_wrong_settings_are_told_together_and_nothing_is_made(
    checkout: Checkout, settings: dict[str, str]
) -> None:
    checkout.configure("local", **settings)
    stack = checkout.stack("local")
    keys = live_keys(checkout)
    for preview in (True, False):
        with pytest.raises(SettingsError) as raised:
            stack.up(main, preview=preview)
        named = {fault.key.removeprefix("signet:") for fault in raised.value.faults}
        assert set(settings) <= named
    made = [r for r in stack.export().get("resources") or [] if "Stack" not in r["type"]]
    assert made == []
    assert live_keys(checkout) == keys


VARIANTS = [
    {
        "awsBackend": "https://orders.example.com/base",
        "awsKeyAdministrators": "['arn:aws:iam::000000000000:root']",
    },
    {
        "awsBackend": "arn:aws:lambda:us-east-1:000000000000:function:front-door:live",
        "awsValidatorConcurrency": "5",
        "awsValidatorMemory": "1024",
    },
    {"awsHttpApi": "none", "awsRestApi": "none", "publish": "private"},
    {"algorithm": "PS256", "keySize": "3072"},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=",".join)
def test_every_kind_of_setting_passes_the_providers_check(
    checkout: Checkout, settings: dict[str, str]
) -> None:
    checkout.configure("local", **settings)
    stack = checkout.stack("local")
    result = stack.up(main, preview=True)
    assert "environment-validator-function" in names(result)


def test_a_damaged_record_stops_the_run(checkout: Checkout) -> None:
    checkout.configure("local")
    stack = checkout.stack("local")
    stack.up(main)
    deployment = stack.export()
    for resource in deployment["resources"]:
        if resource["urn"].endswith("::journal"):
            told = json.loads(resource["outputs"]["input"])
            newer = json.dumps({**told, "schema": 99})
            resource["outputs"]["input"] = resource["inputs"]["input"] = newer
    stack.replace_state(deployment)
    with pytest.raises(RunFailed, match="cannot be read"):
        stack.up(main)
