"""Manifests and the claims contract: what is read from them, and every fault with its line."""

import json

import pytest

from signet.caller_faults import FIELDS
from signet.contract import Contract, contract_schema, parse_contract
from signet.errors import SettingsError
from signet.identities import KINDS
from signet.located import load
from signet.service import GatewayChoice, Service, parse_service, service_schema
from signet.service_set import Ground, ServiceSet, for_environment, parse_set, read_set
from signet.standard_claims import STANDARD
from validator_functions.verification.routes import RouteTable

ORDERS = """\
# Who may read orders.
service: orders
owner: team-orders
contact: orders-alarms@example.com
clouds: [aws, azure, gcp]
audience: https://orders.example.com
tokenLifetime: 10m
gateways: {aws: create, azure: attach:apim-prod, gcp: none}
routes:
  - {methods: [GET], path: "/orders/{id}", scopes: [orders:read]}
  - methods: [POST]
    path: /orders
    scopes: [orders:write]
callers:
  - name: orders-ci
    identity: github
    match: {repository_id: "123", repository_owner_id: "45", environment: prod}
    scopes: [orders:read]
    lifetime: 5m
"""
GROUND = Ground(
    environment="prod",
    clouds=("aws", "azure", "gcp"),
    audience="https://api.example.com",
    longest_token=900,
)
CONTRACT = """\
claims:
  tenant:
    type: string
    meaning: The customer on whose behalf the request is made
    set_by: [issuer]
    read_by: [orders]
    personal: false
"""


def orders(text: str = ORDERS, **changes: str) -> Service:
    for old, new in changes.items():
        text = text.replace(old, new)
    return parse_service(text, "services/orders.yaml", Contract())


def faults(text: str, contract: Contract | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_service(text, "services/orders.yaml", contract)
    assert all(fault.remedy for fault in caught.value.faults)
    assert caught.value.exit_code == 2
    return [f"{fault.key}: {fault.problem}" for fault in caught.value.faults]


def test_a_manifest_is_read_whole() -> None:
    found = orders()
    assert (found.name, found.owner, found.token_lifetime) == ("orders", "team-orders", 600)
    assert found.gateway("aws") == GatewayChoice()
    assert found.gateway("azure") == GatewayChoice(mode="attach", target="apim-prod")
    assert found.gateway("gcp") == GatewayChoice(mode="none")
    assert found.scopes == {"orders:read", "orders:write"}
    assert [caller.name for caller in found.callers] == ["orders-ci"]
    table = RouteTable.parse({"default": "refuse", "rules": list(found.routes)})
    assert table.match("GET", "/orders/7") == (frozenset({"orders:read"}), frozenset())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("owner: team", "ovner: team", "3: ovner: there is no such field"),
        ("owner: team-orders\n", "", "1: owner: it is missing"),
        ("service: orders", "service: order", "2: service: it is not the file's name"),
        ("aws, azure, gcp]", "aws, azur, gcp]", "5: clouds[1]: it is none of the allowed values"),
        ("10m", "10", "7: tokenLifetime: it is not a string"),
        ("10m", "2h", "7: tokenLifetime: it is over an hour"),
        ("path: /orders\n", "path: /orders\n    methods: [GET]\n", "13: it is not YAML"),
        (
            "methods: [POST]\n    path: /orders\n",
            'methods: [GET]\n    path: "/orders/{x}"\n',
            "11: routes[1]: it overlaps with the route in line 10",
        ),
        ("path: /orders\n", "path: /a//b\n", "12: routes[1].path: `path` has a segment"),
        (
            "    scopes: [orders:read]\n    lifetime",
            "    scopes: [orders:raed]\n    lifetime",
            "18: callers[0].scopes: no route of the service asks for 'orders:raed'",
        ),
        ("lifetime: 5m", "lifetime: 11m", "19: callers[0].lifetime: it is longer than"),
        ("identity: github", "identity: gitea", "16: callers[0].identity: is no platform"),
        ("create, azure", "created, azure", "8: gateways.aws: it is not of the right form"),
        ("gcp: none", "gcp: attach:x", "8: gateways.gcp: it is none of the allowed values"),
        ("aws, azure, gcp]", "aws, azure]", "8: gateways.gcp: it is about a cloud that"),
        (
            "audience: https://orders",
            "audience: https://or ders",
            "6: audience: it is not of the right form",
        ),
        (
            "contact: orders-alarms@",
            "contact: orders alarms@",
            "4: contact: it is not of the right form",
        ),
        ("tokenLifetime: 10m", "keyRing: mine", "7: keyRing: it is none of the allowed values"),
        (
            "tokenLifetime: 10m",
            "claims: [tenant]",
            "7: claims[0]: it is not in the claims contract",
        ),
        (
            "service: orders",
            "service: environment",
            "2: service: this name is the environment's own",
        ),
    ],
)
def test_a_fault_names_file_line_field_and_remedy(old: str, new: str, expected: str) -> None:
    assert old in ORDERS
    found = faults(ORDERS.replace(old, new, 1), Contract())
    assert any(each.startswith(f"services/orders.yaml:{expected}") for each in found), found


