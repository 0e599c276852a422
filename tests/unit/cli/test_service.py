"""`signet service`: what it writes, what it refuses, and that comments survive."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from signet.cli import service_remove, stacks
from signet.cli.main import main
from signet.service import parse_service
from signet.service_edit import marked_leaving, quoted, unmarked

ADD = [
    "service", "add", "orders", "--owner", "team-orders", "--contact", "orders@example.com",
    "--cloud", "aws", "--audience", "https://orders.example.com",
    "--route", "GET,HEAD /orders/{id} orders:read", "--yes",
]  # fmt: skip
CALLER = (
    "name=ci,identity=github,repository_id=7,repository_owner_id=8,scopes=orders:read,once=true"
)


def add(folder: Path, *more: str) -> int:
    return main([*ADD, "--services", str(folder), *more])


def test_what_is_added_is_read_back_as_it_was_given(tmp_path: Path) -> None:
    given = ["--caller", CALLER, "--token-lifetime", "10m", "--gateway", "aws=attach:abcd1234"]
    assert add(tmp_path, *given, "--environment", "prod") == 0
    text = (tmp_path / "orders.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=service.schema.json\n")
    service = parse_service(text, "orders.yaml")
    assert (service.token_lifetime, service.environments) == (600, ("prod",))
    assert service.gateway("aws").target == "abcd1234"
    assert service.routes[0]["methods"] == ["GET", "HEAD"]
    caller = service.callers[0]
    assert (caller.name, caller.scopes, caller.once) == ("ci", ("orders:read",), True)
    assert set(caller.match) == {"repository_id", "repository_owner_id"}


def test_it_says_what_will_be_created(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert add(tmp_path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["service"] == "orders"
    assert "Lambda" in told["creates"]["aws"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--cloud", "gcp", "--gateway", "gcp=attach:x"], "gateways.gcp"),
        (["--token-lifetime", "2h"], "tokenLifetime"),
        (["--route", "GET /orders/{other} x"], "overlaps"),
        (["--caller", CALLER.replace("orders:read", "orders:raed")], "no route of the service"),
        (["--route", "nonsense"], "is no route"),
        (["--gateway", "aws"], "is no NAME=VALUE"),
    ],
)
def test_a_faulty_one_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    assert add(tmp_path, *more) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_and_cannot_be_asked_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "add", "orders", "--services", str(tmp_path)]) == 2
    assert "--owner, --contact, --cloud, --audience, --route" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


DIALOG = (
    ("Bad Name", "lower-case letters"),
    ("orders", "there is a service orders already"),
    ("carts", ""),
    ("", ""),
    ("nobody", "an address such as"),
    ("carts@example.com", ""),
    ("aws oracle", "use aws, azure or gcp"),
    ("aws, gcp", ""),
    ("https://orders.example.com", "orders has this audience"),
    ("", ""),
    ("nonsense", "is no route"),
    ("get /carts", "write a method in upper case"),
    ("", ""),
    ("POST /carts carts:write", ""),
    ("", ""),
    ("y", ""),
)
"""What a person answers, and what is said to an answer that will not do."""


def test_what_is_missing_is_asked_for_and_a_slip_costs_one_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(tmp_path) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{said}\n" for said, _ in DIALOG)))
    assert main(["service", "add", "--services", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    for _, answer in DIALOG:
        assert answer in told
    service = parse_service((tmp_path / "carts.yaml").read_text(), "carts.yaml")
    assert (service.owner, service.clouds) == ("team-carts", ("aws", "gcp"))
    assert service.audience == "https://carts.example.com"
    assert [route["path"] for route in service.routes] == ["/carts/{id}", "/carts"]


@pytest.mark.parametrize(
    ("answers", "code"), [("carts\n\n", 2), ("carts\n\na@b.example\n\n\n\n\nn\n", 1)]
)
def test_who_ends_the_answers_or_says_no_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answers))
    assert main(["service", "add", "--services", str(tmp_path)]) == code
    assert list(tmp_path.iterdir()) == []


def test_a_service_is_not_written_over(tmp_path: Path) -> None:
    assert add(tmp_path) == 0
    before = (tmp_path / "orders.yaml").read_text()
    assert add(tmp_path, "--token-lifetime", "5m") == 2
    assert (tmp_path / "orders.yaml").read_text() == before


def test_check_and_list_tell_of_every_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(tmp_path) == 0
    capsys.readouterr()
    for action in ("check", "list"):
        assert main(["service", action, "--json", "--services", str(tmp_path)]) == 0
        assert "orders" in capsys.readouterr().out
    (tmp_path / "orders.yaml").write_text("service: orders\nx: 1\n")
    assert main(["service", "check", "--services", str(tmp_path)]) == 2
    assert "orders.yaml:2: x = '1': there is no such field" in capsys.readouterr().err


class Deployed:
    """A stack whose outputs are given."""

    def __init__(self, services: dict[str, Any]) -> None:
        self._services = services

    def outputs(self) -> dict[str, Any]:
        return {"services": self._services}


def remove(folder: Path, *more: str) -> int:
    return main(["service", "remove", "orders", "--yes", "--services", str(folder), *more])


@pytest.mark.parametrize(
    ("deployed", "gone"),
    [
        ({"orders": {"leaving": ""}}, False),
        ({"orders": {"leaving": "2026-11-25T17:00:00Z", "servedUntil": 2_000}}, False),
        ({"orders": {"leaving": "2026-11-25T17:00:00Z", "servedUntil": 1_000}}, True),
        ({}, True),
    ],
)
def test_a_service_goes_once_its_tokens_have_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployed: dict[str, Any], gone: bool
) -> None:
    monkeypatch.setattr(service_remove.time, "time", lambda: 1_500)
    monkeypatch.setattr(stacks, "existing_stack", lambda *_, **__: Deployed(deployed))
    assert add(tmp_path) == 0
    path = tmp_path / "orders.yaml"
    path.write_text("# ours\n" + path.read_text())
    assert remove(tmp_path) == 0
    assert path.read_text().startswith("# ours\n")
    assert parse_service(path.read_text(), "orders.yaml").leaving == "1970-01-01T00:25:00Z"
    assert remove(tmp_path) == 2  # no stack is named
    assert remove(tmp_path, "--stack", "prod") == (0 if gone else 1)
    assert path.exists() != gone


@pytest.mark.parametrize(("deployed", "code"), [({"orders": {"leaving": ""}}, 1), ({}, 0)])
def test_now_marks_it_to_go_with_the_next_run_and_its_file_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployed: dict[str, Any], code: int
) -> None:
    assert add(tmp_path) == 0
    path = tmp_path / "orders.yaml"
    assert remove(tmp_path, "--now") == 0
    assert parse_service(path.read_text(), "orders.yaml").gone
    monkeypatch.setattr(stacks, "existing_stack", lambda *_, **__: Deployed(deployed))
    assert remove(tmp_path, "--stack", "prod") == code
    assert path.exists() == bool(code)


def test_a_mark_leaves_all_else_as_it_was() -> None:
    text = "# a\nservice: x  # b\n"
    marked = marked_leaving(text, "2026-11-25T17:00:00Z")
    assert marked == f'{text}leaving: "2026-11-25T17:00:00Z"\n'
    assert marked_leaving(marked, "2026-11-26T17:00:00Z").count("leaving") == 1
    assert unmarked(marked) == text


@pytest.mark.parametrize("value", ["yes", "No", "1", "a: b", "*", "# c", "{x}", "é", '"', "null"])
def test_a_value_is_read_back_as_text(value: str) -> None:
    from ruamel.yaml import YAML

    assert YAML(typ="safe").load(f"a: {quoted(value)}")["a"] == value
