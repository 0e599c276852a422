"""Every AWS type on the real emulator: made, unchanged, changed in place, imported, deleted."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.aws.provider import provider
from sandbox.plugin.values import Archive, Asset, Props
from tests.sandbox.harness import Engine, serving

pytestmark = pytest.mark.engine

NONE = provider_pb2.DiffResponse.DIFF_NONE

ASSUME = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ],
    }
)


def policy(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def code(text: str) -> Archive:
    return Archive(hash=text, members={"h.py": Asset(hash=text, text=text)})


HANDLER = "def handler(event, context):\n    return {}\n"


@pytest.fixture(scope="module")
def aws(sandbox_environ: dict[str, str]) -> Iterator[Engine]:
    with serving(provider(), sandbox_environ) as engine:
        engine.configure(region="us-east-1")
        yield engine


@dataclass
class World:
    """What a case stands on; made once, by the plugin itself."""

    engine: Engine
    made: dict[str, tuple[str, Props]] = field(default_factory=dict)

    def have(self, token: str, name: str, **inputs: Any) -> tuple[str, Props]:
        key = f"{token}/{name}"
        if key not in self.made:
            checked, failures = self.engine.check(token, inputs, name=name)
            assert failures == []
            self.made[key] = self.engine.create(token, checked)
        return self.made[key]

    def bucket(self) -> str:
        return self.have("aws:s3/bucket:Bucket", "world")[0]

    def role(self) -> Props:
        return self.have("aws:iam/role:Role", "world", assumeRolePolicy=ASSUME)[1]

    def function(self) -> Props:
        return self.have(
            "aws:lambda/function:Function",
            "world",
            role=self.role()["arn"],
            runtime="python3.11",
            handler="h.handler",
            code=code(HANDLER),
        )[1]

    def http_api(self) -> str:
        return self.have("aws:apigatewayv2/api:Api", "world", protocolType="HTTP")[0]

    def rest_api(self) -> Props:
        id_, props = self.have("aws:apigateway/restApi:RestApi", "world")
        return {**props, "id": id_}

    def rest_path(self, part: str) -> str:
        return self.have(
            "aws:apigateway/resource:Resource",
            part,
            restApi=self.rest_api()["id"],
            parentId=self.rest_api()["rootResourceId"],
            pathPart=part,
        )[0]

    def deployment(self) -> str:
        place = {
            "restApi": self.rest_api()["id"],
            "resourceId": self.rest_path("deployed"),
            "httpMethod": "GET",
        }
        self.have("aws:apigateway/method:Method", "deployed", authorization="NONE", **place)
        self.have("aws:apigateway/integration:Integration", "deployed", type="MOCK", **place)
        return self.have(
            "aws:apigateway/deployment:Deployment", "world", restApi=self.rest_api()["id"]
        )[0]

    def log_group(self) -> Props:
        return self.have("aws:cloudwatch/logGroup:LogGroup", "world")[1]


@pytest.fixture(scope="module")
def world(aws: Engine) -> World:
    return World(aws)


@dataclass(frozen=True)
class Case:
    """A type: inputs, what an update in place changes, and the id by which it is imported."""

    token: str
    inputs: Callable[[World], Props]
    change: Props | None = None
    import_id: Callable[[str, Props], str] = lambda id_, _: id_
    # Inputs that no cloud tells, so that an import cannot know them.
    untold: tuple[str, ...] = ()


CASES = [
    Case(
        "aws:kms/key:Key",
        lambda w: {
            "customerMasterKeySpec": "RSA_2048",
            "keyUsage": "SIGN_VERIFY",
            "description": "d",
            "deletionWindowInDays": 7,
            "policy": policy("kms:*"),
            "tags": {"signet:ring": "environment", "a": "b"},
        },
        {
            "description": "e",
            "policy": policy("kms:Sign"),
            "tags": {"signet:ring": "x", "c": "d"},
            "isEnabled": False,
        },
        untold=("deletionWindowInDays",),
    ),
    Case("aws:s3/bucket:Bucket", lambda w: {"tags": {"a": "b"}}, {"tags": {"c": "d"}}),
    Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        lambda w: {"bucket": w.bucket(), "blockPublicAcls": True},
        {"blockPublicAcls": True, "ignorePublicAcls": True},
    ),
    Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        lambda w: {"bucket": w.bucket(), "policy": policy("s3:GetObject")},
        {"policy": policy("s3:*")},
    ),
    Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        lambda w: {"bucket": w.bucket(), "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
    ),
    Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        lambda w: {
            "bucket": w.bucket(),
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        {
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"},
                    "bucketKeyEnabled": True,
                }
            ]
        },
    ),
    Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        lambda w: {"bucket": w.bucket(), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        lambda w: {
            "bucket": w.bucket(),
            "rules": [
                {
                    "id": "old",
                    "status": "Enabled",
                    "noncurrentVersionExpiration": {"noncurrentDays": 30},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ],
        },
        {
            "rules": [
                {
                    "id": "old",
                    "status": "Enabled",
                    "filter": {"prefix": "x/"},
                    "noncurrentVersionExpiration": {"noncurrentDays": 60},
                }
            ]
        },
    ),
    Case(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        lambda w: {
            "bucket": w.bucket(),
            "key": ".well-known/jwks.json",
            "content": "{}",
            "contentType": "application/jwk-set+json",
            "cacheControl": "public, max-age=300",
            "tags": {"a": "b"},
        },
        {"content": '{"keys": []}', "cacheControl": "public, max-age=2", "tags": {"c": "d e"}},
        untold=("content",),
    ),
    Case(
        "aws:iam/role:Role",
        lambda w: {"assumeRolePolicy": ASSUME, "description": "d", "tags": {"a": "b"}},
        {"description": "e", "maxSessionDuration": 7200, "tags": {"a": "c"}},
    ),
    Case(
        "aws:iam/rolePolicy:RolePolicy",
        lambda w: {"role": w.role()["name"], "policy": policy("logs:*")},
        {"policy": policy("s3:GetObject")},
    ),
    Case(
        "aws:lambda/function:Function",
        lambda w: {
            "role": w.role()["arn"],
            "runtime": "python3.11",
            "handler": "h.handler",
            "code": code(HANDLER),
            "environment": {"variables": {"A": "1"}},
            "loggingConfig": {"logFormat": "Text", "logGroup": "/signet/one"},
            "tags": {"a": "b"},
        },
        {
            "code": code(HANDLER + "# changed\n"),
            "loggingConfig": {"logFormat": "Text", "logGroup": "/signet/another"},
            "environment": {"variables": {"A": "2", "B": "3"}},
            "memorySize": 256,
            "timeout": 10,
            "reservedConcurrentExecutions": 5,
            "tags": {"c": "d"},
        },
        untold=("code",),
    ),
    Case(
        "aws:lambda/layerVersion:LayerVersion",
        lambda w: {
            "layerName": "settings",
            "code": Archive(hash="l", members={"python/x.py": Asset(hash="t", text="X = 1\n")}),
            "compatibleRuntimes": ["python3.12", "python3.11"],
        },
        untold=("code",),
    ),
    Case(
        "aws:lambda/permission:Permission",
        lambda w: {
            "action": "lambda:InvokeFunction",
            "function": w.function()["name"],
            "principal": "apigateway.amazonaws.com",
            "sourceArn": "arn:aws:execute-api:us-east-1:000000000000:x/authorizers/y",
        },
        import_id=lambda id_, props: f"{props['function']}/{id_}",
    ),
    Case(
        "aws:cloudwatch/logGroup:LogGroup",
        lambda w: {"retentionInDays": 14, "tags": {"a": "b"}},
        {"retentionInDays": 30, "tags": {"c": "d"}},
    ),
    Case(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        lambda w: {
            "logGroupName": w.log_group()["name"],
            "pattern": '{ $.signet = "decision" }',
            "metricTransformation": {"name": "lines", "namespace": "Signet/x", "value": "1"},
        },
        {
            "pattern": '{ $.signet = "keys" }',
            "metricTransformation": {
                "name": "lines",
                "namespace": "Signet/x",
                "value": "1",
                "dimensions": {"service": "$.service"},
            },
        },
        import_id=lambda id_, props: f"{props['logGroupName']}:{id_}",
    ),
    Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        lambda w: {
            "alarmDescription": "d",
            "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "evaluationPeriods": 1,
            "metricName": "lines",
            "dimensions": {"service": "orders"},
            "namespace": "Signet/x",
            "period": 300,
            "statistic": "Sum",
            "threshold": 5,
            "treatMissingData": "notBreaching",
            "tags": {"a": "b"},
        },
        {
            "threshold": 7.5,
            "dimensions": {"service": "bills"},
            "alarmActions": ["arn:aws:sns:us-east-1:000000000000:t"],
            "okActions": ["arn:aws:sns:us-east-1:000000000000:t"],
            "tags": {"c": "d"},
        },
    ),
    Case(
        "aws:cloudwatch/dashboard:Dashboard",
        lambda w: {"dashboardName": "d", "dashboardBody": '{"widgets": []}'},
        {"dashboardBody": '{"widgets": [], "start": "-PT6H"}'},
    ),
    Case(
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        lambda w: {"queryString": "fields @message", "logGroupNames": ["/aws/lambda/a"]},
        {"queryString": "fields @timestamp", "logGroupNames": ["/aws/lambda/a", "/aws/lambda/b"]},
    ),
    Case(
        "aws:sns/topic:Topic",
        lambda w: {"displayName": "d", "tags": {"a": "b"}},
        {"displayName": "e", "tags": {"c": "d"}},
    ),
    Case(
        "aws:sns/topicSubscription:TopicSubscription",
        lambda w: {
            "topic": w.have("aws:sns/topic:Topic", "world")[1]["arn"],
            "protocol": "email",
            "endpoint": "orders@example.com",
        },
    ),
    Case(
        "aws:apigatewayv2/api:Api",
        lambda w: {"protocolType": "HTTP", "description": "d", "tags": {"a": "b"}},
        {
            "description": "e",
            "corsConfiguration": {"allowOrigins": ["https://x.invalid"], "maxAge": 5},
            "tags": {"c": "d"},
        },
    ),
    Case(
        "aws:apigatewayv2/integration:Integration",
        lambda w: {
            "apiId": w.http_api(),
            "integrationType": "AWS_PROXY",
            "integrationUri": w.function()["invokeArn"],
            "payloadFormatVersion": "2.0",
        },
        {"description": "e", "timeoutMilliseconds": 5000},
        import_id=lambda id_, props: f"{props['apiId']}/{id_}",
    ),
    Case(
        "aws:apigatewayv2/authorizer:Authorizer",
        lambda w: {
            "apiId": w.http_api(),
            "authorizerType": "REQUEST",
            "authorizerUri": w.function()["invokeArn"],
            "authorizerPayloadFormatVersion": "2.0",
            "authorizerResultTtlInSeconds": 0,
            "enableSimpleResponses": True,
            "identitySources": ["$request.header.Authorization"],
        },
        {"authorizerResultTtlInSeconds": 60, "enableSimpleResponses": False},
        import_id=lambda id_, props: f"{props['apiId']}/{id_}",
    ),
    Case(
        "aws:apigatewayv2/route:Route",
        lambda w: {"apiId": w.http_api(), "routeKey": "GET /case", "authorizationType": "NONE"},
        {"routeKey": "POST /case"},
        import_id=lambda id_, props: f"{props['apiId']}/{id_}",
    ),
    Case(
        "aws:apigatewayv2/stage:Stage",
        lambda w: {"apiId": w.http_api(), "autoDeploy": True, "tags": {"a": "b"}},
        {
            "description": "e",
            "accessLogSettings": {"destinationArn": "arn:x", "format": "$context.requestId"},
            "tags": {"c": "d"},
        },
        import_id=lambda id_, props: f"{props['apiId']}/{id_}",
    ),
    Case(
        "aws:apigateway/restApi:RestApi",
        lambda w: {"endpointConfiguration": {"types": "REGIONAL"}, "tags": {"a": "b"}},
        {"description": "e", "tags": {"c": "d"}},
    ),
    Case(
        "aws:apigateway/resource:Resource",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "parentId": w.rest_api()["rootResourceId"],
            "pathPart": "case",
        },
        {"pathPart": "other"},
        import_id=lambda id_, props: f"{props['restApi']}/{id_}",
    ),
    Case(
        "aws:apigateway/method:Method",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "resourceId": w.rest_path("method"),
            "httpMethod": "GET",
            "authorization": "NONE",
            "requestParameters": {"method.request.path.proxy": True},
        },
        {"apiKeyRequired": True, "requestParameters": {"method.request.header.X": False}},
        import_id=lambda id_, props: (
            f"{props['restApi']}/{props['resourceId']}/{props['httpMethod']}"
        ),
    ),
    Case(
        "aws:apigateway/integration:Integration",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "resourceId": w.rest_path("deployed"),
            "httpMethod": w.have(
                "aws:apigateway/method:Method",
                "any",
                restApi=w.rest_api()["id"],
                resourceId=w.rest_path("deployed"),
                httpMethod="ANY",
                authorization="NONE",
            )[1]["httpMethod"],
            "type": "AWS_PROXY",
            "integrationHttpMethod": "POST",
            "uri": w.function()["invokeArn"],
        },
        {"timeoutMilliseconds": 5000},
        import_id=lambda id_, props: (
            f"{props['restApi']}/{props['resourceId']}/{props['httpMethod']}"
        ),
    ),
    Case(
        "aws:apigateway/authorizer:Authorizer",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "type": "TOKEN",
            "authorizerUri": w.function()["invokeArn"],
            "authorizerResultTtlInSeconds": 0,
        },
        {"authorizerResultTtlInSeconds": 60, "identitySource": "method.request.header.X"},
        import_id=lambda id_, props: f"{props['restApi']}/{id_}",
    ),
    Case(
        "aws:apigateway/deployment:Deployment",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "description": "d",
            "triggers": {"definition": w.deployment()},
        },
        {"description": "e"},
        import_id=lambda id_, props: f"{props['restApi']}/{id_}",
        untold=("triggers",),
    ),
    Case(
        "aws:apigateway/stage:Stage",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "deployment": w.deployment(),
            "stageName": "v1",
            "tags": {"a": "b"},
        },
        {
            "description": "e",
            "variables": {"x": "y"},
            "accessLogSettings": {
                "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:x",
                "format": "$context.requestId",
            },
            "tags": {"c": "d"},
        },
        import_id=lambda id_, props: f"{props['restApi']}/{props['stageName']}",
    ),
]


# S3 always answers these two: versioning can only be suspended, encryption falls back to AES256.
UNDELETABLE = {
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
}


def test_there_is_a_case_for_every_type_that_the_plugin_handles() -> None:
    assert sorted(case.token for case in CASES) == sorted(provider().resources)


def without(props: Props, *names: str) -> Props:
    return {name: value for name, value in props.items() if name not in names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.token.split(":")[1])
def test_a_type_lives_its_whole_life(aws: Engine, world: World, case: Case) -> None:
    spec = provider().resources[case.token]
    inputs, failures = aws.check(case.token, case.inputs(world))
    assert failures == []
    id_, state = aws.create(case.token, inputs)

    # Every output that the table promises is there, and a refresh right away is no change.
    assert spec.outputs - set(state) == set()
    assert set(state) - set(spec.inputs) - spec.outputs == set()
    same_id, seen, seen_inputs = aws.read(case.token, id_, state, inputs)
    assert (same_id, seen_inputs) == (id_, inputs)
    assert without(seen, "lastModified") == without(state, "lastModified")

    if case.change is not None:
        wanted = {**inputs, **case.change}
        found = aws.diff(case.token, inputs, wanted)
        assert set(found.diffs) == {n for n in case.change if case.change[n] != inputs.get(n)}
        assert list(found.replaces) == []
        state = aws.update(case.token, id_, state, inputs, wanted)
        inputs = wanted
        assert {n: state.get(n) for n in case.change} == case.change
        assert aws.read(case.token, id_, state, inputs)[2] == inputs

    imported, _, imported_inputs = aws.read(case.token, case.import_id(id_, state), {}, {})
    assert imported == id_
    expected = without(inputs, *case.untold, "__defaults")
    found = aws.diff(case.token, imported_inputs, expected)
    assert found.changes == NONE, dict(found.detailedDiff)

    aws.delete(case.token, id_, state)
    assert (aws.read(case.token, id_, state, inputs)[0] == "") != (case.token in UNDELETABLE)
    aws.delete(case.token, id_, state)


def test_a_second_key_is_a_second_key(aws: Engine) -> None:
    inputs = {"customerMasterKeySpec": "ECC_NIST_P256", "keyUsage": "SIGN_VERIFY"}
    assert aws.create("aws:kms/key:Key", inputs)[0] != aws.create("aws:kms/key:Key", inputs)[0]


TWICE = [
    ("aws:s3/bucket:Bucket", lambda w: {"bucket": "only-once"}, "BucketAlreadyOwnedByYou"),
    (
        "aws:iam/role:Role",
        lambda w: {"name": "once", "assumeRolePolicy": ASSUME},
        "EntityAlreadyExists",
    ),
    (
        "aws:lambda/function:Function",
        lambda w: {
            "name": "once",
            "role": w.role()["arn"],
            "runtime": "python3.11",
            "handler": "h.handler",
            "code": code(HANDLER),
        },
        "ResourceConflictException",
    ),
    ("aws:cloudwatch/logGroup:LogGroup", lambda w: {"name": "once"}, "AlreadyExistsException"),
    (
        "aws:apigatewayv2/stage:Stage",
        lambda w: {"apiId": w.http_api(), "name": "once"},
        "ConflictException",
    ),
    (
        "aws:apigatewayv2/route:Route",
        lambda w: {"apiId": w.http_api(), "routeKey": "GET /twice"},
        "ConflictException",
    ),
    (
        "aws:lambda/permission:Permission",
        lambda w: {
            "action": "lambda:InvokeFunction",
            "function": w.function()["name"],
            "principal": "apigateway.amazonaws.com",
            "statementId": "twice",
        },
        "ResourceConflictException",
    ),
    (
        "aws:apigateway/resource:Resource",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "parentId": w.rest_api()["rootResourceId"],
            "pathPart": "same",
        },
        "ConflictException",
    ),
    (
        "aws:apigateway/stage:Stage",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "deployment": w.deployment(),
            "stageName": "twice",
        },
        "ConflictException",
    ),
    (
        "aws:apigateway/method:Method",
        lambda w: {
            "restApi": w.rest_api()["id"],
            "resourceId": w.rest_path("twice"),
            "httpMethod": "GET",
            "authorization": "NONE",
        },
        "ConflictException",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "code_"), TWICE, ids=[t[0] for t in TWICE])
def test_a_name_that_is_taken_is_refused_as_the_cloud_does(
    aws: Engine, world: World, token: str, inputs: Callable[[World], Props], code_: str
) -> None:
    wanted = inputs(world)
    aws.create(token, wanted)
    with pytest.raises(grpc.RpcError, match=code_):
        aws.create(token, wanted)


PUT = [
    (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "name": "once",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 1,
            "metricName": "m",
            "namespace": "n",
            "period": 60,
            "statistic": "Sum",
            "threshold": 1,
        },
    ),
    (
        "aws:cloudwatch/dashboard:Dashboard",
        {"dashboardName": "once", "dashboardBody": '{"widgets": []}'},
    ),
]


@pytest.mark.parametrize(("token", "inputs"), PUT, ids=[t[0] for t in PUT])
def test_what_the_cloud_puts_over_what_is_there_a_second_create_puts_too(
    aws: Engine, token: str, inputs: Props
) -> None:
    """CloudWatch API Reference, PutMetricAlarm and PutDashboard; so a killed run is repeated."""
    first, _ = aws.create(token, inputs)
    second, _ = aws.create(token, inputs)
    assert first == second == "once"


def test_a_second_saved_query_of_one_name_is_a_second_query(aws: Engine) -> None:
    """CloudWatch Logs API Reference, PutQueryDefinition: without an id it makes another one."""
    token = "aws:cloudwatch/queryDefinition:QueryDefinition"
    inputs: Props = {"name": "twice", "queryString": "fields @message"}
    assert len({aws.create(token, inputs)[0] for _ in range(2)}) == 2


REFUSED = [
    (
        "aws:kms/key:Key",
        {
            "customerMasterKeySpec": "RSA_2048",
            "keyUsage": "SIGN_VERIFY",
            "enableKeyRotation": True,
        },
        "enableKeyRotation",
    ),
    ("aws:kms/key:Key", {"keyUsage": "SIGN_VERIFY"}, "keyUsage"),
    ("aws:kms/key:Key", {"customerMasterKeySpec": "ECC_NIST_P256"}, "keyUsage"),
    ("aws:kms/key:Key", {"deletionWindowInDays": 3}, "deletionWindowInDays"),
    ("aws:kms/key:Key", {"customKeyStoreId": "x"}, "customKeyStoreId"),
    ("aws:s3/bucket:Bucket", {"bucket": "ab"}, "bucket"),
    ("aws:s3/bucket:Bucket", {"acl": "public-read"}, "acl"),
    ("aws:lambda/function:Function", {"imageUri": "x"}, "imageUri"),
    (
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {"bucket": "b", "key": "k", "content": "a", "contentBase64": "YQ=="},
        "contentBase64",
    ),
    ("aws:apigateway/authorizer:Authorizer", {"restApi": "x"}, "authorizerUri"),
    ("aws:apigatewayv2/api:Api", {"protocolType": "WEBSOCKET"}, "protocolType"),
]


@pytest.mark.parametrize(("token", "inputs", "path"), REFUSED)
def test_what_the_cloud_or_the_sandbox_cannot_do_is_refused(
    sandbox_environ: dict[str, str], aws: Engine, token: str, inputs: Props, path: str
) -> None:
    _, failures = aws.check(token, inputs)
    assert path in {name for name, _ in failures}


def test_default_tags_reach_every_tagged_resource(sandbox_environ: dict[str, str]) -> None:
    with serving(provider(), sandbox_environ) as engine:
        engine.configure(defaultTags='{"tags": {"signet:environment": "local", "a": "default"}}')
        inputs, _ = engine.check("aws:s3/bucket:Bucket", {"tags": {"a": "own"}})
        _, state = engine.create("aws:s3/bucket:Bucket", inputs)
    assert state["tagsAll"] == {"signet:environment": "local", "a": "own"}


def test_a_keys_public_half_is_told(aws: Engine, sandbox_environ: dict[str, str]) -> None:
    key, _ = aws.create(
        "aws:kms/key:Key", {"customerMasterKeySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"}
    )
    public, _ = aws.invoke("aws:kms/getPublicKey:getPublicKey", {"keyId": key})
    assert public["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert public["signingAlgorithms"]


def test_the_deployer_is_the_emulators_account(aws: Engine) -> None:
    caller, _ = aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
    assert caller["accountId"] == "000000000000"


def test_published_objects_carry_their_headers(
    aws: Engine, world: World, sandbox_environ: dict[str, str]
) -> None:
    bucket = world.bucket()
    aws.create(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {
            "bucket": bucket,
            "key": "served.json",
            "content": "{}",
            "contentType": "application/jwk-set+json",
            "cacheControl": "public, max-age=300",
        },
    )
    url = f"{sandbox_environ['AWS_ENDPOINT_URL']}/{bucket}/served.json"
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
        assert answer.headers["Content-Type"] == "application/jwk-set+json"
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.read() == b"{}"


def test_a_refresh_sees_an_object_that_was_overwritten(aws: Engine, world: World) -> None:
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    inputs = {"bucket": world.bucket(), "key": "drift", "content": "mine"}
    id_, state = aws.create(token, inputs)
    aws.create(token, {**inputs, "content": "theirs"})
    assert aws.read(token, id_, state, inputs)[2]["content"] == "theirs"


def test_an_update_of_code_alone_changes_the_codes_hash(aws: Engine, world: World) -> None:
    token = "aws:lambda/function:Function"
    inputs, _ = aws.check(
        token,
        {
            "role": world.role()["arn"],
            "runtime": "python3.11",
            "handler": "h.handler",
            "code": code(HANDLER),
        },
        name="hashed",
    )
    id_, state = aws.create(token, inputs)
    changed = {**inputs, "code": code(HANDLER + "\n")}
    after = aws.update(token, id_, state, inputs, changed)
    assert after["codeSha256"] != state["codeSha256"]
    back = aws.update(token, id_, after, changed, inputs)
    assert back["codeSha256"] == state["codeSha256"]


def test_an_emulator_that_is_not_there_is_said_plainly(tmp_path: Any) -> None:
    from tests.sandbox.harness import sandbox_environment

    with serving(provider(), sandbox_environment(tmp_path / "sandbox")) as engine:
        engine.configure()
        with pytest.raises(grpc.RpcError, match="start it with `signet sandbox start`"):
            engine.create("aws:kms/key:Key", {})
