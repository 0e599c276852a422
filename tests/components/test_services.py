"""Onboarded services under mocks: what each manifest adds, and that it touches nothing else."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from components.aws import names as aws_names
from components.azure import names as azure_names
from components.fitted import fitted
from components.gcp import names as gcp_names
from signet.confirmed import Confirmed
from signet.documents import DISCOVERY_PATH, JWKS_PATH
from signet.errors import SettingsError
from signet.service import AT_ONCE
from signet.service_edit import marked_leaving
from signet.service_set import parse_set
from signet.trust_changes import CALLERS, LIFETIME
from tests.components import mocked
from tests.components.conftest import NOW, Whole, stashed
from validator_functions.verification.policy import Policy
from validator_functions.verification.settings import ValidatorSettings

MANIFEST = """\
service: {name}
owner: team-{name}
contact: {name}@example.com
clouds: [aws]
audience: https://{name}.example.com
tokenLifetime: 10m
gateways: {{aws: {gateway}}}
routes:
  - {{methods: [GET], path: "/{name}/{{id}}", scopes: ["{name}:read"]}}
"""


def folder(where: Path, **services: str) -> dict[str, str]:
    """Write a manifest for each service, by its gateway, and return the setting that names them."""
    for name, gateway in services.items():
        text = MANIFEST.format(name=name, gateway=gateway)
        (where / f"{name}.yaml").write_text(text)
    return {"services": str(where)}


def declared(run: mocked.Run) -> dict[str, object]:
    """Every resource but those that name all services or a contact, by the end of its URN."""
    shared = {"journal", "confirmed"}
    return {
        resource.urn.split("::", 2)[2]: mocked.plain(resource.inputs)
        for resource in run.resources
        if resource.name not in shared and "-contact-" not in resource.name
    }


def test_a_manifest_becomes_a_validator_a_gateway_and_outputs(whole: Whole, tmp_path: Path) -> None:
    run = whole(settings=folder(tmp_path, orders="create"))
    text = run.one("orders-validator-settings").inputs["code"].assets["python/signet_settings.json"]
    told = ValidatorSettings.parse(text.text.encode())
    policy = told.issuers[0].policy
    assert (told.service, policy.audiences, policy.max_lifetime) == (
        "orders",
        frozenset({"https://orders.example.com"}),
        600,
    )
    assert told.routes.match("GET", "/orders/7") == (frozenset({"orders:read"}), frozenset())
    assert run.one("orders-gateway-http-api").inputs["name"] == "signet-test-orders"
    output = run.exports["services"]["orders"]
    assert output["contact"] == "orders@example.com"
    assert set(output["gateways"]["aws"]) == {"http"}
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    assert set(confirmed.validators) == {"environment-aws", "orders-aws"}
    assert confirmed.validators["orders-aws"].agrees


def test_a_second_service_changes_nothing_of_the_first_nor_of_the_environment(
    whole: Whole, tmp_path: Path
) -> None:
    before = declared(whole(settings=folder(tmp_path, orders="create")))
    (tmp_path / "more").mkdir()
    both = folder(tmp_path / "more", orders="create", bills="create")
    after = declared(whole(settings=both))
    assert {urn: after.get(urn) for urn in before} == before
    added = set(after) - set(before)
    assert added
    assert [urn for urn in added if "bills" not in urn] == []


FURTHER = {
    "signet:aws:Validator": 1,
    "aws:lambda/layerVersion:LayerVersion": 1,
    "aws:lambda/function:Function": 1,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 2,
    "signet:aws:Gateway": 1,
    "signet:aws:HttpGateway": 1,
    "aws:apigatewayv2/api:Api": 1,
    "aws:apigatewayv2/authorizer:Authorizer": 1,
    "aws:apigatewayv2/integration:Integration": 1,
    "aws:apigatewayv2/route:Route": 1,
    "aws:apigatewayv2/stage:Stage": 1,
    "aws:lambda/permission:Permission": 2,
}
"""What a further service is on AWS: each is written into the state twice (docs/decisions/0011)."""


def test_a_further_service_is_no_more_resources_than_it_has_to_be(
    whole: Whole, tmp_path: Path
) -> None:
    before = declared(whole(settings=folder(tmp_path, orders="create")))
    (tmp_path / "more").mkdir()
    after = declared(whole(settings=folder(tmp_path / "more", orders="create", bills="create")))
    kinds = (urn.partition("::")[0].rpartition("$")[2] for urn in set(after) - set(before))
    assert Counter(kinds) == FURTHER


def test_validators_of_a_ring_run_as_one_role_and_a_ring_of_its_own_as_another(
    whole: Whole, tmp_path: Path
) -> None:
    given = own_ring(tmp_path, orders="none") | folder(tmp_path, bills="none")
    run = whole(settings={**given, "publish": "private"})
    roles = {
        each.inputs["name"]: each.inputs["role"] for each in run.of("aws:lambda/function:Function")
    }
    shared, own = run.one("environment-validators-role"), run.one("orders-validators-role")
    assert shared.inputs["name"] == "signet-test-environment-validator"
    assert roles["signet-test-bills-validator"].endswith(f":{shared.name}")
    assert roles["signet-test-environment-validator"].endswith(f":{shared.name}")
    assert roles["signet-test-orders-validator"].endswith(f":{own.name}")
    for ring, folder_name in (("environment", ""), ("orders", "orders/")):
        policy = json.loads(run.one(f"{ring}-validators-rights").inputs["policy"])
        (readable,) = [s["Resource"] for s in policy["Statement"] if s["Sid"] == "PublishedKeys"]
        assert f"arn:aws:s3:::signet-test-keys/{folder_name}{JWKS_PATH}" in readable
        assert len(readable) == 2


def test_a_rings_role_is_known_by_where_its_validators_own_role_stood(
    whole: Whole, tmp_path: Path
) -> None:
    run = whole(settings=own_ring(tmp_path, orders="none"))
    roles = {each.name: each for each in run.of("signet:aws:FunctionRole")}
    for ring in ("environment", "orders"):
        ((known, parent),) = roles[f"{ring}-validators"].aliases
        assert known == f"{ring}-validator-run"
        assert parent.endswith(f"$signet:aws:Validator::{ring}-validator")
        # The rights are called otherwise: so those to the old log group go last.
        assert run.one(f"{ring}-validators-rights").inputs["name"] == "validators"
        # A run killed on the way leaves the old names below the new component: the engine moves
        # what is below (`Snapshot.NormalizeURNReferences`), and the SDK does not look there.
        for part in ("role", "rights"):
            known_as = run.one(f"{ring}-validators-{part}").aliases
            assert (f"{ring}-validator-run-{part}", "") in known_as
    assert run.one("environment-gateway-echo-run-rights").inputs["name"] == "run"


def test_all_validators_log_to_one_group_and_all_gateways_to_another(
    whole: Whole, tmp_path: Path
) -> None:
    run = whole(settings=folder(tmp_path, orders="create", bills="create"))
    validators = [
        each.inputs["loggingConfig"]
        for each in run.of("aws:lambda/function:Function")
        if each.name.endswith("-validator-function")
    ]
    assert validators == [{"logFormat": "Text", "logGroup": "/signet/test/validators"}] * 3
    stages = [each.inputs for each in run.of("aws:apigatewayv2/stage:Stage")]
    assert {each["accessLogSettings"]["destinationArn"] for each in stages} == {
        f"arn:aws:loggroup:eu-central-1:{mocked.ACCOUNT}:aws-gateways-access"
    }
    assert len(stages) == 3
    assert {each.inputs["name"] for each in run.of("aws:cloudwatch/logGroup:LogGroup")} == {
        "/signet/test/validators",
        "/aws/vendedlogs/signet-test-gateways",
        "/aws/lambda/signet-test-echo",
    }
    told = run.exports["validators"]
    assert {told[name]["logGroup"] for name in ("orders-aws", "bills-aws", "environment-aws")} == {
        "/signet/test/validators"
    }


@pytest.mark.parametrize(
    ("gateway", "kinds"),
    [
        ("none", set()),
        ("attach:abcd1234", {"aws:apigatewayv2/authorizer:Authorizer"}),
        ("attach:rest/abcd1234", {"aws:apigateway/authorizer:Authorizer"}),
    ],
)
def test_a_gateway_is_attached_to_or_left_out(
    whole: Whole, tmp_path: Path, gateway: str, kinds: set[str]
) -> None:
    run = whole(settings=folder(tmp_path, orders=gateway))
    found = {r.type for r in run.resources if r.name.startswith("orders-gateway") and r.custom}
    assert found - {"aws:lambda/permission:Permission"} == kinds
    assert run.exports["services"]["orders"]["gateways"]["aws"] == {}
    assert bool(run.exports["services"]["orders"]["attached"]["aws"]) == bool(kinds)


def test_the_demo_backend_is_one_for_all(whole: Whole, tmp_path: Path) -> None:
    run = whole(settings=folder(tmp_path, orders="create", bills="create"))
    assert len(run.of("signet:aws:EchoBackend")) == 1


def policy_of(run: mocked.Run, service: str) -> Policy:
    text = run.one(f"{service}-validator-settings").inputs["code"]
    told = ValidatorSettings.parse(text.assets["python/signet_settings.json"].text.encode())
    return told.issuers[0].policy


def recorded(run: mocked.Run) -> dict[str, Any]:
    """The state that a run leaves, as far as the program reads it."""
    journal, confirmed = (run.one(name).inputs["input"] for name in ("journal", "confirmed"))
    compared = ("services", "audience", "requiredScope", CALLERS, LIFETIME)
    outputs = {name: mocked.plain(run.exports[name]) for name in compared}
    return {
        **stashed(journal, confirmed),
        "urn:pulumi:test::signet::pulumi:pulumi:Stack::signet-test": {"outputs": outputs},
    }


def test_a_lowered_lifetime_reaches_validators_when_longer_tokens_have_run_out(
    whole: Whole, tmp_path: Path
) -> None:
    given = folder(tmp_path, orders="create")
    path = tmp_path / "orders.yaml"
    state = recorded(whole(settings=given))
    path.write_text(path.read_text().replace("10m", "5m"))
    wait = 60 + 600 + 2 * 60  # D + H + 2S with the defaults
    lives = []
    # The run that lowers it, one that sees it done, one a second too early, one in time.
    for later in (10, 100, 100 + wait - 1, 100 + wait):
        run = whole(settings=given, state=state, now=NOW + later)
        state = recorded(run)
        lives.append(policy_of(run, "orders").max_lifetime)
        assert run.exports["services"]["orders"]["tokenLifetime"] == 300
    assert lives == [600, 600, 600, 300]


def test_a_caller_of_the_environments_own_that_is_new_is_told(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", said.append)
    state = recorded(whole(settings={"services": str(tmp_path)}))
    assert not [line for line in said if "trusts more" in line]
    (tmp_path / "env").mkdir()
    file = tmp_path / "env" / "callers.yaml"
    file.write_text(
        "callers: [{name: ci, identity: github, scopes: ['demo:read'],"
        " match: {repository_id: '1', repository_owner_id: '2', environment: prod}}]"
    )
    given = {"services": str(tmp_path), "environmentCallers": str(file)}
    run = whole(settings=given, state=state, now=NOW + 10)
    (line,) = [line for line in said if "trusts more" in line]
    assert line.startswith("trusts more: the environment: a new caller ci (GitHub")
    said.clear()
    whole(settings=given, state=recorded(run), now=NOW + 20)
    assert not [line for line in said if "trusts more" in line]


def test_a_manifest_deleted_by_hand_keeps_its_validators_until_its_tokens_have_run_out(
    whole: Whole, tmp_path: Path
) -> None:
    given = folder(tmp_path, orders="create", bills="create")
    first = whole(settings=given)
    (tmp_path / "orders.yaml").unlink()
    held = whole(settings=given, state=recorded(first), now=NOW + 10)
    assert {urn for urn in declared(first) if "orders" in urn} <= set(declared(held))
    told = held.exports["services"]["orders"]
    assert (told["leaving"], told["servedUntil"]) == ("2027-01-15T08:00:10Z", NOW + 10 + 1_080)
    still = whole(settings=given, state=recorded(held), now=NOW + 10 + 1_079)
    assert still.exports["services"]["orders"]["servedUntil"] == told["servedUntil"]
    gone = whole(settings=given, state=recorded(still), now=NOW + 10 + 1_080)
    assert [urn for urn in declared(gone) if "orders" in urn] == []
    assert set(gone.exports["services"]) == {"bills"}


def test_a_manifest_that_comes_back_is_an_ordinary_service_again(
    whole: Whole, tmp_path: Path
) -> None:
    given = folder(tmp_path, orders="create")
    text = (tmp_path / "orders.yaml").read_text()
    first = whole(settings=given)
    (tmp_path / "orders.yaml").unlink()
    held = whole(settings=given, state=recorded(first), now=NOW + 10)
    (tmp_path / "orders.yaml").write_text(text)
    again = whole(settings=given, state=recorded(held), now=NOW + 20)
    assert set(declared(again)) == set(declared(first))
    assert mocked.plain(again.exports["services"]) == mocked.plain(first.exports["services"])


def test_a_service_that_is_to_go_at_once_is_not_held(whole: Whole, tmp_path: Path) -> None:
    given = folder(tmp_path, orders="create")
    first = whole(settings=given)
    path = tmp_path / "orders.yaml"
    path.write_text(marked_leaving(path.read_text(), AT_ONCE))
    gone = whole(settings=given, state=recorded(first), now=NOW + 10)
    assert [urn for urn in declared(gone) if "orders" in urn] == []
    path.unlink()
    after = whole(settings=given, state=recorded(gone), now=NOW + 20)
    assert set(declared(after)) == set(declared(gone))


ALL = {
    "clouds": ["aws", "azure", "gcp"],
    "azureLocation": "westeurope",
    "azureSubscriptionId": "11111111-1111-1111-1111-111111111111",
    "azureTenantId": "22222222-2222-2222-2222-222222222222",
    "azureResourceGroup": "signet-test",
    "azureVault": "signet-test",
    "azureStorageAccount": "signettest",
    "azureKeyAdministrators": ["33333333-3333-3333-3333-333333333333"],
    "gcpIssuerPrincipals": ["serviceAccount:ci@signet-test.iam.gserviceaccount.com"],
    "gcpProject": "signet-test",
    "gcpRegion": "europe-west1",
    "gcpKeyRing": "signet-test",
    "gcpBucket": "signet-test-keys",
}


def own_ring(where: Path, **services: str) -> dict[str, str]:
    """As `folder`, with a ring of its own for each service."""
    given = folder(where, **services)
    for name in services:
        path = where / f"{name}.yaml"
        path.write_text(path.read_text().replace("clouds: [aws]", "clouds: [aws]\nkeyRing: own"))
    return given


def trusted(run: mocked.Run, service: str) -> tuple[str, str, frozenset[str]]:
    """Issuer, ring and keys that a validator was given."""
    text = run.one(f"{service}-validator-settings").inputs["code"]
    told = json.loads(text.assets["python/signet_settings.json"].text)
    (issuer,) = told["issuers"]
    return issuer["issuer"], issuer["ring"], frozenset(k["kid"] for k in issuer["jwks"]["keys"])


def test_a_service_with_a_ring_of_its_own_trusts_that_ring_and_nobody_else_does(
    whole: Whole, tmp_path: Path
) -> None:
    given = own_ring(tmp_path, orders="create") | folder(tmp_path, bills="create")
    run = whole(settings=given)
    environment = run.exports["issuer"]
    told = {name: trusted(run, name) for name in ("environment", "bills", "orders")}
    assert told["environment"][:2] == told["bills"][:2] == (environment, "environment")
    assert told["orders"][:2] == (f"{environment}/orders", "orders")
    assert told["environment"][2] == told["bills"][2]
    assert len(told["orders"][2]) == 2
    assert not told["orders"][2] & told["environment"][2]
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    assert {name: report.rings for name, report in confirmed.validators.items()} == {
        "environment-aws": ("environment",),
        "bills-aws": ("environment",),
        "orders-aws": ("orders",),
    }
    assert confirmed.active == {"environment": 1, "orders": 1}
    assert set(confirmed.kids["orders"].values()) == told["orders"][2]
    output = run.exports["services"]["orders"]
    assert (output["ring"], output["issuer"]) == ("orders", f"{environment}/orders")


def text(run: mocked.Run, name: str) -> str:
    content = mocked.plain(run.one(name).inputs)["content"]
    # Google's SDK counts every object's content as a secret, though this one is published.
    return str(content["value"] if isinstance(content, dict) else content)


@pytest.mark.parametrize("home", ["aws", "azure", "gcp"])
def test_a_ring_of_its_own_has_keys_in_the_home_cloud_and_documents_in_every_cloud(
    whole: Whole, tmp_path: Path, home: str
) -> None:
    settings = {**ALL, "home": home, **own_ring(tmp_path, orders="create")}
    run = whole(settings=settings)
    kinds = {
        "aws": "aws:kms/key:Key",
        "azure": "azure-native:keyvault:Key",
        "gcp": "gcp:kms/cryptoKeyVersion:CryptoKeyVersion",
    }
    assert {kind: len(run.of(kind)) for kind in kinds.values()} == {
        kind: 4 if cloud == home else 0 for cloud, kind in kinds.items()
    }
    places = {
        "aws": ("orders-store", "key"),
        "azure": ("orders-azure-store", "blob"),
        "gcp": ("gcp-orders-store", "name"),
    }
    sets = set()
    for title, where in places.values():
        for document, path in (("jwks", JWKS_PATH), ("discovery", DISCOVERY_PATH)):
            assert run.one(f"{title}-{document}").inputs[where] == f"orders/{path}"
        sets.add(text(run, f"{title}-jwks"))
        found = json.loads(text(run, f"{title}-discovery"))
        assert found["issuer"] == f"{run.exports['issuer']}/orders"
        assert found["jwks_uri"] == run.exports["services"]["orders"]["jwksUrls"]["aws"]
    assert len(sets) == 1
    assert set(run.exports["issuers"]["orders"]) == {home}


def test_the_documents_of_a_leaving_ring_go_with_it_in_every_cloud_and_no_others(
    whole: Whole, tmp_path: Path
) -> None:
    settings = {**ALL, "home": "aws", **own_ring(tmp_path, orders="create")}
    documents = [
        f"{title}-{what}"
        for title in ("orders-store", "orders-azure-store", "gcp-orders-store")
        for what in ("jwks", "discovery")
    ]

    def kept(run: mocked.Run) -> set[str]:
        return {name for name in documents if run.one(name).retain_on_delete}

    # Google's stay at their replacement, which would delete what was written a moment before.
    assert kept(whole(settings=settings)) == {"gcp-orders-store-jwks", "gcp-orders-store-discovery"}
    path = tmp_path / "orders.yaml"
    path.write_text(marked_leaving(path.read_text(), "2027-01-15T08:00:00Z"))
    going = whole(settings=settings, now=NOW + 1)
    assert kept(going) == set()
    assert going.one("gcp-environment-store-jwks").retain_on_delete


@pytest.mark.parametrize(("protect", "forced"), [("true", False), ("false", True)])
def test_an_environment_that_is_to_end_takes_its_buckets_contents_along_in_every_cloud(
    whole: Whole, protect: str, forced: bool
) -> None:
    run = whole(settings={**ALL, "home": "aws", "protectKeys": protect, "tokenService": "create"})
    buckets = run.of("aws:s3/bucket:Bucket") + run.of("gcp:storage/bucket:Bucket")
    told = {each.name: each.inputs["forceDestroy"] for each in buckets}
    # What was once used is refused again for as long as its tokens live, and is worth no more.
    assert told.pop("token-service-used-bucket") is True
    assert set(told) == {
        "environment-store-bucket",
        "gcp-environment-store-bucket",
        "gcp-code-bucket",
    }
    assert set(told.values()) == {forced}


def test_a_ring_of_its_own_changes_no_other_key_document_or_validator(
    whole: Whole, tmp_path: Path
) -> None:
    before = declared(whole(settings=folder(tmp_path, bills="create")))
    (tmp_path / "more").mkdir()
    more = folder(tmp_path / "more", bills="create") | own_ring(tmp_path / "more", orders="create")
    after = declared(whole(settings=more))
    # The bucket's policy and its rule for old versions are about both rings' documents.
    shared = ("environment-store-policy", "environment-store-lifecycle")
    apart = {urn for urn in before if not urn.endswith(shared)}
    assert {urn: after.get(urn) for urn in apart} == {urn: before[urn] for urn in apart}


def test_a_ring_ends_with_its_service_and_its_keys_are_given_up_after_their_hold(
    whole: Whole, tmp_path: Path
) -> None:
    given = own_ring(tmp_path, orders="create")
    state = recorded(whole(settings=given))
    (tmp_path / "orders.yaml").unlink()
    held = whole(settings=given, state=state, now=NOW + 10)
    assert trusted(held, "orders")[1] == "orders"
    ended = whole(settings=given, state=recorded(held), now=NOW + 10 + 1_080)
    assert [r.name for r in ended.resources if r.name.startswith("orders-store")] == []
    keys = [r for r in ended.of("aws:kms/key:Key") if r.name.startswith("orders")]
    assert [(key.inputs["isEnabled"], key.protect) for key in keys] == [(False, False)] * 2
    assert ended.exports["services"] == {}
    day = 86_400
    later = whole(settings=given, state=recorded(ended), now=NOW + 32 * day)
    assert [r.name for r in later.of("aws:kms/key:Key") if r.name.startswith("orders")] == []


@pytest.mark.parametrize("own", [True, False])
def test_a_deployed_service_is_not_given_another_ring(
    whole: Whole, tmp_path: Path, own: bool
) -> None:
    first, then = (own_ring, folder) if own else (folder, own_ring)
    given = first(tmp_path, orders="create")
    state = recorded(whole(settings=given))
    then(tmp_path, orders="create")
    with pytest.raises(SettingsError, match="deployed with another ring"):
        whole(settings=given, state=state, now=NOW + 10)


def test_a_faulty_manifest_stops_the_run_before_anything_is_declared(
    whole: Whole, tmp_path: Path
) -> None:
    given = folder(tmp_path, orders="create")
    path = tmp_path / "orders.yaml"
    path.write_text(path.read_text().replace("[aws]", "[aws, gcp]"))
    with pytest.raises(SettingsError, match="not in this cloud"):
        whole(settings=given)


def test_a_folder_that_is_not_there_is_a_fault(whole: Whole, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such folder"):
        whole(settings={"services": str(tmp_path / "missing")})


def test_names_fit_each_clouds_limits_and_stay_apart() -> None:
    environment, service = "e" * 20, "s" * 30
    longest = [
        (aws_names.validator(environment, service), 64),
        (azure_names.function_app(environment, service, "account") + "-plan", 60),
        (azure_names.app_container(service), 63),
        (gcp_names.service(environment, service), 49),
        (gcp_names.account_id(environment, f"{service}-run"), 30),
    ]
    assert [name for name, most in longest if len(name) > most] == []
    assert fitted(f"{service}-a", 20) != fitted(f"{service}-b", 20)


def test_the_routes_of_a_manifest_are_those_of_the_artefact() -> None:
    text = MANIFEST.format(name="orders", gateway="create")
    service = parse_set({"orders.yaml": text}, "services").services["orders"]
    assert json.loads(json.dumps(service.routes)) == [
        {"methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"], "roles": []}
    ]
