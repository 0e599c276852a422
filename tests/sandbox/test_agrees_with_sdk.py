"""Each plugin's tables against the installed SDK, so that they agree with more than themselves."""

from __future__ import annotations

import importlib

import pytest

from tests.sandbox.sdk import Sdk, agree, annotations, outputs, required
from tests.sandbox.sdks import AWS, GCP, SDKS

# Reading an SDK's old names warns of their age; none of ours is among them.
pytestmark = pytest.mark.filterwarnings("ignore:.* in favor of :DeprecationWarning")

RESOURCES = [
    pytest.param(sdk, token, id=token) for sdk in SDKS for token in sorted(sdk.provider.resources)
]
FUNCTIONS = [
    pytest.param(sdk, token, id=token) for sdk in SDKS for token in sorted(sdk.provider.functions)
]
EACH = [pytest.param(sdk, id=sdk.provider.name) for sdk in SDKS]


@pytest.mark.parametrize(("sdk", "token"), RESOURCES)
def test_every_input_is_one_of_the_sdks_and_of_its_type(sdk: Sdk, token: str) -> None:
    found = agree(sdk.provider.resources[token].inputs, sdk.args(token), token)
    assert [one for one in found if not any(part in one for part in sdk.loose)] == []


@pytest.mark.parametrize(("sdk", "token"), RESOURCES)
def test_what_is_required_is_required_by_the_sdk_too(sdk: Sdk, token: str) -> None:
    table = {name for name, prop in sdk.provider.resources[token].inputs.items() if prop.required}
    assert table - required(sdk.args(token)) == sdk.stricter.get(token, set())


@pytest.mark.parametrize(("sdk", "token"), RESOURCES)
def test_outputs_are_the_sdks_and_cover_them(sdk: Sdk, token: str) -> None:
    known, resource = outputs(sdk.resource(token)), sdk.provider.resources[token]
    assert resource.outputs - known == set()
    if sdk.not_produced is not None:
        only_outputs = known - set(annotations(sdk.args(token)))
        assert only_outputs - resource.outputs == sdk.not_produced.get(token, set())


@pytest.mark.parametrize(("sdk", "token"), RESOURCES)
def test_the_sdk_sends_this_very_token(sdk: Sdk, token: str) -> None:
    assert sdk.resource(token).pulumi_type == token


@pytest.mark.parametrize(("sdk", "token"), FUNCTIONS)
def test_a_functions_arguments_and_results_are_the_sdks(sdk: Sdk, token: str) -> None:
    function = sdk.provider.functions[token]
    assert function.outputs == outputs(sdk.result(token))
    assert set(function.inputs) <= sdk.parameters(token)


@pytest.mark.parametrize("sdk", EACH)
def test_no_exception_is_for_a_type_that_no_table_has(sdk: Sdk) -> None:
    excepted = {*sdk.stricter, *(sdk.not_produced or {})}
    assert excepted - set(sdk.provider.resources) == set()


@pytest.mark.parametrize("sdk", EACH)
def test_the_plugin_reports_the_sdks_version(sdk: Sdk) -> None:
    utilities = importlib.import_module(f"{sdk.package}._utilities")
    assert sdk.provider.version == utilities.get_version()


@pytest.mark.parametrize("sdk", EACH)
def test_the_providers_settings_are_the_sdks(sdk: Sdk) -> None:
    args = importlib.import_module(f"{sdk.package}.provider").ProviderArgs
    assert set(sdk.provider.config) <= set(annotations(args))


REPLACES = [
    (AWS, "aws:kms/key:Key", {"customerMasterKeySpec", "keyUsage", "multiRegion"}),
    (AWS, "aws:s3/bucket:Bucket", {"bucket", "objectLockEnabled"}),
    (AWS, "aws:s3/bucketObjectv2:BucketObjectv2", {"bucket", "key"}),
    (AWS, "aws:iam/role:Role", {"name", "path"}),
    (AWS, "aws:lambda/function:Function", {"name", "packageType"}),
    (AWS, "aws:apigatewayv2/stage:Stage", {"apiId", "name"}),
    (AWS, "aws:apigateway/deployment:Deployment", {"restApi", "triggers", "variables"}),
    (GCP, "gcp:kms/keyRing:KeyRing", {"location", "name", "project"}),
    (GCP, "gcp:kms/cryptoKeyVersion:CryptoKeyVersion", {"cryptoKey"}),
    (GCP, "gcp:storage/bucket:Bucket", {"location", "name", "project", "storageClass"}),
    (
        GCP,
        "gcp:storage/bucketObject:BucketObject",
        {"bucket", "cacheControl", "contentType", "name", "source"},
    ),
    (GCP, "gcp:cloudrunv2/service:Service", {"location", "name", "project"}),
]


@pytest.mark.parametrize(("sdk", "token", "names"), REPLACES, ids=[row[1] for row in REPLACES])
def test_what_replaces_is_what_terraform_forces_new(sdk: Sdk, token: str, names: set[str]) -> None:
    """The SDK carries no such information; read from the schemas that the tables name."""
    table = {n for n, prop in sdk.provider.resources[token].inputs.items() if prop.replace}
    assert table - {"region"} == names