def test_all_faults_come_at_once() -> None:
    text = ORDERS.replace("owner:", "ovner:").replace("10m", "x").replace("github", "gitea")
    assert len(faults(text)) == 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n",
        "a: [\n",
        "a: 1\na: 2\n",
        "--- a: 1\n--- b\n",
        "\x00",
        "a: &x [*x]\n",
        "x" * 300_000,
    ],
)
def test_what_is_no_manifest_is_one_fault(text: str) -> None:
    assert faults(text)


def test_aliases_of_aliases_are_refused() -> None:
    lines = ["a0: &a0 [1,2,3,4,5,6,7,8,9,0]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(SettingsError, match="too many values"):
        load("\n".join(lines), "services/x.yaml")


def test_the_schema_for_editors_knows_what_the_callers_parser_knows() -> None:
    caller = service_schema()["properties"]["callers"]["items"]["properties"]
    assert set(caller) == set(FIELDS)
    assert caller["identity"]["enum"] == list(KINDS)
    assert json.dumps(contract_schema())


def test_an_audience_is_one_services_alone() -> None:
    other = ORDERS.replace("service: orders", "service: bills")
    with pytest.raises(SettingsError) as caught:
        parse_set({"orders.yaml": ORDERS, "bills.yaml": other}, "services")
    assert [str(fault.key) for fault in caught.value.faults] == ["services/orders.yaml:6: audience"]
    assert "services/bills.yaml:6: audience" in caught.value.faults[0].problem


def test_faults_of_all_files_come_at_once() -> None:
    texts = {"orders.yaml": ORDERS.replace("owner", "x"), "b.yaml": "a: 1", "contract.yaml": "c: 1"}
    with pytest.raises(SettingsError) as caught:
        parse_set(texts, "services")
    files = {fault.key.split(":")[0] for fault in caught.value.faults}
    assert files == {"services/orders.yaml", "services/b.yaml", "services/contract.yaml"}


def test_faults_of_every_kind_come_in_one_answer_by_their_lines() -> None:
    bad = ORDERS.replace("owner: team-orders", "owner: team-orders\ncolour: red")
    bad = bad.replace("    path: /orders\n", "    path: /orders/{number}\n")
    bad = bad.replace("methods: [POST]", "methods: [GET, POST]")
    bad = bad.replace("[orders:read]\n    lifetime", "[orders:raed]\n    lifetime")
    other = ORDERS.replace("service: orders", "service: bills")
    found, faults = read_set({"orders.yaml": bad, "bills.yaml": other}, "services")
    with pytest.raises(SettingsError) as caught:
        for_environment(found, Ground(**{**GROUND.__dict__, "clouds": ("aws", "azure")}), faults)
    assert [fault.key for fault in caught.value.faults] == [
        "services/orders.yaml:4: colour",
        "services/orders.yaml:12: routes[1]",
        "services/orders.yaml:19: callers[0].scopes",
        "services/orders.yaml:7: audience",
        "services/bills.yaml:5: clouds[2]",
        "services/orders.yaml:6: clouds[2]",
    ]
    assert all(fault.remedy for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("clouds: [aws, azure, gcp]", "clouds: [oracle]", {"clouds[0]"}),
        ("clouds: [aws, azure, gcp]", "environments: 7\nclouds: [aws]", {"environments"}),
        ('"/orders/{id}"', "7", {"routes[0].path", "clouds[0]", "clouds[1]"}),
        ("https://orders.example.com", "''", {"audience", "clouds[0]", "clouds[1]"}),
    ],
)
def test_what_cannot_be_read_brings_no_faults_of_what_depends_on_it(
    field: str, wrong: str, said: set[str]
) -> None:
    found, faults = read_set({"orders.yaml": ORDERS.replace(field, wrong)}, "services")
    with pytest.raises(SettingsError) as caught:
        for_environment(found, Ground(**{**GROUND.__dict__, "clouds": ("gcp",)}), faults)
    fields = {fault.key.rpartition(": ")[2] for fault in caught.value.faults}
    assert fields == said


