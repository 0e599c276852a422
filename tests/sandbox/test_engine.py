"""The plugin under the real Pulumi engine, from the first `up` to the last `destroy`."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pulumi
import pytest
from pulumi import automation

from sandbox import processes, pulumi_home

pytestmark = [
    pytest.mark.engine,
    pytest.mark.filterwarnings("ignore:.* in favor of :DeprecationWarning"),
]

ASSUME = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}

AUTHORIZER = """
import settings

def handler(event, context):
    given = (event.get("headers") or {}).get("authorization")
    return {"isAuthorized": given == settings.EXPECTED, "context": {"sub": "caller"}}
"""

BACKEND = """
import json

def handler(event, context):
    told = event["requestContext"]["authorizer"]["lambda"]
    return {"statusCode": 200, "body": json.dumps({"sub": told["sub"]})}
"""


@dataclass(frozen=True)
class Wanted:
    """What the program reads: a test changes it between runs."""

    description: str = "first"
    key_spec: str = "RSA_2048"
    expected: str = "good"
    with_backend: bool = True
    imported: str | None = None


def program(wanted: Wanted, code: Path) -> Callable[[], None]:
    """A key, a published document, and an HTTP API whose authorizer has its settings in a layer."""

    def declare() -> None:
        import pulumi_aws as aws

        own = aws.Provider(
            "aws", region="us-east-1", default_tags={"tags": {"signet:environment": "test"}}
        )
        opts = pulumi.ResourceOptions(provider=own)
        key = aws.kms.Key(
            "key",
            customer_master_key_spec=wanted.key_spec,
            key_usage="SIGN_VERIFY",
            description=wanted.description,
            opts=opts,
        )
        public = aws.kms.get_public_key_output(
            key_id=key.id, opts=pulumi.InvokeOutputOptions(provider=own)
        )
        bucket = aws.s3.Bucket("Published", opts=opts)
        aws.s3.BucketObjectv2(
            "document",
            bucket=bucket.bucket,
            key=".well-known/document.json",
            content=public.public_key_pem.apply(lambda pem: json.dumps({"pem": pem})),
            content_type="application/json",
            opts=opts,
        )
        role = aws.iam.Role("role", assume_role_policy=ASSUME, opts=opts)
        layer = aws.lambda_.LayerVersion(
            "settings",
            layer_name="settings",
            code=pulumi.Output.from_input(wanted.expected).apply(
                lambda text: pulumi.AssetArchive(
                    {"python/settings.py": pulumi.StringAsset(f"EXPECTED = {text!r}\n")}
                )
            ),
            opts=opts,
        )
        functions = {
            name: aws.lambda_.Function(
                name,
                role=role.arn,
                runtime="python3.11",
                handler=f"{name}.handler",
                code=pulumi.FileArchive(str(code)),
                layers=[layer.arn],
                opts=opts,
            )
            for name in ("authorizer", "backend")
        }
        api = aws.apigatewayv2.Api("api", protocol_type="HTTP", opts=opts)
        guard = aws.apigatewayv2.Authorizer(
            "guard",
            api_id=api.id,
            authorizer_type="REQUEST",
            authorizer_uri=functions["authorizer"].invoke_arn,
            authorizer_payload_format_version="2.0",
            enable_simple_responses=True,
            authorizer_result_ttl_in_seconds=0,
            identity_sources=["$request.header.Authorization"],
            opts=opts,
        )
        if wanted.with_backend:
            integration = aws.apigatewayv2.Integration(
                "integration",
                api_id=api.id,
                integration_type="AWS_PROXY",
                integration_uri=functions["backend"].invoke_arn,
                payload_format_version="2.0",
                opts=opts,
            )
            aws.apigatewayv2.Route(
                "route",
                api_id=api.id,
                route_key="GET /",
                authorization_type="CUSTOM",
                authorizer_id=guard.id,
                target=integration.id.apply(lambda id_: f"integrations/{id_}"),
                opts=opts,
            )
        stage = aws.apigatewayv2.Stage(
            "stage", api_id=api.id, name="$default", auto_deploy=True, opts=opts
        )
        if wanted.imported:
            aws.cloudwatch.LogGroup(
                "imported",
                name=wanted.imported,
                retention_in_days=7,
                opts=pulumi.ResourceOptions(provider=own, import_=wanted.imported),
            )
        for name, value in {
            "key": key.key_id,
            "bucket": bucket.bucket,
            "url": stage.invoke_url,
            "tags": key.tags_all,
        }.items():
            pulumi.export(name, value)

    return declare


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    (folder / "authorizer.py").write_text(AUTHORIZER, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    return folder


def stack_for(
    environ: Mapping[str, str], work: Path, name: str, declare: Callable[[], None]
) -> automation.Stack:
    return automation.create_or_select_stack(
        name,
        project_name="signet-sandbox-test",
        program=declare,
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(work),
            env_vars=dict(environ),
            pulumi_command=automation.PulumiCommand(root=None),
            project_settings=automation.ProjectSettings(
                name="signet-sandbox-test",
                runtime="python",
                backend=automation.ProjectBackend(url=environ["PULUMI_BACKEND_URL"]),
            ),
        ),
    )


@pytest.fixture(autouse=True)
def _forgotten_loops() -> Iterator[None]:
    """Collect the event loops that an inline program's threads make and never close."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def in_sandbox(sandbox_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in sandbox_environ.items():
        monkeypatch.setenv(name, value)
    return sandbox_environ


