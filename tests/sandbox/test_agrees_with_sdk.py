"""The plugin's tables against the installed SDK, so that they agree with more than themselves."""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import pytest
from pulumi._types import input_type_py_to_pulumi_names

from sandbox.aws import provider
from sandbox.plugin.spec import Kind, Prop, Type

# Reading an SDK's old names warns of their age; none of ours is among them.
pytestmark = pytest.mark.filterwarnings("ignore:.* in favor of :DeprecationWarning")

PROVIDER = provider()
RESOURCES = sorted(PROVIDER.resources)

# Inputs that the SDK leaves optional because a part of the type that the sandbox refuses does
# without them: a function from an image or a bucket, an integration with a service.
STRICTER = {
    "aws:lambda/function:Function": {"code", "handler", "runtime"},
    "aws:lambda/layerVersion:LayerVersion": {"code"},
    "aws:apigatewayv2/integration:Integration": {"integrationUri"},
}

# Outputs of features that the sandbox does not have. A program that reads one gets nothing.
NOT_PRODUCED = {
    "aws:apigateway/stage:Stage": {"webAclArn"},
    "aws:lambda/function:Function": {
        "responseStreamingInvokeArn",
        "signingJobArn",
        "signingProfileVersionArn",
    },
    "aws:lambda/layerVersion:LayerVersion": {"signingJobArn", "signingProfileVersionArn"},
    "aws:s3/bucket:Bucket": {"hostedZoneId", "websiteDomain", "websiteEndpoint"},
    "aws:s3/bucketObjectv2:BucketObjectv2": {
        "checksumCrc32",
        "checksumCrc32c",
        "checksumCrc64nvme",
        "checksumSha1",
        "checksumSha256",
    },
}


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def sdk_module(token: str) -> types.ModuleType:
    _, path, _ = token.split(":")
    package, file = path.split("/")
    package = {"lambda": "lambda_", "index": ""}.get(package, package)
    return importlib.import_module(".".join(p for p in ("pulumi_aws", package, snake(file)) if p))


def sdk_class(token: str) -> Any:
    return getattr(sdk_module(token), token.rsplit(":", 1)[-1])


def sdk_args(token: str) -> Any:
    module, name = sdk_module(token), token.rsplit(":", 1)[-1]
    return getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")


def required(args: Any) -> set[str]:
    names = input_type_py_to_pulumi_names(args)
    parameters = inspect.signature(args.__init__).parameters
    return {
        names.get(name, name)
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and "self" not in name
    }


def annotations(args: Any) -> dict[str, Any]:
    """The constructor's annotations by wire name, their forward references resolved."""
    module = importlib.import_module(args.__module__)
    # pulumi.Input names these two by forward reference, which resolves only in its own module.
    inside = {"Output": pulumi.Output, "T": typing.TypeVar("T")}
    hints = typing.get_type_hints(args.__init__, {**vars(module), **inside})
    names = input_type_py_to_pulumi_names(args)
    return {names.get(name, name): hint for name, hint in hints.items() if name != "return"}


def flat(hint: Any) -> Iterator[Any]:
    """The plain types that an annotation allows: nothing of Optional, Union, Input, Output."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from flat(part)
    elif origin in (pulumi.Output,) or "Awaitable" in str(origin):
        return
    elif hint is not type(None):
        yield hint


def fits(of: Type, hint: Any, path: str) -> Iterator[str]:
    """Complaints about a table's type where the SDK's annotation says something else."""
    found = list(flat(hint))
    plain = {
        Kind.STRING: str,
        Kind.JSON: str,
        Kind.INTEGER: int,
        Kind.NUMBER: float,
        Kind.BOOLEAN: bool,
        Kind.ARCHIVE: pulumi.Archive,
    }
    if of.kind in plain:
        if plain[of.kind] not in found:
            yield f"{path}: {of.kind.value} against {found}"
    elif of.kind is Kind.ASSET:
        if not any(pulumi.Asset is one for one in found):
            yield f"{path}: a file against {found}"
    elif of.kind in (Kind.LIST, Kind.SET, Kind.MAP):
        container = "Mapping" if of.kind is Kind.MAP else "Sequence"
        inside = [one for one in found if container in str(typing.get_origin(one))]
        if not inside:
            yield f"{path}: {of.kind.value} against {found}"
        elif of.item is not None:
            yield from fits(of.item, typing.get_args(inside[0])[-1], f"{path}[]")
    else:
        classes = [one for one in found if inspect.isclass(one) and one.__name__.endswith("Args")]
        if not classes:
            yield f"{path}: an object against {found}"
        else:
            yield from agree(of.fields, classes[0], path)


def agree(spec: Mapping[str, Prop], args: Any, path: str) -> Iterator[str]:
    """Complaints about an object's fields."""
    sdk = annotations(args)
    for name, prop in spec.items():
        if name not in sdk:
            yield f"{path}.{name}: the SDK has no such input"
        else:
            yield from fits(prop.type, sdk[name], f"{path}.{name}")
    for name in required(args) - {n for n, p in spec.items() if p.required}:
        yield f"{path}.{name}: required by the SDK and not by the table"


