"""`signet token exchange`, against the real service behind a small server on loopback."""

import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from signet.cli.main import main
from signet.issuing.exchange.service import HttpRequest
from tests.unit.exchange.world import ORDERS, World


class Served:
    """A world behind a port."""

    def __init__(self) -> None:
        self.world = world = World()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = world.service.handle(
                    HttpRequest(method="POST", path=self.path, headers=headers, body=body)
                )
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = "") -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    return main(["token", "exchange", "--audience", ORDERS, *arguments])


def test_the_token_alone_stands_on_standard_output(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--url", served.url, stdin=served.world.token("github") + "\n") == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.count(".") == 2
    assert err == ""


def test_the_subject_token_may_come_from_the_environment_and_scopes_that_were_cut_are_told(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ID_TOKEN", served.world.token("aws"))
    monkeypatch.setenv("SIGNET_TOKEN_SERVICE", served.url)
    wanted = ("--scope", "orders:read", "--scope", "orders:write")
    assert run(monkeypatch, "--env", "ID_TOKEN", *wanted, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["scope"] == "orders:read"
    assert "not granted: orders:write" in err


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"repository_id": "75"}, "caller_unknown"),
        ({"exp": 1_700_000_000, "iat": 1_699_999_900}, "subject_refused"),
    ],
)
def test_a_refusal_is_exit_code_1(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    told: str,
) -> None:
    token = served.world.token("github", **changes)
    assert run(monkeypatch, "--url", served.url, stdin=token) == 1
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True)
    assert token not in err


def test_what_may_work_later_is_exit_code_3(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served.world.stores.held.clear()
    assert run(monkeypatch, "--url", served.url, stdin=served.world.token("github")) == 3
    assert "try again in 2 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        ((), "a.b.c", "give --stack or --url"),
        (("--url", "http://tokens.example/token"), "a.b.c", "HTTPS"),
        (("--url", "https://tokens.example/token"), "", "holds no token"),
        (("--url", "https://tokens.example/token"), "x" * 40_000, "holds no token"),
        (("--url", "https://tokens.example/token", "--env", "NO_SUCH"), "", "$NO_SUCH"),
    ],
)
def test_a_wrong_use_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    stdin: str,
    told: str,
) -> None:
    monkeypatch.delenv("SIGNET_TOKEN_SERVICE", raising=False)
    assert run(monkeypatch, *arguments, stdin=stdin) == 2
    assert told in capsys.readouterr().err
