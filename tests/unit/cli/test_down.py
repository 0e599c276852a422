"""What `signet down` refuses and asks before it destroys anything."""

from __future__ import annotations

import io
import sys

import pytest

from signet.cli import down, output
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