@pytest.mark.parametrize(
    ("ground", "expected"),
    [
        ({"clouds": ("aws",)}, ["5: clouds[1]", "5: clouds[2]"]),
        ({"audience": "https://orders.example.com"}, ["6: audience"]),
        ({"longest_token": 300}, ["7: tokenLifetime"]),
        ({"longest_token": 60}, ["7: tokenLifetime", "19: callers[0].lifetime"]),
    ],
)
def test_what_an_environment_cannot_give_is_a_fault(
    ground: dict[str, object], expected: list[str]
) -> None:
    given = Ground(**{**GROUND.__dict__, **ground})
    with pytest.raises(SettingsError) as caught:
        for_environment(ServiceSet(services={"orders": orders()}), given)
    found = [fault.key for fault in caught.value.faults]
    assert found == [f"services/orders.yaml:{each}" for each in expected]


def test_an_environment_that_a_manifest_does_not_name_leaves_it_out() -> None:
    here = ORDERS.replace("clouds:", "environments: [prod]\nclouds:")
    found = parse_set({"orders.yaml": here}, "services")
    assert [service.name for service in for_environment(found, GROUND)] == ["orders"]
    dev = Ground(**{**GROUND.__dict__, "environment": "dev", "clouds": ("aws",)})
    assert for_environment(found, dev) == ()


def test_a_contract_says_who_sets_and_who_reads_a_claim() -> None:
    contract = parse_contract(CONTRACT, "services/contract.yaml")
    assert parse_service(
        ORDERS.replace("tokenLifetime: 10m", "claims: [tenant]"), "services/orders.yaml", contract
    ).claims == ("tenant",)
    problem, remedy = contract.refuses("tenant", "bills") or ("", "")
    assert "bills" in problem
    assert "claims.tenant.read_by in services/contract.yaml" in remedy
    assert contract.value_faults({"tenant": "acme"}, "issuer") == []
    for extra, who in (
        ({"tenant": 7}, "issuer"),
        ({"tenant": "a"}, "exchange"),
        ({"x": 1}, "issuer"),
    ):
        assert len(contract.value_faults(extra, who)) == 1
    assert contract.settable("issuer") == {"tenant"}


@pytest.mark.parametrize("claim", sorted(STANDARD))
def test_a_standard_claim_is_not_agreed_again(claim: str) -> None:
    with pytest.raises(SettingsError, match="a standard claim"):
        parse_contract(CONTRACT.replace("tenant", claim), "services/contract.yaml")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("type: string", "type: text", "services/contract.yaml:3: claims.tenant.type"),
        ("    personal: false\n", "", "services/contract.yaml:2: claims.tenant.personal"),
        ("[issuer]", "[anybody]", "services/contract.yaml:5: claims.tenant.set_by[0]"),
        ("meaning", "meening", "services/contract.yaml:4: claims.tenant.meening"),
    ],
)
def test_a_fault_of_the_contract_names_its_line(old: str, new: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_contract(CONTRACT.replace(old, new), "services/contract.yaml")
    assert key in [fault.key for fault in caught.value.faults]


def test_the_contract_of_this_repository_is_good() -> None:
    from signet.paths import repo_root

    text = (repo_root() / "services" / "contract.yaml").read_text(encoding="utf-8")
    assert parse_contract(text, "services/contract.yaml").claims == {}