@pytest.fixture
def up(
    in_sandbox: dict[str, str], tmp_path: Path, code: Path
) -> Iterator[Callable[[Wanted], automation.UpResult]]:
    """Bring the stack to what is wanted; it is destroyed at the end."""
    stacks: list[automation.Stack] = []

    def run(wanted: Wanted) -> automation.UpResult:
        stack = stack_for(in_sandbox, tmp_path, "engine", program(wanted, code))
        stacks.append(stack)
        return stack.up()

    yield run
    if stacks:
        stacks[-1].destroy()
        stacks[-1].workspace.remove_stack("engine")


def counts(result: Any) -> dict[str, int]:
    """Resources by what was done to them."""
    return {str(name): number for name, number in (result.summary.resource_changes or {}).items()}


def call(url: str, token: str | None) -> tuple[int, Any]:
    """Call an HTTP API. Not every resolver knows names below localhost, so the host goes apart."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Host": parts.netloc, **({"Authorization": token} if token else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{parts.port}{parts.path}", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def client(environ: Mapping[str, str], service: str) -> Any:
    return boto3.session.Session().client(
        service,
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.mark.slow
def test_a_stack_lives_its_whole_life(
    up: Callable[[Wanted], automation.UpResult],
    in_sandbox: dict[str, str],
    tmp_path: Path,
    code: Path,
) -> None:
    first = up(Wanted())
    made = counts(first)["create"]
    assert counts(first) == {"create": made}
    outputs = {name: output.value for name, output in first.outputs.items()}
    assert outputs["tags"] == {"signet:environment": "test"}
    assert outputs["bucket"].startswith("published-")
    assert call(outputs["url"], "good") == (200, {"sub": "caller"})
    assert call(outputs["url"], "bad")[0] == 403
    assert call(outputs["url"], None)[0] == 401

    assert counts(up(Wanted())) == {"same": made}

    # The layer is made anew and both functions follow in place; the key keeps its identity.
    changed = up(Wanted(description="second", expected="better"))
    assert counts(changed) == {"replace": 1, "update": 3, "same": made - 4}
    assert changed.outputs["key"].value == outputs["key"]
    assert call(outputs["url"], "better")[0] == 200
    assert call(outputs["url"], "good")[0] == 403

    # A changed file in the archive is a change of both functions and of nothing else.
    (code / "backend.py").write_text(BACKEND + "# changed\n", encoding="utf-8")
    now = Wanted(description="second", expected="better")
    assert counts(up(now)) == {"update": 2, "same": made - 2}
    assert counts(up(now)) == {"same": made}

    # Another kind of key is another key, and what shows its public half follows.
    replaced = up(Wanted(description="second", expected="better", key_spec="ECC_NIST_P256"))
    assert counts(replaced) == {"replace": 1, "update": 1, "same": made - 2}
    assert replaced.outputs["key"].value != outputs["key"]
    kms = client(in_sandbox, "kms")
    old = kms.describe_key(KeyId=outputs["key"])["KeyMetadata"]["KeyState"]
    assert old == "PendingDeletion"
    now = Wanted(description="second", expected="better", key_spec="ECC_NIST_P256")

    # Somebody else changes one thing and removes another: a refresh sees both, an `up` mends both.
    key = replaced.outputs["key"].value
    kms.update_key_description(KeyId=key, Description="drifted")
    s3 = client(in_sandbox, "s3")
    s3.delete_object(Bucket=outputs["bucket"], Key=".well-known/document.json")
    stack = stack_for(in_sandbox, tmp_path, "engine", program(now, code))
    refreshed = counts(stack.refresh())
    assert (refreshed["update"], refreshed["delete"]) == (1, 1)
    assert counts(up(now)) == {"update": 1, "create": 1, "same": made - 2}
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "second"

    # What leaves the program leaves the cloud; what is there already can be taken in.
    client(in_sandbox, "logs").create_log_group(logGroupName="there-already")
    client(in_sandbox, "logs").put_retention_policy(logGroupName="there-already", retentionInDays=7)
    less = Wanted(
        description="second",
        expected="better",
        key_spec="ECC_NIST_P256",
        with_backend=False,
        imported="there-already",
    )
    # (taken in first, then given the default tags)
    taken = counts(up(less))
    assert taken == {"delete": 2, "import": 1, "update": 1, "same": made - 2}
    assert call(outputs["url"], "better")[0] == 404

    destroyed = stack.destroy()
    assert set(counts(destroyed)) == {"delete"}
    state = stack.export_stack().deployment
    assert state is not None
    assert not state.get("resources")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert all(b["Name"] != outputs["bucket"] for b in s3.list_buckets()["Buckets"])


def test_a_preview_makes_nothing(in_sandbox: dict[str, str], tmp_path: Path, code: Path) -> None:
    before = len(client(in_sandbox, "kms").list_keys()["Keys"])
    stack = stack_for(in_sandbox, tmp_path, "previewed", program(Wanted(), code))
    assert stack.preview().change_summary["create"] > 10
    assert len(client(in_sandbox, "kms").list_keys()["Keys"]) == before
    stack.workspace.remove_stack("previewed")


def test_a_stack_on_another_backend_is_refused(
    in_sandbox: dict[str, str], tmp_path: Path, code: Path
) -> None:
    """The sandbox's plugins, found through its Pulumi home, serve no other state."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environ = {**in_sandbox, "PULUMI_BACKEND_URL": f"file://{elsewhere}"}
    stack = stack_for(environ, tmp_path, "leaked", program(Wanted(), code))
    before = len(client(in_sandbox, "kms").list_keys()["Keys"])
    with pytest.raises(automation.CommandError, match="backend is not the sandbox's"):
        stack.up()
    assert len(client(in_sandbox, "kms").list_keys()["Keys"]) == before


