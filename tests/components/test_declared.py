"""Rules for everything that the shipped stacks declare in the three clouds."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi._types import input_type_py_to_pulumi_names

from tests.components.conftest import Whole
from tests.components.mocked import Declared, Run, plain
from tests.components.test_stack_files import settings_of
from tests.sandbox.sdk import Sdk, annotations, flat
from tests.sandbox.sdks import AWS, AZURE, GCP

SDKS = {"aws": AWS, "azure-native": AZURE, "gcp": GCP}

NEVER_MISSING = {
    "aws:lambda/function:Function": "a validator",
    "aws:s3/bucket:Bucket": "a store",
    "aws:s3/bucketObjectv2:BucketObjectv2": "a document",
    "azure-native:web:WebApp": "a validator",
    "azure-native:web:AppServicePlan": "what a validator runs on",
    "azure-native:storage:StorageAccount": "a store",
    "pulumi-python:dynamic/signet:Document": "a document",
    "gcp:cloudrunv2/service:Service": "a validator",
    "gcp:storage/bucketObject:BucketObject": "a document, and a validator's code",
}
"""Types whose replacement may never delete first."""

MARKS = {
    "aws": ("tags", "signet:environment"),
    "azure-native": ("tags", "signet:environment"),
    "gcp": ("labels", "signet-environment"),
}
WITHIN_ANOTHER = {
    "aws:s3/bucketObjectv2:BucketObjectv2": "S3 guards an object's tags by a right of their own",
    "azure-native:operationalinsights:Query": "its tags are labels to look it up by",
}
"""Types that are not marked themselves: the bucket, or the pack, says whose they are."""


@pytest.fixture(params=["dev", "prod"])
def declared(request: pytest.FixtureRequest, whole: Whole) -> list[Declared]:
    run: Run = whole(settings={**settings_of(request.param), "services": "services"})
    found = [each for each in run.resources if each.custom]
    assert {each.type.partition(":")[0] for each in found} >= set(SDKS)
    return found


def sdk_of(resource: Declared) -> Sdk | None:
    if resource.type.startswith("pulumi:"):
        return None
    return SDKS.get(resource.type.partition(":")[0])


def properties(args: Any) -> Mapping[str, property]:
    """The inputs of a class of the SDK by their name in Python."""
    return {name: each for name, each in vars(args).items() if isinstance(each, property)}


def deprecated(given: Any, args: Any, path: str) -> Iterator[str]:
    """Where an input is given that its SDK deprecates, nested ones too."""
    wire = {told: name for name, told in input_type_py_to_pulumi_names(args).items()}
    hints, known = annotations(args), properties(args)
    for name, value in given.items():
        mark = known.get(wire.get(name, name))
        if value is None or mark is None:
            continue
        if "_pulumi_deprecated_callable" in vars(mark.fget):
            yield f"{path}.{name}"
        for inner in flat(hints[name]):
            yield from _inside(value, inner, f"{path}.{name}")


def _inside(value: Any, hint: Any, path: str) -> Iterator[str]:
    parts = typing.get_args(hint)
    if inspect.isclass(hint) and hint.__name__.endswith("Args") and isinstance(value, Mapping):
        yield from deprecated(value, hint, path)
    elif isinstance(value, list) and parts:
        for number, each in enumerate(value):
            for inner in flat(parts[-1]):
                yield from _inside(each, inner, f"{path}[{number}]")


def test_no_argument_is_given_that_the_installed_sdk_deprecates(declared: list[Declared]) -> None:
    found = []
    for resource in declared:
        sdk = sdk_of(resource)
        if sdk is not None:
            args = sdk.args(resource.type)
            found += list(deprecated(plain(resource.inputs), args, resource.name))
    assert found == []


def test_a_deprecated_argument_would_be_found_at_any_depth() -> None:
    bucket = AWS.args("aws:s3/bucket:Bucket")
    assert list(deprecated({"acl": "private", "bucket": "b"}, bucket, "x")) == ["x.acl"]
    rules = [{"enabled": True, "expiration": {"days": 1}}]
    assert "x.lifecycleRules" in list(deprecated({"lifecycleRules": rules}, bucket, "x"))
    marked = [
        (token, name, inner)
        for sdk in SDKS.values()
        for token in sdk.provider.resources
        for name, hint in annotations(sdk.args(token)).items()
        for outer in flat(hint)
        for inner in [outer, *(typing.get_args(outer)[-1:])]
        if inspect.isclass(inner)
        and inner.__name__.endswith("Args")
        and any("_pulumi_deprecated_callable" in vars(p.fget) for p in properties(inner).values())
    ]
    assert marked, "no type in use has a nested deprecated argument: this walk shows nothing"
    token, name, inner = marked[0]
    (old,) = [
        input_type_py_to_pulumi_names(inner).get(each, each)
        for each, told in properties(inner).items()
        if "_pulumi_deprecated_callable" in vars(told.fget)
    ][:1]
    sdk = SDKS[token.partition(":")[0]]
    for nested in ({old: "x"}, [{old: "x"}]):
        found = list(deprecated({name: nested}, sdk.args(token), "x"))
        if any(each.endswith(f".{old}") for each in found):
            return
    pytest.fail(f"{token}.{name}.{old} is not found")


def test_everything_that_can_be_marked_says_whose_environment_it_is(
    declared: list[Declared],
) -> None:
    missing = []
    for resource in declared:
        sdk = sdk_of(resource)
        if sdk is None or resource.type in WITHIN_ANOTHER:
            continue
        kind, key = MARKS[resource.type.partition(":")[0]]
        known = kind in annotations(sdk.args(resource.type))
        if known and key not in (resource.inputs.get(kind) or {}):
            missing.append(f"{resource.type} {resource.name}")
    assert missing == []


def test_no_replacement_of_a_validator_or_document_deletes_first(
    declared: list[Declared],
) -> None:
    # But for the demo's back end, behind which no real service stands.
    found = [each for each in declared if each.type in NEVER_MISSING and "-echo-" not in each.name]
    assert {each.type for each in found} == set(NEVER_MISSING)
    assert [each.name for each in found if each.deletes_first is not False] == []


MOVED = {
    "azure-code-account": "environment-azure-validator-code",
    "azure-code-bundles": "environment-azure-validator-code-bundles",
    "azure-code-bundle": "environment-azure-validator-bundle",
    "gcp-code-bucket": "gcp-environment-validator-source",
    "gcp-code-bundle": "gcp-environment-validator-bundle",
}
"""What stood below the environment's own validator before services had validators too."""


