"""What the engine's events mean."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from signet.engine.watch import Change, Tell, Watch, names_of, short_type

URN = "urn:pulumi:local::signet::signet:aws:KeyRing$aws:kms/key:Key::ring-1-key"


def step(
    op: str, urn: str = URN, *, custom: bool = True, kind: str | None = None, **more: Any
) -> dict[str, Any]:
    kind = kind or urn.split("::")[2].rsplit("$", 1)[-1]
    state = {
        "type": kind,
        "urn": urn,
        "custom": custom,
        "id": "i",
        "parent": "",
        "provider": "",
        "inputs": {},
        "outputs": {},
    }
    return {"op": op, "urn": urn, "type": kind, "provider": "", "new": state, **more}


def event(**body: Any) -> EngineEvent:
    made: EngineEvent = EngineEvent.from_json({"sequence": 1, "timestamp": 1, **body})
    return made


def run(*events: EngineEvent, tell: Tell | None = None) -> Watch:
    watch = Watch(tell=tell or Tell())
    for each in events:
        watch(each)
    return watch


def done(op: str, **more: Any) -> list[EngineEvent]:
    metadata = step(op, **more)
    return [
        event(resourcePreEvent={"metadata": metadata}),
        event(resOutputsEvent={"metadata": metadata}),
    ]


@pytest.mark.parametrize(
    ("op", "line"),
    [
        ("create", "+ aws:kms:Key ring-1-key"),
        ("update", "~ aws:kms:Key ring-1-key"),
        ("create-replacement", "± aws:kms:Key ring-1-key"),
        ("delete", "- aws:kms:Key ring-1-key"),
        ("import", "= aws:kms:Key ring-1-key"),
    ],
)
def test_each_change_is_one_line(op: str, line: str) -> None:
    assert names_of(run(*done(op)).changes) == [line]


@pytest.mark.parametrize("op", ["replace", "delete-replaced", "read"])
def test_the_other_steps_of_a_replacement_and_reads_are_not_told(op: str) -> None:
    assert run(*done(op)).changes == []


def test_unchanged_resources_are_counted_and_bookkeeping_is_not() -> None:
    stack = "urn:pulumi:local::signet::pulumi:pulumi:Stack::signet-local"
    provider = "urn:pulumi:local::signet::pulumi:providers:aws::default"
    component = "urn:pulumi:local::signet::signet:aws:KeyRing::ring"
    watch = run(
        *done("same"),
        *done("same", urn=stack),
        *done("create", urn=provider),
        *done("create", urn=component, custom=False),
    )
    assert watch.counts() == {"same": 1}


def test_a_failed_change_is_told_and_not_counted() -> None:
    told: list[Change] = []
    watch = run(
        event(resourcePreEvent={"metadata": step("create")}),
        event(resOpFailedEvent={"metadata": step("create"), "status": 1, "steps": 1}),
        tell=Tell(changed=told.append),
    )
    assert [change.failed for change in told] == [True]
    assert watch.counts() == {"same": 0}


def test_a_refresh_that_finds_nothing_new_is_no_change() -> None:
    assert run(*done("refresh")).counts() == {"same": 0}
    assert run(*done("refresh", diffs=["policy"])).counts() == {"refresh": 1, "same": 0}
    assert run(*done("refresh"), *done("same")).counts() == {"same": 1}


def test_messages_are_told_and_errors_kept_by_resource() -> None:
    told: list[tuple[str, str]] = []

    def diagnostic(severity: str, message: str, **more: Any) -> EngineEvent:
        return event(
            diagnosticEvent={"severity": severity, "message": message, "color": "raw", **more}
        )

    watch = run(
        diagnostic("info", "the plan\n"),
        diagnostic("warning", "<{%reset%}>careful<{%reset%}>"),
        diagnostic("debug", "noise"),
        diagnostic("info#err", "printed by somebody"),
        diagnostic("info", "passing", ephemeral=True),
        diagnostic("error", "boom", urn=URN),
        diagnostic("error", "boom", urn=URN),
        diagnostic("error", "update failed"),
        tell=Tell(message=lambda severity, text: told.append((severity, text))),
    )
    assert told == [("info", "the plan"), ("warning", "careful")]
    assert watch.errors == {URN: ["boom"], "": ["update failed"]}


@pytest.mark.parametrize(
    ("token", "short"),
    [
        ("aws:kms/key:Key", "aws:kms:Key"),
        ("pulumi:index:Stash", "pulumi:index:Stash"),
        ("azure-native:storage:StorageAccount", "azure-native:storage:StorageAccount"),
        ("signet:aws:KeyRing", "signet:aws:KeyRing"),
    ],
)
def test_a_type_is_shown_without_its_repetition(token: str, short: str) -> None:
    assert short_type(token) == short