def test_a_type_that_is_not_handled_stops_the_run(
    in_sandbox: dict[str, str], tmp_path: Path
) -> None:
    def declare() -> None:
        import pulumi_aws as aws

        aws.sqs.Queue("queue")

    stack = stack_for(in_sandbox, tmp_path, "unknown", declare)
    with pytest.raises(automation.CommandError, match="does not handle the type aws:sqs/queue"):
        stack.preview()
    stack.workspace.remove_stack("unknown")


def test_a_plugin_goes_when_its_engine_was_killed() -> None:
    engine = (
        "import subprocess, sys, time\n"
        "plugin = [sys.executable, '-P', '-m', 'sandbox.plugin', 'aws']\n"
        "started = subprocess.Popen(plugin, stdout=subprocess.PIPE)\n"
        "started.stdout.readline()\n"
        "print(started.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", engine], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        plugin = processes.identify(int(parent.stdout.readline()))
        assert plugin is not None
        parent.kill()
    limit = time.monotonic() + 10
    while processes.alive(plugin):
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_the_engine_finds_our_plugins_and_only_ours(in_sandbox: dict[str, str]) -> None:
    home = Path(in_sandbox["PULUMI_HOME"]) / "plugins"
    assert {p.name.split("-v")[0] for p in home.iterdir()} == {
        f"resource-{name}" for name in pulumi_home.PLUGINS
    }
    assert os.environ["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
