"""What `signet down` refuses and asks before it destroys anything."""

from __future__ import annotations

import io
import sys

import pytest

from signet.cli import down, output, stack_run
from signet.errors import NegativeAnswer, SettingsError, UsageError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_guarded_stack_is_refused_with_the_setting_and_the_three_steps() -> None:
    with pytest.raises(SettingsError) as raised:
        down._refuse_guarded("prod", ["key-1", "key-2", "vault", "ring", "key-3"])
    assert raised.value.exit_code == 2
    told = str(raised.value)
    assert "signet:protectKeys = 'true'" in told
    assert "guards 5 resources" in told
    assert "key-1, key-2, vault, ring and 1 more. Nothing was destroyed" in told
    assert "`signet:protectKeys: false` into Pulumi.prod.yaml, run `signet up prod`" in told
    assert "`signet down prod`" in told


def test_a_stack_without_guards_is_not_refused() -> None:
    down._refuse_guarded("dev", [])


def test_a_real_environment_is_destroyed_only_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in ("y\n", "yes\n", "dev\n", "\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        with pytest.raises(NegativeAnswer, match="nothing was changed"):
            output.confirm_by_name("Destroy prod?", "prod", yes=False)
    monkeypatch.setattr(sys, "stdin", Terminal("prod\n"))
    output.confirm_by_name("Destroy prod?", "prod", yes=False)


def test_without_a_terminal_yes_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("prod\n"))
    with pytest.raises(UsageError, match="no terminal"):
        output.confirm_by_name("Destroy prod?", "prod", yes=False)
    output.confirm_by_name("Destroy prod?", "prod", yes=True)


class State:
    """A stack of which only the state is looked at."""

    def __init__(self, *resources: dict[str, object]) -> None:
        self._resources = list(resources)

    def export(self) -> dict[str, object]:
        return {"resources": self._resources}


def bucket(cloud: str, **inputs: object) -> dict[str, object]:
    kind = {"aws": "aws:s3/bucket:Bucket", "gcp": "gcp:storage/bucket:Bucket"}[cloud]
    return {
        "type": kind,
        "urn": f"urn:pulumi:prod::signet::{kind}::{cloud}-store",
        "inputs": inputs,
    }


def test_a_bucket_that_would_stay_because_of_what_is_in_it_is_told_before_anything_goes() -> None:
    # As an `up` with `protectKeys: false` leaves it that ended before it came to one bucket.
    state = State(bucket("aws", forceDestroy=True), bucket("gcp", forceDestroy=False))
    assert stack_run.guarded(state) == ["gcp-store"]  # type: ignore[arg-type]
    assert stack_run.guarded(State(bucket("aws", bucket="x"))) == ["aws-store"]  # type: ignore[arg-type]
    assert stack_run.guarded(State(bucket("gcp", forceDestroy=True))) == []  # type: ignore[arg-type]


def test_a_guarded_key_is_told_and_any_other_resource_is_not() -> None:
    key = {"type": "aws:kms/key:Key", "urn": "urn:pulumi:prod::signet::aws:kms/key:Key::key-1"}
    state = State({**key, "inputs": {}, "protect": True}, {**key, "inputs": {}})
    assert stack_run.guarded(state) == ["key-1"]  # type: ignore[arg-type]
