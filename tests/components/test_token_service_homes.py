"""The token service on Azure and Google under mocks: what it may do, is told, and where it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from components.aws import token_service as aws
from components.azure import token_service as azure
from components.azure.roles import BLOB_OWNER, QUEUE_CONTRIBUTOR, TABLE_CONTRIBUTOR
from components.gcp import token_service as gcp
from components.token_service import warn_of_move, where
from signet.confirmed import Confirmed
from signet.errors import RunFailed
from signet.journal import Journal
from signet.key_ring import State
from signet.signals import exchange_signals
from signet.token_service import Limits, TokenServiceSettings, unpacked
from tests.components.azure.test_declared import SETTINGS as AZURE
from tests.components.conftest import Whole
from tests.components.mocked import Run, private_material
from tests.components.test_gcp import SETTINGS as GCP
from tests.unit.exchange.world import callers

SETTINGS = {"azure": AZURE, "gcp": GCP}
VALIDATOR = {"azure": "environment-azure-validator-app", "gcp": "gcp-environment-validator-service"}
SERVICE = {"azure": "token-service-app", "gcp": "token-service-service"}
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/signet-dev"

Deploy = Callable[..., Run]


@pytest.fixture
def deploy(whole: Whole) -> Deploy:
    """Run the whole program of an environment in one cloud, with a token service."""

    def deployed(home: str, **changes: Any) -> Run:
        return whole(settings={**SETTINGS[home], "tokenService": "create", **changes})

    return deployed


def variables(found: Run, home: str) -> dict[str, str]:
    inputs = found.one(SERVICE[home]).inputs
    told = (
        inputs["siteConfig"]["appSettings"]
        if home == "azure"
        else inputs["template"]["containers"][0]["envs"]
    )
    return {each["name"]: each["value"] for each in told}


def settings_of(found: Run, home: str) -> TokenServiceSettings:
    return TokenServiceSettings.parse(unpacked(variables(found, home)["SIGNET_SETTINGS"]).decode())


HOMES = pytest.mark.parametrize("home", ["azure", "gcp"])


@HOMES
def test_it_comes_after_every_validator_and_before_the_record(deploy: Deploy, home: str) -> None:
    found = deploy(home)
    service, record = found.one(SERVICE[home]), found.one("confirmed")
    assert found.one(VALIDATOR[home]).urn in service.depends_on
    assert service.urn in record.depends_on
    assert Confirmed.parse(record.inputs["input"]).validators["token-service"].agrees
    assert found.exports["tokenService"]["url"].endswith("/token")
    assert found.exports["tokenService"]["url"].startswith("https://")
    url = found.exports["tokenService"]["url"].removesuffix("/token")
    assert found.exports["tokenService"]["health"] == f"{url}/health"
    assert found.exports["tokenService"]["cloud"] == home


ALARMS = {
    "azure": ("azure-native:monitor:ScheduledQueryRule", "ruleName"),
    "gcp": ("gcp:monitoring/alertPolicy:AlertPolicy", "displayName"),
}


@HOMES
def test_its_lines_have_alarms_of_their_own(deploy: Deploy, home: str) -> None:
    found = deploy(home)
    kind, name = ALARMS[home]
    alarms = {each.inputs[name] for each in found.of(kind)}
    assert {f"signet-dev-{each.name}" for each in exchange_signals(refusals=1)} <= alarms
    assert set(found.exports["monitoring"][home]) == alarms


@HOMES
def test_it_is_told_the_key_that_the_run_confirms(deploy: Deploy, home: str) -> None:
    found = deploy(home)
    text = unpacked(variables(found, home)["SIGNET_SETTINGS"])
    assert variables(found, home)["SIGNET_SETTINGS_SHA256"] == hashlib.sha256(text).hexdigest()
    told = settings_of(found, home)
    confirmed = Confirmed.parse(found.one("confirmed").inputs["input"])
    key = told.keys["environment"]
    number = confirmed.active["environment"]
    assert (told.cloud, key.cloud, told.sandbox, told.endpoint) == (home, home, False, "")
    assert key.reference == confirmed.key_resources["environment"][number].id
    assert key.jwk["kid"] == confirmed.kid("environment", number)
    assert private_material(found) == []


def test_on_google_it_may_sign_with_the_ring_and_add_to_its_own_bucket_alone(
    deploy: Deploy,
) -> None:
    found = deploy("gcp")
    account = found.one("token-service-run")
    member = f"serviceAccount:{account.inputs['accountId']}@example-org-dev.iam.gserviceaccount.com"
    rights = {
        (each.type.rpartition(":")[2], each.inputs.get("cryptoKeyId") or each.inputs.get("bucket"))
        for each in found.resources
        if each.inputs.get("member") == member
    }
    ring = "projects/example-org-dev/locations/europe-west3/keyRings/signet-dev"
    assert rights == {
        ("CryptoKeyIAMMember", f"{ring}/cryptoKeys/environment"),
        ("BucketIAMMember", "example-org-signet-dev-keys-used"),
    }
    assert found.one("token-service-signs-environment").inputs["role"] == "roles/cloudkms.signer"
    assert found.one("token-service-used-adder").inputs["role"] == "roles/storage.objectCreator"
    bucket = found.one("token-service-used-bucket").inputs
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["forceDestroy"] is True
    assert bucket["lifecycleRules"] == [{"action": {"type": "Delete"}, "condition": {"age": 2}}]
    assert settings_of(found, "gcp").replay == (
        "https://storage.googleapis.com/upload/storage/v1/b/example-org-signet-dev-keys-used/o"
    )
    service = found.one("token-service-service").inputs
    assert service["template"]["containers"][0]["args"][-1] == "signet.issuing.exchange.cloud_run"
    assert service["template"]["scaling"] == {"minInstanceCount": 0, "maxInstanceCount": 10}
    assert service["ingress"] == "INGRESS_TRAFFIC_ALL"


def test_on_azure_it_may_take_on_the_issuer_and_has_an_account_of_its_own(deploy: Deploy) -> None:
    found = deploy("azure")
    issuer = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
    app = found.one("token-service-app").inputs
    assert app["identity"]["userAssignedIdentities"] == [
        found.one("token-service-identity").name + "-id",
        f"{issuer}signet-dev-environment-issuer",
    ]
    own = "object-of-signet-dev-token-service"
    given = [
        each.inputs
        for each in found.of("azure-native:authorization:RoleAssignment")
        if each.inputs["principalId"] == own
    ]
    assert {each["roleDefinitionId"].rpartition("/")[2] for each in given} == {
        BLOB_OWNER, QUEUE_CONTRIBUTOR, TABLE_CONTRIBUTOR,
    }  # fmt: skip
    assert {each["scope"] for each in given} == {"token-service-code-account-id"}
    assert found.one("token-service-code-account").inputs["accountName"] == "exampleorgdevexchange"
    assert settings_of(found, "azure").keys["environment"].identity == (
        "client-of-signet-dev-environment-issuer"
    )
    assert variables(found, "azure")["AZURE_CLIENT_ID"] == "client-of-signet-dev-token-service"
    assert settings_of(found, "azure").replay == (
        "https://exampleorgdevexchange.blob.core.windows.net/used-tokens"
    )
    (rule,) = found.one("token-service-used-lifecycle").inputs["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["used-tokens/used/"]
    assert rule["definition"]["actions"]["baseBlob"]["delete"] == {
        "daysAfterCreationGreaterThan": 2
    }


@pytest.mark.parametrize(
    ("home", "instances", "each"),
    # Flex Consumption's least is 40 instances, whatever `tokenServiceInstances` says.
    [("azure", 40, 5), ("gcp", 10, 20)],
)
def test_what_one_instance_signs_goes_by_how_many_there_may_be(
    deploy: Deploy, home: str, instances: int, each: int
) -> None:
    found = deploy(home)
    limits = settings_of(found, home).limits
    assert (limits.sign_per_second, limits.sign_burst) == (each, 2 * each)
    service = found.one(SERVICE[home]).inputs
    told = (
        service["functionAppConfig"]["scaleAndConcurrency"]["maximumInstanceCount"]
        if home == "azure"
        else service["template"]["scaling"]["maxInstanceCount"]
    )
    assert told == instances


@pytest.mark.parametrize(
    ("in_all", "instances", "each"),
    [
        (aws.SIGNATURES, 10, 20),
        (aws.SIGNATURES, 100, 2),
        (aws.SIGNATURES, 1_000, 1),
        (aws.SIGNATURES, 0, 20),
        (azure.SIGNATURES["standard"], 40, 5),
        (azure.SIGNATURES["premium"], 40, 2),
        (gcp.SIGNATURES["SOFTWARE"], 10, 20),
        (gcp.SIGNATURES["HSM"], 10, 2),
        (gcp.SIGNATURES["HSM"], 1, 20),
    ],
)
def test_all_instances_together_keep_to_what_the_kms_takes(
    in_all: int, instances: int, each: int
) -> None:
    limits = Limits.sharing(in_all, instances)
    assert (limits.sign_per_second, limits.sign_burst) == (each, 2 * each)
    assert limits.caller_burst <= each
    assert 1 <= limits.caller_per_second <= max(1, each // 2)


@pytest.mark.parametrize(("instances", "each"), [(0, 5), (1, 5), (10, 5), (40, 5), (100, 2)])
def test_an_instance_on_aws_refuses_in_its_own_words_before_lambda_does(
    instances: int, each: int
) -> None:
    limits = Limits.sharing(aws.SIGNATURES, instances, aws.TOKENS)
    assert limits.sign_per_second == each
    assert 2 * limits.sign_per_second <= aws.REQUESTS


def test_it_stays_beside_the_key_that_signs_until_one_of_the_new_home_does(whole: Whole) -> None:
    journal = Journal.parse(whole().one("journal").inputs["input"])
    moved: Any = SimpleNamespace(journal=journal, settings=SimpleNamespace(home="gcp"))
    assert where(moved) == "aws"
    ring = journal.rings["environment"]
    elsewhere = tuple(replace(generation, cloud="azure") for generation in ring.generations)
    moved.journal = replace(journal, rings={"environment": replace(ring, generations=elsewhere)})
    assert where(moved) == "azure"


def test_a_run_that_moves_it_warns_whose_tokens_it_takes_no_more_until_the_next_one(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", said.append)
    journal = Journal.parse(whole().one("journal").inputs["input"])
    ring = journal.rings["environment"]
    first = ring.generations[0]
    left = replace(first, state=State.RETIRING, retiring_at=first.activated_at)
    now = replace(first, number=2, cloud="gcp")
    flipped = replace(ring, generations=(left, now), next_generation=3)
    order: Any = SimpleNamespace(
        journal=replace(journal, rings={"environment": flipped}),
        settings=SimpleNamespace(home="gcp", callers=callers()),
        services=(),
    )
    warn_of_move(order)
    (line,) = said
    assert "moved to gcp" in line
    assert "(orders-pipeline)" in line
    handed = replace(left, handed_over_at=first.activated_at)
    seen = replace(flipped, generations=(handed, now))
    order.journal = replace(journal, rings={"environment": seen})
    warn_of_move(order)
    assert len(said) == 1


@pytest.mark.parametrize("encoded", [azure._encoded, gcp._encoded])
def test_rules_that_no_variable_holds_are_refused_in_words(encoded: Callable[[str], str]) -> None:
    rules = '{"repository_id":"74","ref":"refs/heads/main"},' * 10_000
    assert unpacked(encoded(rules)) == rules.encode()
    # Digests: what cannot be made smaller.
    many = "".join(hashlib.sha512(str(number).encode()).hexdigest() for number in range(400))
    with pytest.raises(RunFailed, match="token service's settings take"):
        encoded(many)