@pytest.mark.parametrize("token", RESOURCES)
def test_every_input_is_one_of_the_sdks_and_of_its_type(token: str) -> None:
    assert list(agree(PROVIDER.resources[token].inputs, sdk_args(token), token)) == []


@pytest.mark.parametrize("token", RESOURCES)
def test_what_is_required_is_required_by_the_sdk_too(token: str) -> None:
    table = {name for name, prop in PROVIDER.resources[token].inputs.items() if prop.required}
    assert table - required(sdk_args(token)) == STRICTER.get(token, set())


@pytest.mark.parametrize("token", RESOURCES)
def test_outputs_are_the_sdks_and_cover_them(token: str) -> None:
    sdk = {
        getattr(value.fget, "_pulumi_name", name)
        for name, value in vars(sdk_class(token)).items()
        if isinstance(value, property)
    }
    resource = PROVIDER.resources[token]
    only_outputs = sdk - set(annotations(sdk_args(token)))
    assert resource.outputs - sdk == set()
    assert only_outputs - resource.outputs == NOT_PRODUCED.get(token, set())


@pytest.mark.parametrize("token", RESOURCES)
def test_the_sdk_sends_this_very_token(token: str) -> None:
    assert sdk_class(token).pulumi_type == token


@pytest.mark.parametrize("token", sorted(PROVIDER.functions))
def test_a_functions_results_are_the_sdks(token: str) -> None:
    function = PROVIDER.functions[token]
    name = token.rsplit(":", 1)[-1]
    module = sdk_module(token)
    result = getattr(module, f"{name[0].upper()}{name[1:]}Result")
    results = {
        getattr(value.fget, "_pulumi_name", key)
        for key, value in vars(result).items()
        if isinstance(value, property)
    }
    assert function.outputs == results
    parameters = inspect.signature(getattr(module, snake(name))).parameters
    wanted = {camel(key) for key in parameters if key != "opts"}
    assert set(function.inputs) == wanted


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def test_the_plugin_reports_the_sdks_version() -> None:
    import pulumi_aws

    assert PROVIDER.version == pulumi_aws._utilities.get_version()  # type: ignore[attr-defined]


def test_the_providers_settings_are_the_sdks() -> None:
    from pulumi_aws.provider import ProviderArgs

    assert set(PROVIDER.config) <= set(annotations(ProviderArgs))


REPLACES = [
    ("aws:kms/key:Key", {"customerMasterKeySpec", "keyUsage", "multiRegion"}),
    ("aws:s3/bucket:Bucket", {"bucket", "objectLockEnabled"}),
    ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket", "key"}),
    ("aws:iam/role:Role", {"name", "path"}),
    ("aws:lambda/function:Function", {"name", "packageType"}),
    ("aws:apigatewayv2/stage:Stage", {"apiId", "name"}),
    ("aws:apigateway/deployment:Deployment", {"restApi", "triggers", "variables"}),
]


@pytest.mark.parametrize(("token", "names"), REPLACES)
def test_what_replaces_is_what_terraform_forces_new(token: str, names: set[str]) -> None:
    """The SDK carries no such information; read from the schemas that the tables name."""
    table = {n for n, prop in PROVIDER.resources[token].inputs.items() if prop.replace}
    assert table - {"region"} == names
