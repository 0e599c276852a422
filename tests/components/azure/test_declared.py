"""Azure's part under mocks: what is declared, for whom, and in which order."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from components.azure import roles
from signet.probing import declared_ways as ways
from signet.probing.declared_policies import api_management_faults
from tests.components.conftest import Whole
from tests.components.mocked import Run, private_material

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
DEPLOYER = "00000000-0000-4000-8000-000000000004"
SETTINGS: dict[str, Any] = {
    "environment": "dev",
    "clouds": ["azure"],
    "home": "azure",
    "audience": "https://api.example.com",
    "requiredScope": "api:read",
    "azureLocation": "westeurope",
    "azureSubscriptionId": SUBSCRIPTION,
    "azureTenantId": SUBSCRIPTION,
    "azureVault": "example-org-dev",
    "azureStorageAccount": "exampleorgdev",
    "azureKeyAdministrators": [DEPLOYER],
}


@pytest.fixture
def deployed(whole: Whole) -> Callable[..., Run]:
    """Run the whole program of an environment of Azure alone."""
    return lambda **changes: whole(settings={**SETTINGS, **changes})


def test_each_generation_is_a_key_of_its_own_name_that_never_rotates_itself(deployed: Any) -> None:
    found = deployed()
    keys = found.of("azure-native:keyvault:Key")
    assert sorted(key.inputs["keyName"] for key in keys) == [
        "dev-environment-1",
        "dev-environment-2",
    ]
    for key in keys:
        properties = key.inputs["properties"]
        assert (properties["kty"], properties["keySize"]) == ("RSA", 2048)
        assert properties["keyOps"] == ["sign", "verify"]
        assert "rotationPolicy" not in properties
        assert key.protect
        assert key.retain_on_delete


def test_the_vault_is_guarded_by_roles_and_against_purging(deployed: Any) -> None:
    vault = deployed().one("environment-vault")
    properties = vault.inputs["properties"]
    assert properties["enableRbacAuthorization"] is True
    assert properties["enablePurgeProtection"] is True
    assert properties["softDeleteRetentionInDays"] == 30
    assert vault.protect
    assert (
        "enablePurgeProtection"
        not in deployed(protectKeys=False).one("environment-vault").inputs["properties"]
    )


def test_a_signer_may_read_and_sign_and_an_administrator_may_not_sign(deployed: Any) -> None:
    found = deployed()
    signer, administrator = (
        found.one(f"environment-{role}").inputs["permissions"][0]["dataActions"]
        for role in ("signer", "administrator")
    )
    assert tuple(signer) == roles.SIGNER_ACTIONS
    assert not any("sign" in action for action in administrator)
    for number in (1, 2):
        scope = found.one(f"environment-{number}-signer-issuer").inputs["scope"]
        assert scope == found.one(f"environment-{number}-key").urn.rpartition("::")[2] + "-id"
    issuer = found.one("environment-1-signer-issuer").inputs
    assert issuer["principalId"] == "object-of-signet-dev-environment-issuer"
    assert issuer["principalType"] == "ServicePrincipal"


def test_roles_come_before_what_needs_them(deployed: Any) -> None:
    found = deployed()
    app = found.one("environment-azure-validator-app")
    for what in ("blobs", "queues", "tables"):
        assert found.one(f"environment-azure-validator-{what}").urn in app.depends_on
    for document in ("jwks", "discovery"):
        written = found.one(f"environment-azure-store-{document}")
        assert found.one("environment-azure-store-writer-0").urn in written.depends_on
    code = found.one("environment-azure-validator-deployment")
    assert {app.urn, found.one("azure-code-bundle").urn} <= code.depends_on


def test_the_documents_are_public_without_listing_and_without_shared_keys(deployed: Any) -> None:
    found = deployed()
    account = found.one("environment-azure-store-account").inputs
    assert account["allowSharedKeyAccess"] is False
    assert account["minimumTlsVersion"] == "TLS1_2"
    assert account["allowBlobPublicAccess"] is True
    assert found.one("environment-azure-store-container").inputs["publicAccess"] == "Blob"
    jwks = found.one("environment-azure-store-jwks").inputs
    assert jwks["contentType"] == "application/jwk-set+json"
    assert jwks["cacheControl"] == "public, max-age=300"
    assert len(json.loads(jwks["content"])["keys"]) == 2


def test_private_documents_are_the_validators_alone(deployed: Any) -> None:
    found = deployed(publish="private")
    assert found.one("environment-azure-store-account").inputs["allowBlobPublicAccess"] is False
    assert found.one("environment-azure-store-container").inputs["publicAccess"] == "None"
    reader = found.one("environment-azure-store-reader-0").inputs
    assert reader["principalId"] == "object-of-signet-dev-environment-validator"
    assert reader["roleDefinitionId"].endswith(roles.BLOB_READER)


def test_a_validator_has_its_settings_their_hash_and_nothing_that_flex_refuses(
    deployed: Any,
) -> None:
    found = deployed()
    app = found.one("environment-azure-validator-app").inputs
    site = {each["name"]: each["value"] for each in app["siteConfig"]["appSettings"]}
    told = found.exports["validators"]["environment-azure"]
    assert site["SIGNET_SETTINGS_SHA256"] == told["settingsSha256"]
    assert json.loads(base64.b64decode(site["SIGNET_SETTINGS"]))["sandbox"] is False
    assert site["AzureWebJobsStorage__credential"] == "managedidentity"
    refused = {"FUNCTIONS_WORKER_RUNTIME", "WEBSITE_RUN_FROM_PACKAGE", "AzureWebJobsStorage"}
    assert not refused & set(site)
    assert not {"linuxFxVersion", "netFrameworkVersion"} & set(app["siteConfig"])
    assert app["httpsOnly"] is True


def test_another_bundle_is_deployed_again(deployed: Any) -> None:
    found = deployed()
    code = found.one("environment-azure-validator-deployment").inputs
    assert code["deploymentName"] == f"environment-code-{'a' * 12}"
    blob = found.one("azure-code-bundle").inputs
    assert blob["blobName"] == f"{'a' * 64}/released-package.zip"


def test_nothing_private_is_declared_and_every_component_is_finished(deployed: Any) -> None:
    found = deployed()
    assert private_material(found) == []
    components = [each for each in found.resources if not each.custom]
    assert {each.type for each in components if each.type.startswith("signet:azure:")} == {
        f"signet:azure:{name}"
        for name in (
            "Cloud",
            "CodeStore",
            "JwksStore",
            "KeyRing",
            "KeyVault",
            "Monitoring",
            "SigningKey",
            "Validator",
        )
    }
    assert {each.urn for each in components} <= found.finished


def test_everything_that_can_carry_tags_names_its_environment(deployed: Any) -> None:
    untagged = {
        "RoleDefinition", "RoleAssignment", "BlobContainer", "Blob", "Deployment",
        "KeyVersion", "Document",
        "Query",  # its tags are lists for searching; its pack has ours
    }  # fmt: skip
    for each in deployed().resources:
        kind = each.type.rpartition(":")[2]
        if each.custom and each.type.startswith("azure-native:") and kind not in untagged:
            assert each.inputs["tags"]["signet:environment"] == "dev", each.name


APIM = "attach:gateways/example-gateway"


def test_what_is_declared_leaves_no_way_around(deployed: Any) -> None:
    found = deployed(azureApiManagement=APIM)
    apps = found.of("azure-native:web:WebApp")
    assert apps
    for app in apps:
        assert ways.function_app_faults(app.inputs) == []
    # What its owner is told to write is what guards an API, and without it nothing does.
    told = found.exports["attached"]["azure"]["apiManagement"]
    (include,) = re.findall(r"<include-fragment [^>]*/>", told["todo"])
    ours = next(name for name in told["fragments"] if f'"{name}"' in include)
    guarded = f"<policies><inbound>{include}<base /></inbound></policies>"
    assert api_management_faults([guarded], [ours]) == []
    assert api_management_faults([guarded.replace(include, "")], [ours]) != []


def test_each_fragment_checks_once_and_no_api_itself_is_changed(deployed: Any) -> None:
    found = deployed(azureApiManagement=APIM)
    fragments = found.of("azure-native:apimanagement:PolicyFragment")
    assert len(fragments) == 2
    for fragment in fragments:
        tree = ElementTree.fromstring(fragment.inputs["value"])  # noqa: S314 - our own text
        checks = [each.tag for each in tree if each.tag in ("send-request", "validate-jwt")]
        assert len(checks) == 1
    # Nothing of an API itself is changed: no route of Azure's is ours to leave open.
    kinds = {each.type for each in found.resources if "apimanagement" in each.type}
    assert kinds == {"azure-native:apimanagement:PolicyFragment"}
    assert found.exports["gateways"]["azure"].keys() == {"function"}


def test_a_role_not_in_force_yet_is_waited_for_and_no_longer_than_five_minutes() -> None:
    from azure.core.exceptions import HttpResponseError

    from components.azure import clients

    class Forbidden(HttpResponseError):
        def __init__(self, status: int) -> None:
            super().__init__("not yet")
            self.status_code = status

    answers: list[Exception | str] = [Forbidden(403), Forbidden(403), "written"]
    slept: list[float] = []

    def call() -> str:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert clients.once_allowed(call, sleep=slept.append) == "written"
    assert len(slept) == 2
    slept.clear()
    answers[:] = [Forbidden(403)]
    with pytest.raises(HttpResponseError):
        clients.once_allowed(call, sleep=slept.append)
    assert sum(slept) == clients.ROLE_PATIENCE == 300
    slept.clear()
    answers[:] = [Forbidden(404)]
    with pytest.raises(HttpResponseError):
        clients.once_allowed(call, sleep=slept.append)
    assert slept == []
