"""How a state is mended after a run that was killed: decided without an engine or a cloud."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from signet.engine.leftovers import by_package, pending, plan_mending
from signet.interrupted import Finder, Wanted

STACK = "urn:pulumi:local::signet::pulumi:pulumi:Stack::signet-local"
PROVIDER = "urn:pulumi:local::signet::pulumi:providers:aws::default"
RING = "urn:pulumi:local::signet::signet:aws:KeyRing::ring"
KEY = f"{RING.rsplit('::', 1)[0]}$aws:kms/key:Key::ring-1-key"
ROLE = f"{RING.rsplit('::', 1)[0]}$aws:iam/role:Role::ring-issuer"


def resource(urn: str, **more: Any) -> dict[str, Any]:
    kind = urn.split("::")[2].rsplit("$", 1)[-1]
    return {"urn": urn, "type": kind, "custom": "/" in kind or "providers" in kind, **more}


BASE = [
    resource(STACK),
    resource(PROVIDER, id="p-1", inputs={"region": "eu-west-1"}),
    resource(RING, parent=STACK),
    resource(ROLE, id="issuer", parent=RING, inputs={"name": "issuer"}),
]
NEW_KEY = resource(
    KEY,
    parent=RING,
    provider=f"{PROVIDER}::p-1",
    dependencies=[ROLE],
    inputs={"tags": {"signet:generation": "1"}},
)


def deployment(*operations: tuple[str, dict[str, Any]], resources: Any = BASE) -> dict[str, Any]:
    return {
        "manifest": {"magic": "x"},
        "secrets_providers": {"type": "passphrase"},
        "resources": list(resources),
        "pending_operations": [{"type": kind, "resource": each} for kind, each in operations],
    }


def finding(*ids: str) -> Finder:
    return lambda _: list(ids)


def nothing_known(_: Wanted) -> Sequence[str] | None:
    return None


def test_what_was_made_is_adopted_after_all_that_it_depends_on() -> None:
    plan = plan_mending(deployment(("creating", NEW_KEY)), finding("key-1"))
    resources = plan.deployment["resources"]
    assert [each["urn"] for each in resources] == [STACK, PROVIDER, RING, ROLE, KEY]
    assert resources[-1]["id"] == "key-1"
    assert resources[-1]["outputs"] == {"tags": {"signet:generation": "1"}, "id": "key-1"}
    assert plan.read_back == (KEY,)
    assert plan.lines == ("aws:kms:Key ring-1-key: made by the run that died, adopted as key-1",)


def test_an_adopted_resource_stays_on_the_list_until_it_is_read_back() -> None:
    plan = plan_mending(deployment(("creating", NEW_KEY)), finding("key-1"))
    assert [kind for kind, _ in pending(plan.deployment)] == ["updating"]
    again = plan_mending(plan.deployment, finding("key-2"))
    assert again.read_back == (KEY,)
    assert [each["urn"] for each in again.deployment["resources"]].count(KEY) == 1


def test_an_adopted_resource_is_read_back_although_the_engine_dropped_the_list() -> None:
    killed = plan_mending(deployment(("creating", NEW_KEY)), finding("key-1")).deployment
    again = plan_mending({**killed, "pending_operations": []}, finding("key-2"))
    assert again.read_back == (KEY,)
    assert again.lines == ("aws:kms:Key ring-1-key: adopted by a run that died too; read back",)
    read = [{**each, "initErrors": []} for each in again.deployment["resources"]]
    assert plan_mending(deployment(resources=read), finding()).read_back == ()


def test_what_never_reached_the_cloud_is_left_to_the_next_run() -> None:
    plan = plan_mending(deployment(("creating", NEW_KEY)), finding())
    assert plan.deployment["resources"] == BASE
    assert (plan.deployment["pending_operations"], plan.read_back, plan.lines) == ([], (), ())


def test_a_second_one_in_the_cloud_is_reported_by_its_id() -> None:
    plan = plan_mending(deployment(("creating", NEW_KEY)), finding("key-1", "key-2"))
    assert "key-2" in plan.lines[1]
    assert "delete it there" in plan.lines[1]


def test_what_cannot_be_looked_for_is_said_with_what_to_do() -> None:
    plan = plan_mending(deployment(("creating", NEW_KEY)), nothing_known)
    assert "no name or tag to look for" in plan.lines[0]
    assert plan.deployment["pending_operations"] == []


def test_the_search_knows_what_is_recorded_and_which_provider_was_at_work() -> None:
    asked: list[Wanted] = []

    def find(wanted: Wanted) -> Sequence[str]:
        asked.append(wanted)
        return ()

    older = resource(KEY.replace("-1-", "-0-"), id="key-0", parent=RING, inputs={"size": 1})
    plan_mending(deployment(("creating", NEW_KEY), resources=[*BASE, older]), find)
    assert asked[0].recorded == {"key-0": [{"size": 1}]}
    assert asked[0].provider == {"region": "eu-west-1"}
    assert asked[0].name == "ring-1-key"


@pytest.mark.parametrize("kind", ["updating", "deleting", "refreshing", "importing"])
def test_every_other_interrupted_operation_is_read_back(kind: str) -> None:
    plan = plan_mending(deployment((kind, BASE[3])), nothing_known)
    assert plan.read_back == (ROLE,)
    assert plan.deployment["resources"] == BASE
    assert kind in plan.lines[0]


def test_a_deletion_that_was_recorded_needs_nothing() -> None:
    plan = plan_mending(deployment(("deleting", NEW_KEY)), nothing_known)
    assert (plan.read_back, plan.lines) == ((), ())


@pytest.mark.parametrize(
    "urn",
    [
        RING,
        "urn:pulumi:local::signet::pulumi:index:Stash::journal",
        "urn:pulumi:local::signet::pulumi:providers:aws::default",
    ],
)
def test_what_no_cloud_holds_is_just_made_again(urn: str) -> None:
    plan = plan_mending(deployment(("creating", resource(urn, custom=True))), finding("x"))
    # A component is the engine's own bookkeeping; the others live in the state alone.
    if urn != RING:
        assert (plan.read_back, plan.lines) == ((), ())
    component = plan_mending(deployment(("creating", resource(urn, custom=False))), finding("x"))
    assert (component.read_back, component.lines) == ((), ())


def test_the_replacement_of_a_recorded_resource_is_adopted_and_the_old_one_marked() -> None:
    old = resource(KEY, id="key-old", parent=RING, inputs={})
    plan = plan_mending(
        deployment(("creating", NEW_KEY), resources=[*BASE, old]), finding("key-new")
    )
    found = {each["id"]: each for each in plan.deployment["resources"] if each["urn"] == KEY}
    assert found["key-old"]["delete"] is True
    assert "delete" not in found["key-new"]


def test_a_state_without_leftovers_has_no_pending_operations() -> None:
    assert pending({}) == []
    assert pending({"pending_operations": None}) == []
    assert pending({"pending_operations": [None, {"type": "creating"}]}) == []


def test_the_rest_of_the_state_is_kept_as_it_is() -> None:
    before = deployment(("creating", NEW_KEY))
    after: Mapping[str, Any] = plan_mending(before, finding("key-1")).deployment
    assert {**after, "resources": 0, "pending_operations": 0} == {
        **before,
        "resources": 0,
        "pending_operations": 0,
    }


def test_each_clouds_finder_is_asked_for_its_own_types() -> None:
    find = by_package({"aws": finding("a"), "gcp": finding("g")})
    assert find(Wanted(type="aws:kms/key:Key", name="k", inputs={})) == ["a"]
    assert find(Wanted(type="gcp:kms/cryptoKey:CryptoKey", name="k", inputs={})) == ["g"]
    assert find(Wanted(type="azure-native:keyvault:Key", name="k", inputs={})) is None
