"""The whole program under mocks: what it declares, in which order, and with which properties."""

import json
from typing import Any

import pulumi
import pytest

from components.adoption import FoundKey
from components.validator_settings import settings_hash
from signet.confirmed import Confirmed
from signet.errors import RunFailed, SettingsError
from signet.journal import Journal
from signet.key_ring import State
from signet.observed import StoreReading
from tests.components import mocked
from tests.components.conftest import NOW, Whole, stashed
from tests.components.test_stack_files import settings_of
from validator_functions.verification.keys import KeySet, thumbprint
from validator_functions.verification.settings import ValidatorSettings

COMPONENTS = {
    "signet:index:Environment",
    "signet:aws:Cloud",
    "signet:aws:EchoBackend",
    "signet:aws:FunctionRole",
    "signet:aws:Gateway",
    "signet:aws:HttpGateway",
    "signet:aws:JwksStore",
    "signet:aws:KeyRing",
    "signet:aws:Monitoring",
    "signet:aws:RestGateway",
    "signet:aws:SigningKey",
    "signet:aws:Validator",
}

TAGGED = {
    "aws:apigateway/restApi:RestApi",
    "aws:apigateway/stage:Stage",
    "aws:apigatewayv2/api:Api",
    "aws:apigatewayv2/stage:Stage",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:s3/bucket:Bucket",
}


def journal_of(run: mocked.Run) -> Journal:
    return Journal.parse(run.one("journal").inputs["input"])


def state_after(run: mocked.Run) -> dict[str, Any]:
    """The state that this run leaves behind, as the next one reads it."""
    keys = {
        key.urn: {"type": key.type, "outputs": {"keyId": f"{key.name}-id"}}
        for key in run.of("aws:kms/key:Key")
    }
    texts = (run.one("journal").inputs["input"], run.one("confirmed").inputs["input"])
    return {**stashed(*texts), **keys}


def published(run: mocked.Run) -> KeySet:
    return KeySet.parse(run.one("environment-store-jwks").inputs["content"].encode())


def reading(run: mocked.Run) -> StoreReading:
    """What a store gives back after this run."""
    found = published(run)
    return StoreReading("read", found.sequence, found.kids, found.denied, found.sha256 or "")


def artefact(run: mocked.Run) -> str:
    archive = run.one("environment-validator-settings").inputs["code"]
    text: str = archive.assets["python/signet_settings.json"].text
    return text


def test_every_component_has_its_type_token_and_registers_its_outputs(whole: Whole) -> None:
    run = whole()
    components = [resource for resource in run.resources if not resource.custom]
    assert {component.type for component in components} == COMPONENTS
    assert [c.name for c in components if c.urn not in run.finished] == []


def test_children_are_named_after_their_parents(whole: Whole) -> None:
    run = whole()
    names = {resource.urn: resource for resource in run.resources}
    for resource in run.resources:
        parent = names.get(resource.parent)
        if resource.custom and parent is not None and parent.type != "signet:index:Environment":
            assert resource.name.startswith(parent.name), resource.name


def test_the_journal_comes_first_and_everything_waits_for_it(whole: Whole) -> None:
    run = whole()
    first = next(resource for resource in run.resources if resource.custom)
    assert first.name == "journal"
    provider = run.one("aws-provider")
    assert first.urn in provider.depends_on
    of_aws = [resource for resource in run.resources if resource.type.startswith("aws:")]
    assert of_aws
    assert [r.name for r in of_aws if not r.provider.startswith(provider.urn)] == []


def test_what_is_confirmed_comes_last_and_waits_for_everything(whole: Whole) -> None:
    run = whole()
    last = run.resources[-1]
    assert last.name == "confirmed"
    others = {r.urn for r in run.resources if r.custom and r.type.startswith("aws:")}
    assert others <= last.depends_on


def test_the_first_run_makes_one_active_and_one_prepared_key(whole: Whole) -> None:
    run = whole()
    ring = journal_of(run).rings["environment"]
    states = {generation.number: generation.state for generation in ring.generations}
    assert states == {1: State.ACTIVE, 2: State.PREPARED}
    keys = {key.name for key in run.of("aws:kms/key:Key")}
    assert keys == {"environment-1-key", "environment-2-key"}
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    assert confirmed.active == {"environment": 1}
    assert confirmed.journal_digest == journal_of(run).digest
    assert published(run).kids == set(confirmed.kids["environment"].values())


