"""The plugin seen through the protocol, on a cloud in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.plugin.values import UNKNOWN, Archive, from_struct
from tests.sandbox.harness import (
    FIXED,
    THING,
    Engine,
    ToyCloud,
    init_failure,
    sandbox_environment,
    serving,
    toy,
    urn,
)

NONE = provider_pb2.DiffResponse.DIFF_NONE
SOME = provider_pb2.DiffResponse.DIFF_SOME
KIND = provider_pb2.PropertyDiff


def test_a_preview_of_a_create_answers_unknown_outputs_and_makes_nothing(
    engine: Engine, cloud: ToyCloud
) -> None:
    made, props = engine.create(THING, {"name": "a"}, preview=True)
    assert made == ""
    assert props == {"name": "a", "arn": UNKNOWN, "digest": UNKNOWN}
    assert cloud.things == {}


def test_a_create_answers_what_the_cloud_shows(engine: Engine) -> None:
    made, props = engine.create(THING, {"name": "a", "size": 3, "__defaults": ["name"]})
    assert (made, props) == ("id-1", {"name": "a", "size": 3, "arn": "arn:id-1"})


def test_a_second_create_of_the_same_inputs_makes_a_second_thing(
    engine: Engine, cloud: ToyCloud
) -> None:
    first, _ = engine.create(THING, {"name": "a"})
    second, _ = engine.create(THING, {"name": "a"})
    assert first != second
    assert len(cloud.things) == 2


def test_a_create_with_an_unknown_left_outside_a_preview_is_refused(
    engine: Engine, cloud: ToyCloud
) -> None:
    with pytest.raises(grpc.RpcError, match="unknown outside a preview: size"):
        engine.create(THING, {"name": "a", "size": UNKNOWN})
    assert cloud.things == {}


BAD_INPUTS = [
    ({"nmae": "a"}, "nmae", "is not one that the sandbox handles"),
    ({"size": "big"}, "size", "must be a whole number, not a string"),
    ({"size": True}, "size", "must be a whole number, not a boolean"),
    ({"size": 1.5}, "size", "must be a whole number"),
    ({"colour": "green"}, "colour", "must be one of blue, red, not 'green'"),
    ({"policy": "not json"}, "policy", "must be a JSON document"),
    ({"labels": {"a": 1}}, "labels[a]", "must be a string, not a number"),
    ({"labels": ["a"]}, "labels", "must be a map, not a list"),
    ({"parts": [{"weight": 1}]}, "parts[0].id", "is missing"),
    ({"parts": [{"id": "x", "wait": 1}]}, "parts[0].wait", "is not one that the sandbox handles"),
    ({"code": "text"}, "code", "must be an archive, not a string"),
    ({"size": 13}, "size", "must not be 13"),
]


@pytest.mark.parametrize(("inputs", "path", "problem"), BAD_INPUTS)
def test_a_bad_input_is_refused_with_type_property_and_urn(
    engine: Engine, inputs: dict[str, Any], path: str, problem: str
) -> None:
    _, failures = engine.check(THING, inputs)
    [(property_, reason)] = failures
    assert property_ == path
    assert reason.startswith(f"{THING}: {path} {problem}")
    assert urn(THING) in reason


def test_every_bad_input_is_reported_at_once(engine: Engine) -> None:
    _, failures = engine.check(THING, {"size": "x", "colour": "green", "nope": 1})
    assert {path for path, _ in failures} == {"size", "colour", "nope"}


def test_unknown_inputs_pass_the_check(engine: Engine) -> None:
    inputs, failures = engine.check(THING, {"name": UNKNOWN, "parts": [{"id": UNKNOWN}]})
    assert failures == []
    assert inputs["name"] is UNKNOWN


def test_a_policy_given_as_an_object_becomes_its_text(engine: Engine) -> None:
    inputs, failures = engine.check(THING, {"name": "a", "policy": {"b": 1, "a": [2]}})
    assert failures == []
    assert inputs["policy"] == '{"a": [2], "b": 1}'


@pytest.mark.parametrize("call", ["create", "read", "check"])
def test_an_unknown_type_is_refused_by_name(engine: Engine, call: str) -> None:
    token = "toy:index/other:Other"
    calls = {
        "create": lambda: engine.create(token, {}),
        "read": lambda: engine.read(token, "x", {}, {}),
        "check": lambda: engine.check(token, {}),
    }
    with pytest.raises(grpc.RpcError, match="does not handle the type toy:index/other:Other") as e:
        calls[call]()
    assert urn(token) in e.value.details()


def test_equal_inputs_are_no_change(engine: Engine) -> None:
    answer = engine.diff(THING, {"name": "a", "size": 3}, {"name": "a", "size": 3})
    assert answer.changes == NONE


UNCHANGED = [
    ({"size": 1}, {}),
    ({"policy": '{"a": 1, "b": 2}'}, {"policy": '{"b":2,"a":1}'}),
    ({"labels": {}}, {}),
    ({"code": Archive(hash="h", path="here")}, {"code": Archive(hash="h", path="there")}),
    ({"code": Archive(hash="h")}, {"code": Archive(hash="h", path="there")}),
]


@pytest.mark.parametrize(("old", "new"), UNCHANGED)
def test_what_means_the_same_is_no_change(
    engine: Engine, old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert engine.diff(THING, old, new).changes == NONE


CHANGED = [
    ({"size": 2}, {}, {"size": KIND.UPDATE}),
    ({}, {"colour": "red"}, {"colour": KIND.ADD}),
    ({"colour": "red"}, {}, {"colour": KIND.DELETE}),
    ({"name": "a"}, {"name": "b"}, {"name": KIND.UPDATE_REPLACE}),
    ({"name": "a"}, {"name": UNKNOWN}, {"name": KIND.UPDATE_REPLACE}),
    ({"code": Archive(hash="h")}, {"code": Archive(hash="i")}, {"code": KIND.UPDATE}),
    (
        {"labels": {"a": "1", "signet:x": "2"}},
        {"labels": {"a": "2", "b": "3"}},
        {
            "labels.a": KIND.UPDATE,
            "labels.b": KIND.ADD,
            'labels["signet:x"]': KIND.DELETE,
        },
    ),
    (
        {"parts": [{"id": "x", "weight": 1}]},
        {"parts": [{"id": "x", "weight": 2}]},
        {"parts[0].weight": KIND.UPDATE_REPLACE},
    ),
    ({"policy": '{"a": 1}'}, {"policy": '{"a": 2}'}, {"policy": KIND.UPDATE}),
]


@pytest.mark.parametrize(("old", "new", "detail"), CHANGED)
def test_a_change_is_told_in_detail(
    engine: Engine, old: dict[str, Any], new: dict[str, Any], detail: dict[str, Any]
) -> None:
    answer = engine.diff(THING, old, new)
    assert answer.changes == SOME
    assert {path: found.kind for path, found in answer.detailedDiff.items()} == detail
    tops = {path.split(".")[0].split("[")[0] for path in detail}
    assert set(answer.diffs) == tops


def test_every_change_of_a_type_without_update_replaces(engine: Engine) -> None:
    answer = engine.diff(FIXED, {"name": "a"}, {"name": "b"})
    assert list(answer.replaces) == ["name"]


def test_a_fixed_name_is_deleted_before_it_is_made_again(engine: Engine) -> None:
    weight = ({"parts": [{"id": "x", "weight": 1}]}, {"parts": [{"id": "x", "weight": 2}]})
    given = [{"name": "a", **inputs, "__defaults": []} for inputs in weight]
    made_up = [{"name": "a-1", **inputs, "__defaults": ["name"]} for inputs in weight]
    assert engine.diff(THING, *given).deleteBeforeReplace
    assert not engine.diff(THING, *made_up).deleteBeforeReplace


def test_ignored_changes_are_no_changes(engine: Engine) -> None:
    answer = engine.diff(THING, {"size": 2}, {"size": 3}, ignoreChanges=["size"])
    assert answer.changes == NONE


def test_a_preview_of_an_update_keeps_outputs_that_do_not_move(engine: Engine) -> None:
    state = {"name": "a", "size": 2, "arn": "arn:1", "digest": "d"}
    old = {"name": "a", "size": 2}
    sized = engine.update(THING, "x", state, old, {"name": "a", "size": 3}, preview=True)
    assert sized == {"name": "a", "size": 3, "arn": "arn:1", "digest": "d"}
    code = Archive(hash="h", path="p")
    coded = engine.update(THING, "x", state, old, {**old, "code": code}, preview=True)
    assert coded["digest"] is UNKNOWN
    assert coded["arn"] == "arn:1"


def test_an_update_answers_what_the_cloud_shows_then(engine: Engine) -> None:
    made, state = engine.create(THING, {"name": "a", "size": 2})
    after = engine.update(
        THING, made, state, {"name": "a", "size": 2}, {"name": "a", "size": 5, "colour": "red"}
    )
    assert after == {"name": "a", "size": 5, "colour": "red", "arn": "arn:id-1"}


def test_a_create_that_fails_half_way_records_what_exists(engine: Engine, cloud: ToyCloud) -> None:
    cloud.fail_second_step = "the second call failed"
    with pytest.raises(grpc.RpcError, match="exists but is not as asked") as raised:
        engine.create(THING, {"name": "a", "size": 3})
    detail = init_failure(raised.value)
    assert detail.id == "id-1"
    assert list(detail.reasons) == ["RuntimeError: the second call failed"]
    assert dict(detail.inputs)["size"] == 0
    assert dict(detail.properties)["arn"] == "arn:id-1"


def test_an_update_that_fails_half_way_records_what_was_done(
    engine: Engine, cloud: ToyCloud
) -> None:
    old = {"name": "a", "size": 2}
    made, state = engine.create(THING, old)
    cloud.fail_second_step = "no"
    with pytest.raises(grpc.RpcError) as raised:
        engine.update(THING, made, state, old, {"name": "a", "size": 7, "colour": "red"})
    detail = init_failure(raised.value)
    inputs = dict(detail.inputs)
    assert inputs["size"] == 7
    assert "colour" not in inputs


def test_a_refresh_sees_drift_and_keeps_what_cannot_be_read(
    engine: Engine, cloud: ToyCloud
) -> None:
    code = Archive(hash="h", path="p")
    inputs = {"name": "a", "size": 2, "code": code, "__defaults": ["name"]}
    made, state = engine.create(THING, inputs)
    cloud.things[made]["size"] = 9
    cloud.things[made]["colour"] = "blue"
    id_, props, seen = engine.read(THING, made, state, inputs)
    assert id_ == made
    assert seen == {**inputs, "size": 9, "colour": "blue"}
    assert props["size"] == 9
    assert props["code"] == code


def test_a_refresh_of_something_gone_answers_nothing(engine: Engine) -> None:
    assert engine.read(THING, "gone", {"name": "a"}, {"name": "a"})[0] == ""


def test_an_import_by_id_answers_inputs_and_outputs(engine: Engine, cloud: ToyCloud) -> None:
    cloud.things["there"] = {"name": "a", "size": 4, "colour": "red"}
    id_, props, inputs = engine.read(THING, "there", {}, {})
    assert id_ == "there"
    assert inputs == {"name": "a", "size": 4, "colour": "red"}
    assert props == {**inputs, "arn": "arn:there"}


def test_a_delete_of_something_gone_is_content(engine: Engine, cloud: ToyCloud) -> None:
    made, state = engine.create(THING, {"name": "a"})
    engine.delete(THING, made, state)
    engine.delete(THING, made, state)
    assert cloud.things == {}


def test_a_function_answers_and_checks_its_arguments(engine: Engine) -> None:
    made, _ = engine.create(THING, {"name": "a"})
    assert engine.invoke("toy:index/getThing:getThing", {"id": made}) == ({"name": "a"}, [])
    _, failures = engine.invoke("toy:index/getThing:getThing", {"idd": made})
    assert {path for path, _ in failures} == {"id", "idd"}
    with pytest.raises(grpc.RpcError, match="has no function toy:index/other"):
        engine.invoke("toy:index/other:other", {})


def test_after_a_cancel_nothing_new_is_begun(engine: Engine, cloud: ToyCloud) -> None:
    engine.cancel()
    with pytest.raises(grpc.RpcError, match="cancelled before it began"):
        engine.create(THING, {"name": "a"})
    assert cloud.things == {}


def test_settings_written_as_json_text_are_read(engine: Engine, cloud: ToyCloud) -> None:
    engine.configure(region="r", defaultTags='{"tags": {"a": "b"}}', version="1.2.3")
    assert cloud.config == {"region": "r", "defaultTags": {"tags": {"a": "b"}}}


def test_a_setting_that_the_sandbox_does_not_handle_is_refused(engine: Engine) -> None:
    failures = engine.check_config(region="r", profile="prod", insecure="false")
    assert [path for path, _ in failures] == ["profile"]


OUTSIDE = [
    ("nothing set", {}),
    ("no backend", {"SIGNET_SANDBOX": "{sandbox}"}),
    ("a cloud's backend", {"SIGNET_SANDBOX": "{sandbox}", "PULUMI_BACKEND_URL": "s3://state"}),
    ("no marker", {"SIGNET_SANDBOX": "{sandbox}", "PULUMI_BACKEND_URL": "file://{other}"}),
    ("an override alone", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
]


@pytest.mark.parametrize(("case", "environ"), OUTSIDE)
def test_outside_the_sandbox_the_plugin_refuses_to_run(
    cloud: ToyCloud, tmp_path: Path, case: str, environ: dict[str, str]
) -> None:
    inside = sandbox_environment(tmp_path / "sandbox")
    (tmp_path / "other").mkdir()
    places = {"sandbox": inside["SIGNET_SANDBOX"], "other": str(tmp_path / "other")}
    set_ = {name: value.format(**places) for name, value in environ.items()}
    with serving(toy(cloud), set_) as engine:
        for call in (engine.configure, engine.check_config):
            with pytest.raises(grpc.RpcError, match="backend is not the sandbox's"):
                call()


def test_the_backend_of_another_sandbox_is_refused(cloud: ToyCloud, tmp_path: Path) -> None:
    mine = sandbox_environment(tmp_path / "mine")
    other = sandbox_environment(tmp_path / "other")
    mixed = {**mine, "PULUMI_BACKEND_URL": other["PULUMI_BACKEND_URL"]}
    with (
        serving(toy(cloud), mixed) as engine,
        pytest.raises(grpc.RpcError, match="is not the backend of the sandbox"),
    ):
        engine.configure()


def test_after_a_half_done_create_the_next_update_does_the_rest(
    engine: Engine, cloud: ToyCloud
) -> None:
    inputs = {"name": "a", "size": 3}
    cloud.fail_second_step = "no"
    with pytest.raises(grpc.RpcError) as raised:
        engine.create(THING, inputs)
    recorded = init_failure(raised.value)
    cloud.fail_second_step = None
    state = from_struct(recorded.properties)
    # The engine keeps the wanted inputs, and asks for an update because of the failure on record.
    assert engine.update(THING, recorded.id, state, inputs, inputs)["size"] == 3
