"""Azure's names within its limits, and policy fragments that fail closed. No engine, no cloud."""

import re
from xml.etree import ElementTree

import pytest

from components.azure import names, policies, roles
from components.azure.validator import _encoded
from components.passed_on import IDENTITY_HEADERS, OVERRIDE_HEADERS
from components.settings import parse
from components.surroundings import Surroundings
from signet.errors import RunFailed, SettingsError
from tests.components.test_settings import raw

GUID = "00000000-0000-4000-8000-000000000001"
AZURE = {
    "clouds": ["azure"],
    "home": "azure",
    "azureLocation": "westeurope",
    "azureSubscriptionId": GUID,
    "azureTenantId": GUID,
    "azureVault": "example-keys",
    "azureStorageAccount": "examplekeys",
    "azureKeyAdministrators": [GUID],
}
URL = "https://app.example/api/authorize"


@pytest.mark.parametrize("length", range(3, 25))
def test_the_code_accounts_name_fits_and_is_never_the_other_ones(length: int) -> None:
    account = ("abcdefghijklmnopqrstuvwxyz")[:length]
    code = names.code_account(account)
    assert re.fullmatch(names.ACCOUNT_PATTERN, code)
    assert code != account


def test_two_accounts_that_differ_at_the_end_have_code_accounts_that_differ() -> None:
    first, second = "a" * 23 + "1", "a" * 23 + "2"
    assert names.code_account(first) != names.code_account(second)


@pytest.mark.parametrize("service", ["environment", "s" * 60])
def test_a_function_apps_name_fits(service: str) -> None:
    name = names.function_app("e" * 20, service, "account")
    assert len(name) <= 60
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])", name)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("abc", True), ("a-b-1", True), ("a" * 24, True),
        ("ab", False), ("a" * 25, False), ("1ab", False), ("a--b", False), ("ab-", False),
    ],
)  # fmt: skip
def test_a_vaults_name_is_held_to_azures_rule(name: str, good: bool) -> None:
    assert bool(re.fullmatch(names.VAULT_PATTERN, name)) is good


def test_assignments_keep_their_guid() -> None:
    assert names.guid("a", "b") == names.guid("a", "b")
    assert names.guid("a", "b") != names.guid("a", "c")


def test_a_signer_reads_and_signs_and_an_administrator_never_signs() -> None:
    assert {action.rpartition("keys/")[2] for action in roles.SIGNER_ACTIONS} == {
        "read",
        "sign/action",
    }
    assert not any("sign" in action for action in roles.ADMINISTRATOR_ACTIONS)


def test_the_fragment_strips_asks_and_ends_everything_but_200() -> None:
    fragment = ElementTree.fromstring(policies.ask_the_function(URL))  # noqa: S314 - our own text
    steps = [step.tag for step in fragment]
    asks = steps.index("send-request")
    before, after = list(fragment)[:asks], list(fragment)[asks + 1 :]
    stripped = {step.get("name") for step in before if step.get("exists-action") == "delete"}
    passed = {step.get("name") for step in after if step.tag == "set-header"}
    assert passed == set(IDENTITY_HEADERS)
    assert stripped == {*IDENTITY_HEADERS, *OVERRIDE_HEADERS}
    request = fragment[asks]
    assert request.get("mode") == "new"
    assert request.get("ignore-error") == "true"
    assert request.findtext("set-url") == URL
    told = {step.get("name") for step in request if step.tag == "set-header"}
    assert {"x-signet-original-method", "x-signet-original-path"} <= told
    nothing, refused = fragment[asks + 1].findall("when")
    assert "== null" in str(nothing.get("condition"))
    assert nothing.find("return-response/set-status[@code='503']") is not None
    assert "!= 200" in str(refused.get("condition"))
    assert refused.find("return-response") is not None


def test_the_native_fragment_names_issuer_audience_and_scope() -> None:
    text = policies.native("https://issuer.example/a", "https://api.example/?a&b", "demo:read")
    check = ElementTree.fromstring(text).find("validate-jwt")  # noqa: S314
    assert check is not None
    assert check.findtext("issuers/issuer") == "https://issuer.example/a"
    assert check.findtext("audiences/audience") == "https://api.example/?a&b"
    assert check.findtext("required-claims/claim/value") == "demo:read"
    assert check.get("require-signed-tokens") == "true"


def test_azure_alone_is_a_whole_environment() -> None:
    settings = parse(raw(**AZURE), Surroundings(stack="staging"))
    assert settings.aws is None
    assert settings.azure is not None
    assert settings.issuer == "https://examplekeys.blob.core.windows.net/keys"
    assert settings.azure.resource_group == "signet-staging"
    assert settings.azure.vault_url == "https://example-keys.vault.azure.net"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("azureStorageAccount", "Example-Keys"),
        ("azureVault", "9keys"),
        ("azureSubscriptionId", ""),
        ("azureKeyAdministrators", []),
        ("azureFunctionMemory", "1024"),
        ("azureFunctionMostInstances", "10"),
        ("azureApiManagement", "create"),
    ],
)
def test_what_azure_would_refuse_is_refused_first(key: str, value: object) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(raw(**{**AZURE, key: value}), Surroundings(stack="staging"))
    assert [fault.key for fault in raised.value.faults] == [f"signet:{key}"]


def test_settings_that_no_app_setting_holds_are_refused_in_words() -> None:
    with pytest.raises(RunFailed, match="settings take"):
        _encoded("x" * 30_000)