@pytest.mark.parametrize(
    ("settings", "spec", "kty"),
    [
        ({}, "RSA_2048", "RSA"),
        ({"keySize": "3072"}, "RSA_3072", "RSA"),
        ({"algorithm": "PS256"}, "RSA_2048", "RSA"),
        ({"algorithm": "ES256"}, "ECC_NIST_P256", "EC"),
    ],
)
def test_a_signing_key_is_made_as_the_settings_ask(
    whole: Whole, settings: dict[str, str], spec: str, kty: str
) -> None:
    run = whole(settings=settings)
    key = run.one("environment-1-key")
    assert key.inputs["customerMasterKeySpec"] == spec
    assert key.inputs["keyUsage"] == "SIGN_VERIFY"
    assert key.inputs["isEnabled"] is True
    assert key.inputs["deletionWindowInDays"] == 30
    assert key.protect
    assert key.retain_on_delete
    assert key.inputs["tags"] == {
        "signet:environment": "test",
        "signet:ring": "environment",
        "signet:generation": "1",
        "signet:cloud": "aws",
    }
    document = json.loads(run.one("environment-store-jwks").inputs["content"])
    for jwk in document["keys"]:
        assert jwk["kty"] == kty
        assert jwk["alg"] == settings.get("algorithm", "RS256")
        assert jwk["kid"] == thumbprint(jwk)


def test_everything_that_can_carry_the_environments_tag_does(whole: Whole) -> None:
    run = whole()
    for resource in run.resources:
        tagged = (resource.inputs.get("tags") or {}).get("signet:environment")
        assert (tagged == "test") == (resource.type in TAGGED), resource.name


def test_no_private_key_material_is_in_any_resource_or_output(whole: Whole) -> None:
    run = whole()
    assert mocked.private_material(run) == []
    assert "PRIVATE" not in json.dumps(run.exports)


def test_the_published_documents_carry_type_age_and_content(whole: Whole) -> None:
    run = whole(settings={"jwksMaxAge": "120s"})
    jwks, discovery = run.one("environment-store-jwks"), run.one("environment-store-discovery")
    assert jwks.inputs["key"] == ".well-known/jwks.json"
    assert jwks.inputs["contentType"] == "application/jwk-set+json"
    assert discovery.inputs["key"] == ".well-known/openid-configuration"
    assert discovery.inputs["contentType"] == "application/json"
    for document in (jwks, discovery):
        assert document.inputs["cacheControl"] == "public, max-age=120"
    told = json.loads(discovery.inputs["content"])
    assert told["issuer"] == run.exports["issuer"]
    assert told["jwks_uri"] == run.exports["jwksUrls"]["aws"]


@pytest.mark.parametrize(
    ("publish", "blocked", "principals"),
    [
        ("public", False, ["*"]),
        ("private", True, [{"AWS": [f"arn:aws:role:eu-central-1:{mocked.ACCOUNT}:"
                                    "environment-validators-role"]}]),
    ],
)  # fmt: skip
def test_a_bucket_opens_exactly_two_objects_to_exactly_its_readers(
    whole: Whole, publish: str, blocked: bool, principals: list[Any]
) -> None:
    run = whole(settings={"publish": publish})
    block = run.one("environment-store-public-access").inputs
    assert block["blockPublicAcls"] is True
    assert block["ignorePublicAcls"] is True
    assert block["blockPublicPolicy"] is blocked
    assert block["restrictPublicBuckets"] is blocked
    policy = run.one("environment-store-policy")
    assert run.one("environment-store-public-access").urn in policy.depends_on
    statements = json.loads(policy.inputs["policy"])["Statement"]
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert [statement["Principal"] for statement in allowed] == principals
    assert [statement["Action"] for statement in allowed] == ["s3:GetObject"]
    assert allowed[0]["Resource"] == [
        "arn:aws:s3:::signet-test-keys/.well-known/jwks.json",
        "arn:aws:s3:::signet-test-keys/.well-known/openid-configuration",
    ]
    denied = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_bucket_keeps_versions_for_a_while_and_encrypts(whole: Whole) -> None:
    run = whole()
    versioning = run.one("environment-store-versioning").inputs["versioningConfiguration"]
    assert versioning == {"status": "Enabled"}
    rule = run.one("environment-store-encryption").inputs["rules"][0]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    lifecycle = run.one("environment-store-lifecycle").inputs["rules"][0]
    assert lifecycle["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert run.one("environment-store-ownership").inputs["rule"] == {
        "objectOwnership": "BucketOwnerEnforced"
    }
    assert not run.one("environment-store-bucket").inputs["forceDestroy"]


