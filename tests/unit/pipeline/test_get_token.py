"""The pipeline's swap of identities, against loopback servers that read what it sends strictly."""

from __future__ import annotations

import http.server
import json
import stat
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from signet.issuing.exchange.form import parse_form
from tools.pipeline import get_token

TOKEN = "aaaa.bbbb.cccc"


class Services(http.server.ThreadingHTTPServer):
    """GitHub's identity endpoint and a token service, on one loopback port."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[tuple[str, str, bytes]] = []
        self.answers: list[tuple[int, dict[str, str], object]] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Services

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"], b""))
        self._say(200, {}, {"value": "the-platforms-token"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        default = (200, {}, {"access_token": TOKEN, "token_type": "Bearer"})
        self._say(*(self.server.answers.pop(0) if self.server.answers else default))

    def _say(self, status: int, headers: dict[str, str], told: object) -> None:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def environ(services: Services, **more: str) -> dict[str, str]:
    return {
        "SIGNET_TOKEN_URL": f"{services.url}/token",
        "SIGNET_AUDIENCE": "https://orders.example.com",
        "SIGNET_SUBJECT_TOKEN": "given",
        **more,
    }


def test_a_given_identity_is_swapped_into_a_file_that_only_its_owner_reads(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    told = environ(services, SIGNET_SCOPE="orders:read orders:write")
    assert get_token.main(["--output", str(file)], told) == 0
    assert file.read_text() == TOKEN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ((path, kind, body),) = services.asked
    form = parse_form(kind, body)  # the token service's own reader
    assert (path, form.subject_token, form.audience) == (
        "/token",
        "given",
        "https://orders.example.com",
    )
    assert form.scopes == ("orders:read", "orders:write")
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err


def test_on_github_the_platforms_token_is_asked_for_and_ours_is_masked_first(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    told = {
        **environ(services),
        "SIGNET_SUBJECT_TOKEN": "",
        "SIGNET_SUBJECT_AUDIENCE": "https://tokens.example.com/?a=b&c",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{services.url}/id?api-version=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
        "GITHUB_OUTPUT": str(output),
    }
    assert get_token.main([], told) == 0
    (asked, bearer, _), (_, kind, body) = services.asked
    assert bearer == "bearer runner"
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(asked).query)
    assert query["audience"] == ["https://tokens.example.com/?a=b&c"]
    form = parse_form(kind, body)
    assert (form.subject_token, form.scopes) == ("the-platforms-token", None)
    assert capsys.readouterr().out == f"::add-mask::{TOKEN}\n"
    assert output.read_text() == f"token={TOKEN}\n"


@pytest.mark.parametrize(
    ("answers", "code", "said", "slept"),
    [
        ([(429, {"Retry-After": "7"}, {"error": "slow_down"})], 0, "", [7]),
        ([(429, {}, {"error": "slow_down"})] * 3, 3, "slow_down", [1, 1]),
        ([(503, {"Retry-After": "999"}, {})] * 3, 3, "no answer", [30, 30]),
        (
            [(400, {}, {"error": "invalid_target", "error_description": "not for you"})],
            1,
            "invalid_target not for you",
            [],
        ),
        ([(302, {"Location": "https://evil.invalid/"}, {})], 3, "status 302", []),
        ([(200, {}, b"<html>")], 3, "status 200", []),
        ([(200, {}, {"access_token": "a\nb=c"})], 3, "is no token", []),
    ],
)
def test_a_refusal_ends_the_step_and_a_busy_service_is_asked_again(  # noqa: PLR0917
    services: Services,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answers: list[tuple[int, dict[str, str], object]],
    code: int,
    said: str,
    slept: list[int],
) -> None:
    services.answers = list(answers)
    waits: list[float] = []
    file = tmp_path / "token"
    assert get_token.main(["--output", str(file)], environ(services), waits.append) == code
    assert waits == slept
    assert said in capsys.readouterr().err
    assert file.exists() == (code == 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SIGNET_AUDIENCE": ""}, "SIGNET_AUDIENCE is not set"),
        ({"SIGNET_TOKEN_URL": "http://tokens.example.com/token"}, "https alone"),
        ({"SIGNET_SUBJECT_TOKEN": ""}, "id-token: write"),
    ],
)
def test_what_is_missing_is_named(
    services: Services, capsys: pytest.CaptureFixture[str], changes: dict[str, str], said: str
) -> None:
    assert get_token.main(["--output", "unused"], environ(services, **changes)) == 2
    assert said in capsys.readouterr().err
    assert services.asked == []


def test_a_token_without_a_place_to_go_is_a_usage_fault(services: Services) -> None:
    assert get_token.main([], environ(services)) == 2


def test_a_service_that_is_not_there_could_not_be_asked(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    told = environ(services, SIGNET_TOKEN_URL="https://127.0.0.1:9/token")
    assert get_token.main(["--output", "unused"], told) == 3
    assert "does not answer" in capsys.readouterr().err
