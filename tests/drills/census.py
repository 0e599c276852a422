"""Counts what is really in the sandbox's clouds, and what a stack's state records of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import boto3

from sandbox import supervisor
from signet.engine.place import state_file


def recorded(state: Path, stack: str = "local") -> list[dict[str, Any]]:
    """Return the resources that the stack's state records."""
    return list(_deployment(state, stack).get("resources") or [])


def unsettled(state: Path, stack: str = "local") -> list[str]:
    """Return the operations that the state has as begun and not as ended."""
    found = _deployment(state, stack).get("pending_operations") or []
    return [f"{each['type']} {each['resource']['urn']}" for each in found]


def _deployment(state: Path, stack: str) -> dict[str, Any]:
    path = state_file(state / "sandbox" / "backend", stack)
    if path is None:
        return {}
    told = json.loads(path.read_text(encoding="utf-8"))["checkpoint"]
    return dict(told.get("latest") or {})


def ids_by_type(resources: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the recorded ids of the types that the census counts."""
    found: dict[str, list[str]] = {}
    for each in resources:
        if each["type"] in COUNTED:
            found.setdefault(each["type"], []).append(str(each["id"]))
    return {kind: sorted(ids) for kind, ids in found.items()}


def ids_in_cloud(state: Path) -> dict[str, list[str]]:
    """Return the ids of everything of those types that exists in AWS; nothing if that is not up."""
    if "aws" not in supervisor.status(state).pids:
        return {}
    cloud = _Cloud(supervisor.environment(state))
    found = {kind: sorted(count(cloud)) for kind, count in COUNTED.items()}
    return {kind: ids for kind, ids in found.items() if ids}


class _Cloud:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self._environment["AWS_ENDPOINT_URL"],
                region_name=self._environment["AWS_REGION"],
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]


def _keys(cloud: _Cloud) -> list[str]:
    kms = cloud("kms")
    told = [kms.describe_key(KeyId=k["KeyId"])["KeyMetadata"] for k in kms.list_keys()["Keys"]]
    return [
        each["KeyId"]
        for each in told
        if each["KeyState"] != "PendingDeletion" and each.get("KeyManager") != "AWS"
    ]


def _http(cloud: _Cloud, method: str, name: str) -> list[str]:
    client = cloud("apigatewayv2")
    apis = [api["ApiId"] for api in client.get_apis()["Items"]]
    return [item[name] for api in apis for item in getattr(client, method)(ApiId=api)["Items"]]


def _rest(cloud: _Cloud, method: str) -> list[str]:
    client = cloud("apigateway")
    return [
        item["id"]
        for api in client.get_rest_apis()["items"]
        for item in getattr(client, method)(restApiId=api["id"]).get("items", ())
        if item.get("path") != "/"
    ]


def _layers(cloud: _Cloud) -> list[str]:
    client = cloud("lambda")
    return [
        version["LayerVersionArn"]
        for layer in client.list_layers()["Layers"]
        for version in client.list_layer_versions(LayerName=layer["LayerName"])["LayerVersions"]
    ]


def _permissions(cloud: _Cloud) -> list[str]:
    client = cloud("lambda")
    found = []
    for function in client.list_functions()["Functions"]:
        try:
            policy = client.get_policy(FunctionName=function["FunctionName"])["Policy"]
        except client.exceptions.ResourceNotFoundException:
            continue
        found += [statement["Sid"] for statement in json.loads(policy)["Statement"]]
    return found


COUNTED: dict[str, Callable[[_Cloud], list[str]]] = {
    "aws:kms/key:Key": _keys,
    "aws:s3/bucket:Bucket": lambda cloud: [
        b["Name"] for b in cloud("s3").list_buckets()["Buckets"]
    ],
    "aws:iam/role:Role": lambda cloud: [r["RoleName"] for r in cloud("iam").list_roles()["Roles"]],
    "aws:cloudwatch/logGroup:LogGroup": lambda cloud: [
        group["logGroupName"] for group in cloud("logs").describe_log_groups()["logGroups"]
    ],
    "aws:lambda/function:Function": lambda cloud: [
        each["FunctionName"] for each in cloud("lambda").list_functions()["Functions"]
    ],
    "aws:lambda/layerVersion:LayerVersion": _layers,
    "aws:lambda/permission:Permission": _permissions,
    "aws:apigatewayv2/api:Api": lambda cloud: [
        api["ApiId"] for api in cloud("apigatewayv2").get_apis()["Items"]
    ],
    "aws:apigatewayv2/authorizer:Authorizer": lambda cloud: _http(
        cloud, "get_authorizers", "AuthorizerId"
    ),
    "aws:apigatewayv2/integration:Integration": lambda cloud: _http(
        cloud, "get_integrations", "IntegrationId"
    ),
    "aws:apigatewayv2/route:Route": lambda cloud: _http(cloud, "get_routes", "RouteId"),
    "aws:apigatewayv2/stage:Stage": lambda cloud: _http(cloud, "get_stages", "StageName"),
    "aws:apigateway/restApi:RestApi": lambda cloud: [
        api["id"] for api in cloud("apigateway").get_rest_apis()["items"]
    ],
    "aws:apigateway/authorizer:Authorizer": lambda cloud: _rest(cloud, "get_authorizers"),
    "aws:apigateway/resource:Resource": lambda cloud: _rest(cloud, "get_resources"),
    "aws:apigateway/deployment:Deployment": lambda cloud: _rest(cloud, "get_deployments"),
}


_GOOGLE: Final = {
    "gcp:storage/bucket:Bucket": "bucket",
    "gcp:serviceaccount/account:Account": "account",
    "gcp:cloudrunv2/service:Service": "service",
    "gcp:kms/cryptoKeyVersion:CryptoKeyVersion": "version",
    "gcp:logging/metric:Metric": "metric",
    "gcp:monitoring/alertPolicy:AlertPolicy": "alertPolicies",
    "gcp:monitoring/dashboard:Dashboard": "dashboards",
    "gcp:monitoring/notificationChannel:NotificationChannel": "notificationChannels",
}
"""By type: the kind under which the fake Google Cloud keeps it. Objects and roles are put again."""


def ids_in_fakes(state: Path) -> list[str]:
    """Return what the fake Azure (all) and the fake Google Cloud hold (of the types above)."""
    azure = _remembered(state / "sandbox/azure/state/azure.json")
    google = [
        key
        for key, each in _remembered(state / "sandbox/gcp/state/gcp.json").items()
        if key.partition(":")[0] in _GOOGLE.values() and each.get("state") != "DESTROY_SCHEDULED"
    ]
    return sorted([str(each["id"]).lower() for each in azure.values()] + google)


def _remembered(path: Path) -> dict[str, Any]:
    """A fake that was never asked for anything has written nothing down."""
    if not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8"))["resources"])


def recorded_in_fakes(resources: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the recorded ids of the same types, as the fakes name them."""
    found = []
    for each in resources:
        kind = str(each["type"])
        if kind.startswith("azure-native:"):
            found.append(str(each["id"]).lower())
        elif kind in _GOOGLE:
            found.append(f"{_GOOGLE[kind]}:{each['id']}")
    return sorted(found)