def test_a_validators_settings_are_read_by_the_verification_module_itself(whole: Whole) -> None:
    run = whole()
    text = artefact(run)
    settings = ValidatorSettings.parse(text.encode())
    assert settings.sha256 == settings_hash(text)
    assert settings.sandbox is False
    assert settings.issuers[0].issuer == run.exports["issuer"]
    assert settings.issuers[0].jwks_urls == (run.exports["jwksUrls"]["aws"],)
    assert settings.issuers[0].key_set is not None
    assert settings.issuers[0].key_set.kids == published(run).kids
    assert settings.bundle_sha256 == "b" * 64  # of the tree, which functions state


def test_a_validator_reads_a_private_store_with_its_own_role(whole: Whole) -> None:
    run = whole(settings={"publish": "private"})
    issuer = json.loads(artefact(run))["issuers"][0]
    assert issuer["jwks_urls"] == []
    assert issuer["private_store"] == {
        "kind": "aws_s3",
        "region": "eu-central-1",
        "url": run.exports["jwksUrls"]["aws"],
    }
    ValidatorSettings.parse(artefact(run).encode())
    rights = json.loads(run.one("environment-validators-rights").inputs["policy"])["Statement"]
    assert [statement["Action"] for statement in rights] == [
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        "s3:GetObject",
    ]
    assert len(rights[1]["Resource"]) == 2


def test_a_validator_function_reports_the_hash_of_its_settings(whole: Whole) -> None:
    run = whole()
    function = run.one("environment-validator-function").inputs
    expected = settings_hash(artefact(run))
    assert function["environment"]["variables"] == {"SIGNET_SETTINGS_SHA256": expected}
    assert function["handler"] == "validator_functions.aws_lambda.handler.handler"
    assert function["architectures"] == ["x86_64"]
    assert function["runtime"] == "python3.12"
    assert isinstance(function["code"], pulumi.FileArchive)
    assert function["timeout"] == 5
    assert function["memorySize"] == 512
    assert "reservedConcurrentExecutions" not in function
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    report = confirmed.validators["environment-aws"]
    assert report.rings == ("environment",)
    assert (report.expected, report.reported) == (expected, expected)
    assert run.exports["validators"]["environment-aws"]["settingsSha256"] == expected