def test_what_moved_is_known_by_where_it_stood(declared: list[Declared]) -> None:
    by_name = {each.name: each for each in declared}
    for name, before in MOVED.items():
        ((known, parent),) = by_name[name].aliases
        validator = before.removesuffix("-bundles").removesuffix("-bundle").removesuffix("-code")
        assert known == before
        assert parent.endswith(f":Validator::{validator.removesuffix('-source')}")
    containers = [each for each in declared if each.name.endswith("-validator-container")]
    assert containers
    assert {name for each in containers for name, _ in each.aliases} == {
        "environment-azure-validator-code-app"
    }


def test_awss_authorizers_stood_in_components_of_their_own(declared: list[Declared]) -> None:
    kinds = {"Authorizer", "Permission"}
    found = [each for each in declared if each.type.rpartition(":")[2] in kinds and each.aliases]
    assert {each.type for each in found} >= {
        "aws:apigatewayv2/authorizer:Authorizer",
        "aws:lambda/permission:Permission",
    }
    for each in found:
        ((known, parent),) = each.aliases
        assert known == each.name
        kind = "Rest" if "-rest-" in each.name else "Http"
        assert parent.rpartition("::")[0].endswith(f"$signet:aws:{kind}Authorizer")


SHARED = {
    **dict.fromkeys(("identity", "blobs", "queues", "tables", "in-force"), "environment-azure"),
    **dict.fromkeys(("workspace", "insights"), "environment-azure"),
    "run": "gcp-environment",
}
"""What the environment's own validator had to itself before all of its ring shared it."""


def test_what_is_shared_is_what_the_environments_own_validator_had(
    declared: list[Declared],
) -> None:
    by_name = {each.name: each for each in declared}
    for what, whose in SHARED.items():
        name = f"{whose}-validator-{what}"
        ((known, parent),) = by_name[name].aliases
        assert known == name
        assert parent.endswith(f":Validator::{whose}-validator")
        assert ":Cloud$" in by_name[name].urn
        assert ":Validator$" not in by_name[name].urn


def test_every_resource_is_of_a_provider_whose_version_is_told(declared: list[Declared]) -> None:
    for resource in declared:
        if sdk_of(resource) is not None:
            assert resource.provider, f"{resource.name} is of a default provider"
