"""The Google plugin's tables against the installed SDK, by the same rules as AWS's."""

from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

import pytest

from sandbox.gcp import provider
from tests.sandbox.test_agrees_with_sdk import agree, annotations, camel, required, snake

pytestmark = pytest.mark.filterwarnings("ignore:.* in favor of :DeprecationWarning")

PROVIDER = provider()
RESOURCES = sorted(PROVIDER.resources)

# Inputs that the SDK leaves optional because of parts of the type that the sandbox refuses.
STRICTER: dict[str, set[str]] = {}

# Outputs of features that the sandbox does not have. A program that reads one gets nothing.
NOT_PRODUCED = {
    "gcp:cloudrunv2/service:Service": {
        "conditions",
        "creator",
        "deleteTime",
        "effectiveAnnotations",
        "etag",
        "expireTime",
        "generation",
        "lastModifier",
        "observedGeneration",
        "terminalConditions",
        "trafficStatuses",
    },
    "gcp:storage/bucket:Bucket": {"timeCreated", "updated"},
}


def sdk_module(token: str) -> types.ModuleType:
    _, path, _ = token.split(":")
    package, file = path.split("/")
    file = {"iAMMember": "iam_member", "cryptoKeyIAMMember": "crypto_key_iam_member"}.get(
        file, {"bucketIAMMember": "bucket_iam_member"}.get(file, snake(file))
    )
    file = file.replace("get_k_m_s", "get_kms")
    return importlib.import_module(f"pulumi_gcp.{package}.{file}")


def sdk_class(token: str) -> Any:
    return getattr(sdk_module(token), token.rsplit(":", 1)[-1])


def sdk_args(token: str) -> Any:
    return getattr(sdk_module(token), f"{token.rsplit(':', 1)[-1]}Args")


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


def test_a_functions_results_are_the_sdks() -> None:
    from pulumi_gcp.kms import get_kms_crypto_key_version as sdk
    from pulumi_gcp.kms.get_kms_crypto_key_version import GetKMSCryptoKeyVersionResult

    (function,) = PROVIDER.functions.values()
    results = {
        getattr(value.fget, "_pulumi_name", key)
        for key, value in vars(GetKMSCryptoKeyVersionResult).items()
        if isinstance(value, property)
    }
    assert function.outputs == results
    parameters = inspect.signature(sdk).parameters
    assert set(function.inputs) == {camel(key) for key in parameters if key != "opts"}


def test_the_plugin_reports_the_sdks_version() -> None:
    from pulumi_gcp import _utilities

    assert PROVIDER.version == _utilities.get_version()  # type: ignore[no-untyped-call]


def test_the_providers_settings_are_the_sdks() -> None:
    from pulumi_gcp.provider import ProviderArgs

    assert set(PROVIDER.config) <= set(annotations(ProviderArgs))


REPLACES = [
    ("gcp:kms/keyRing:KeyRing", {"location", "name", "project"}),
    ("gcp:kms/cryptoKeyVersion:CryptoKeyVersion", {"cryptoKey"}),
    ("gcp:storage/bucket:Bucket", {"location", "name", "project", "storageClass"}),
    ("gcp:storage/bucketObject:BucketObject", {"bucket", "name", "source"}),
    ("gcp:cloudrunv2/service:Service", {"location", "name", "project"}),
]


@pytest.mark.parametrize(("token", "names"), REPLACES)
def test_what_replaces_is_what_was_meant(token: str, names: set[str]) -> None:
    """The SDK carries no such information; this holds the tables to what was meant."""
    table = {n for n, prop in PROVIDER.resources[token].inputs.items() if prop.replace}
    assert table == names