@pytest.mark.parametrize(
    ("role", "group", "named"),
    [
        ("environment-validators", "aws-validators-log", "/signet/test/validators"),
        (
            "environment-gateway-echo-run",
            "environment-gateway-echo-run-logs",
            "/aws/lambda/signet-test-echo",
        ),
    ],
)
def test_a_functions_role_may_write_to_one_log_group_and_do_nothing_else(
    whole: Whole, role: str, group: str, named: str
) -> None:
    run = whole()
    log_group = run.one(group).inputs
    assert log_group["name"] == named
    assert log_group["retentionInDays"] == 90
    policy = json.loads(run.one(f"{role}-rights").inputs["policy"])
    assert len(policy["Statement"]) == 1
    assert policy["Statement"][0]["Resource"].endswith(f":{group}:*")
    trust = json.loads(run.one(f"{role}-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_the_issuer_role_may_sign_with_exactly_the_rings_keys(whole: Whole) -> None:
    run = whole()
    rights = json.loads(run.one("environment-issuer-rights").inputs["policy"])["Statement"]
    assert len(rights) == 1
    assert rights[0]["Action"] == ["kms:GetPublicKey", "kms:Sign"]
    assert rights[0]["Resource"] == sorted(
        f"arn:aws:kms:eu-central-1:{mocked.ACCOUNT}:environment-{number}-key-id"
        for number in (1, 2)
    )
    trust = json.loads(run.one("environment-issuer").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {
        "AWS": ["arn:aws:iam::111122223333:role/pipeline"]
    }
    policy = json.loads(run.one("environment-1-key").inputs["policy"])["Statement"]
    signers = [s for s in policy if s["Effect"] == "Allow" and "kms:Sign" in s["Action"]]
    assert [s["Principal"]["AWS"] for s in signers] == [
        [f"arn:aws:role:eu-central-1:{mocked.ACCOUNT}:environment-issuer"]
    ]


def test_named_administrators_manage_keys_in_place_of_the_account(whole: Whole) -> None:
    deployer = "arn:aws:iam::111122223333:role/deployer"
    for settings, manager in (
        ({}, f"arn:aws:iam::{mocked.ACCOUNT}:root"),
        ({"awsKeyAdministrators": [deployer]}, deployer),
    ):
        run = whole(settings=settings)
        statements = json.loads(run.one("environment-1-key").inputs["policy"])["Statement"]
        assert statements[0]["Principal"] == {"AWS": [manager]}


def test_a_second_run_changes_at_most_the_journal_and_a_third_nothing(whole: Whole) -> None:
    first = whole()
    second = whole(state=state_after(first), store=reading(first), now=NOW + 60)
    third = whole(state=state_after(second), store=reading(second), now=NOW + 120)
    changed = {
        one.name
        for one, other in zip(by_name(first), by_name(second), strict=True)
        if told(one) != told(other)
    }
    assert changed == {"journal", "confirmed"}
    assert [told(one) for one in by_name(second)] == [told(one) for one in by_name(third)]


def by_name(run: mocked.Run) -> list[mocked.Declared]:
    return sorted((r for r in run.resources if r.custom), key=lambda r: (r.type, r.name))


def told(resource: mocked.Declared) -> str:
    return json.dumps(mocked.plain(resource.inputs), sort_keys=True)


def test_an_unrecorded_key_of_a_killed_run_is_adopted_and_further_ones_are_reported(
    whole: Whole,
) -> None:
    def found(identity: str, at: int) -> FoundKey:
        return FoundKey(
            cloud="aws",
            id=identity,
            ring="environment",
            generation=1,
            status="enabled",
            created_at=at,
        )

    written = stashed(whole().one("journal").inputs["input"])
    run = whole(state=written, keys=[found("older", 1), found("newer", 2)], now=NOW + 60)
    assert run.one("environment-1-key").import_id == "older"
    assert run.one("environment-2-key").import_id == ""
    assert [left["id"] for left in run.exports["leftovers"]] == ["newer"]


def test_a_key_that_is_another_than_was_confirmed_stops_the_run(whole: Whole) -> None:
    first = whole()
    state = state_after(first)
    confirmed = json.loads(first.one("confirmed").inputs["input"])
    confirmed["kids"]["environment"]["1"] = "A" * 43
    state |= stashed(None, json.dumps(confirmed))
    with pytest.raises(RunFailed, match="another key than it was"):
        whole(state=state, store=reading(first), now=NOW + 60)


def test_a_changed_issuer_names_both_values_and_stops_before_anything(whole: Whole) -> None:
    state = state_after(whole())
    with pytest.raises(SettingsError) as raised:
        whole(state=state, settings={"issuer": "https://id.example.com"})
    message = str(raised.value)
    assert "https://id.example.com" in message
    assert "https://signet-test-keys.s3.eu-central-1.amazonaws.com" in message


def test_moving_the_store_does_not_move_a_default_issuer_silently(whole: Whole) -> None:
    state = state_after(whole())
    with pytest.raises(SettingsError, match="for good"):
        whole(state=state, settings={"awsBucket": "signet-test-moved"})
    moved = whole(
        state=state,
        settings={
            "awsBucket": "signet-test-moved",
            "issuer": "https://signet-test-keys.s3.eu-central-1.amazonaws.com",
        },
        store=StoreReading("absent"),
    )
    assert moved.exports["issuer"] == "https://signet-test-keys.s3.eu-central-1.amazonaws.com"


def test_a_ring_behind_the_published_set_stops_the_run_and_says_why(whole: Whole) -> None:
    first = whole()
    ahead = StoreReading("read", 7, published(first).kids, frozenset(), "0" * 64)
    with pytest.raises(RunFailed) as raised:
        whole(state=state_after(first), store=ahead, now=NOW + 60)
    assert raised.value.details


def test_a_preview_of_the_first_run_declares_the_same(whole: Whole) -> None:
    names = {resource.name for resource in whole(preview=True).resources}
    assert names == {resource.name for resource in whole().resources}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_shipped_stack_declares_a_whole_environment(whole: Whole, stack: str) -> None:
    settings = settings_of(stack)
    run = whole(settings=settings)
    guarded = run.of("aws:apigatewayv2/route:Route") + run.of("aws:apigateway/method:Method")
    assert guarded
    for key in run.of("aws:kms/key:Key"):
        assert key.protect
    accounts = json.loads(run.one("aws-provider").inputs["allowedAccountIds"])
    assert accounts == [settings["awsAccountId"]]
    assert Confirmed.parse(run.one("confirmed").inputs["input"]).active == {"environment": 1}
