"""One request, one answer: over a loopback server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from signet.errors import CouldNotCheck
from signet.probing.gateway_call import call


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shown = {
            "path": self.path,
            "host": self.headers["Host"],
            "identity": {"subject": self.headers.get("Authorization")},
        }
        body = json.dumps(shown).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "http://elsewhere.invalid/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_name_below_localhost_is_loopback_and_stays_the_host(port: int) -> None:
    answer = call(f"http://abc.execute-api.localhost:{port}/x/y?z=1", "Bearer t")
    told = json.loads(answer.body)
    assert answer.status == 200
    assert told["path"] == "/x/y?z=1"
    assert told["host"] == f"abc.execute-api.localhost:{port}"
    assert answer.identity() == {"subject": "Bearer t"}


def test_without_credentials_there_is_no_header(port: int) -> None:
    assert call(f"http://127.0.0.1:{port}", None).identity() == {"subject": None}


def test_a_redirect_is_an_answer_and_not_followed(port: int) -> None:
    assert call(f"http://127.0.0.1:{port}/moved", None).status == 302


def test_nobody_listening_is_not_an_answer() -> None:
    with pytest.raises(CouldNotCheck, match="no answer"):
        call("http://127.0.0.1:9/", None)
