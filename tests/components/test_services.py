"""Onboarded services under mocks: what each manifest adds, and that it touches nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.aws import names as aws_names
from components.aws.monitoring_documents import SAVED
from components.azure import names as azure_names
from components.fitted import fitted
from components.gcp import names as gcp_names
from signet.confirmed import Confirmed
from signet.errors import SettingsError
from signet.service import AT_ONCE
from signet.service_edit import marked_leaving
from signet.service_set import parse_set
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
    """Every resource but those that name all services together, by URN."""
    shared = {"journal", "confirmed", "aws-monitoring-dashboard"}
    shared |= {f"aws-monitoring-{question}-query" for question in SAVED}
    return {
        resource.urn: mocked.plain(resource.inputs)
        for resource in run.resources
        if resource.name not in shared
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
    outputs = {"services": mocked.plain(run.exports["services"])}
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
