"""The HTTP server: real sockets, strict reading, bounded input, a graceful end."""

import errno
import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from validator_functions.cloud_run import server as server_module
from validator_functions.cloud_run.answers import Answer, plain
from validator_functions.cloud_run.line import Handle
from validator_functions.cloud_run.requests import Headers
from validator_functions.cloud_run.server import Server
from validator_functions.verification.attempt import Attempt, Deferral
from validator_functions.verification.refresh_timing import Moment

ASKED = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def serving(handle: Handle, grace: float = 0.5) -> Iterator[Server]:
    served = Server("127.0.0.1", 0, handle, grace=grace)
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        yield served
    finally:
        served.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def server() -> Iterator[Server]:
    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        return plain(200, {"method": method, "target": target, "count": len(headers)})

    with serving(handle, grace=2.0) as served:
        yield served


def connected(stack: ExitStack, server: Server) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))


def flood(connection: socket.socket) -> None:
    """Ask for ever and read nothing."""
    while True:
        connection.sendall(ASKED % 1 * 100)


def status(connection: socket.socket) -> int:
    got = b""
    while b"}" not in got:
        more = connection.recv(65536)
        assert more, "closed before an answer"
        got += more
    return int(got.split(b" ", 2)[1])


def raw(server: Server, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(sent)
        got = b""
        while data := connection.recv(65536):
            got += data
        return got


def test_a_connection_is_kept_for_further_requests(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for number in range(3):
        connection.request("POST", f"/{number}", body=b"x" * 100_000)
        answer = connection.getresponse()
        assert answer.status == 200
        assert f'"/{number}"'.encode() in answer.read()
    connection.close()


def test_a_head_request_gets_no_body(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("HEAD", "/a")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()


BAD = [
    b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\x00\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",  # no Host (RFC 9112 section 3.2)
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"GET / HTTP/1.1\r\nHost: a\r\nName : value\r\n\r\n",
    b"nonsense\r\n\r\n",
]


@pytest.mark.parametrize("sent", BAD)
def test_what_two_readers_could_take_differently_is_refused(server: Server, sent: bytes) -> None:
    assert raw(server, sent).startswith(b"HTTP/1.1 400 ")


def test_headers_without_end_are_refused(server: Server) -> None:
    got = raw(server, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000)
    assert got.startswith(b"HTTP/1.1 431 ")


MANY = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:b\r\n" * 200


@pytest.mark.parametrize(
    "sent", [MANY + b"\r\n", MANY, ASKED % 1 + MANY, ASKED % 1 + MANY + b"\r\n"]
)
def test_more_headers_than_anyone_needs_are_refused_unread(server: Server, sent: bytes) -> None:
    assert raw(server, sent).count(b"HTTP/1.1 431 ") == 1


def test_many_lines_of_a_body_are_no_headers(server: Server) -> None:
    body = b"\n" * 1_000
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n"
    assert raw(server, head + body).startswith(b"HTTP/1.1 200 ")


def test_two_requests_sent_at_once_get_their_answers_in_order(server: Server) -> None:
    one = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    two = b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    got = raw(server, one + two)
    assert got.index(b'"/1"') < got.index(b'"/2"')


def test_ordinary_and_other_requests_take_turns_on_one_connection(server: Server) -> None:
    ordinary = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
    chunked = (
        b"POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for number, form in enumerate([ordinary, chunked, ordinary, chunked, chunked, ordinary]):
            connection.sendall(form % number)
            got = b""
            while b"}" not in got:
                got += connection.recv(65536)
            assert got.startswith(b"HTTP/1.1 200 ")
            assert b'"/%d"' % number in got


def test_a_value_that_no_header_can_carry_ends_the_connection_unanswered() -> None:
    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        return plain(200, {}, [("x-signet-subject", "a\r\nx-signet-scope: all")])

    with serving(handle) as served:
        assert raw(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        assert raw(served, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") == b""


def test_stopping_lets_a_request_under_way_end() -> None:
    begun, go = threading.Event(), threading.Event()

    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        begun.set()
        go.wait(5)
        return plain(200, {})

    served = Server("127.0.0.1", 0, handle, grace=5.0)
    thread = threading.Thread(target=served.run)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request("GET", "/")
    assert begun.wait(5)
    served.stop()
    go.set()
    assert connection.getresponse().status == 200
    connection.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_request_that_waits_for_keys_holds_up_no_other_and_is_answered_once_they_are_there() -> (
    None
):
    attempt = Attempt(Moment(0.0, 0.0), required=True, seeking=False)

    def handle(
        method: str, target: str, headers: Headers, *, waited: bool = False
    ) -> Answer | Deferral:
        if target != "/7" or waited:
            return plain(200, {})
        deferral = Deferral()
        deferral.attempts.append((attempt, 5.0))
        return deferral

    with serving(handle) as served, ExitStack() as stack:
        first, second = connected(stack, served), connected(stack, served)
        first.sendall(ASKED % 7 + ASKED % 8)
        second.sendall(ASKED % 1)
        assert status(second) == 200
        first.settimeout(0.1)
        with pytest.raises(TimeoutError):
            first.recv(1)
        first.settimeout(5)
        attempt.finish()
        got = b""
        while got.count(b"}") < 2:
            got += first.recv(65536)
        assert got.count(b"HTTP/1.1 200 ") == 2


def test_a_wait_for_keys_ends_with_its_time_even_where_they_do_not_come() -> None:
    attempt = Attempt(Moment(0.0, 0.0), required=True, seeking=False)

    def handle(
        method: str, target: str, headers: Headers, *, waited: bool = False
    ) -> Answer | Deferral:
        deferral = Deferral()
        deferral.attempts.append((attempt, 0.05))
        return plain(503, {}) if waited else deferral

    with serving(handle) as served, ExitStack() as stack:
        asking = connected(stack, served)
        asking.sendall(ASKED % 1)
        assert status(asking) == 503


def test_half_requests_hold_up_nobody(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            connected(stack, server).sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        asking = connected(stack, server)
        for number in range(3):
            asking.sendall(ASKED % number)
            assert status(asking) == 200


def test_who_sends_too_slowly_or_nothing_is_let_go(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_REQUEST_SECONDS", 0.05)
    monkeypatch.setattr(server_module, "_IDLE_SECONDS", 0.05)
    with ExitStack() as stack:
        slow, idle, fresh = [connected(stack, server) for _ in range(3)]
        slow.sendall(ASKED[:9])
        idle.sendall(ASKED % 1)
        assert status(idle) == 200
        assert [each.recv(1) for each in (slow, idle, fresh)] == [b"", b"", b""]


def test_at_the_limit_who_has_asked_nothing_for_longest_makes_room(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_CONNECTIONS", 2)
    with ExitStack() as stack:
        asking = connected(stack, server)
        silent = connected(stack, server)
        time.sleep(0.05)
        asking.sendall(ASKED % 1)
        assert status(asking) == 200
        third = connected(stack, server)
        third.sendall(ASKED % 2)
        assert status(third) == 200
        assert silent.recv(1) == b""
        asking.sendall(ASKED % 3)
        assert status(asking) == 200


def test_where_no_file_can_be_opened_who_has_asked_nothing_for_longest_makes_room(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, faults = socket.socket.accept, [OSError(errno.EMFILE, "too many open files")]

    def accept(listener: socket.socket) -> object:
        if faults:
            raise faults.pop()
        return taken(listener)

    with ExitStack() as stack:
        first = connected(stack, server)
        first.sendall(ASKED % 1)
        assert status(first) == 200
        monkeypatch.setattr(socket.socket, "accept", accept)
        second = connected(stack, server)
        second.sendall(ASKED % 2)
        assert status(second) == 200
        assert first.recv(1) == b""


def test_who_asks_and_reads_nothing_is_given_up(server: Server) -> None:
    with ExitStack() as stack:
        deaf, asking = connected(stack, server), connected(stack, server)
        deaf.settimeout(0.5)
        with pytest.raises(OSError, match=r"reset|timed out|Broken pipe"):
            flood(deaf)
        asking.sendall(ASKED % 2)
        assert status(asking) == 200


def test_a_refusal_of_what_is_still_coming_reaches_the_sender(server: Server) -> None:
    with ExitStack() as stack:
        asking = connected(stack, server)
        asking.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n")
        assert asking.recv(65536).startswith(b"HTTP/1.1 431 ")
        assert asking.recv(1) == b""


def test_who_is_gone_before_the_answers_to_two_requests_leaves_no_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = threading.Event()

    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        if target == "/1":
            assert gone.wait(5)
        return plain(200, {})

    with serving(handle) as served, ExitStack() as stack:
        leaving = connected(stack, served)
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaving.sendall(ASKED % 1 + ASKED % 2)
        time.sleep(0.05)
        leaving.close()
        gone.set()
        asking = connected(stack, served)
        asking.sendall(ASKED % 3)
        assert status(asking) == 200
    assert capsys.readouterr().err == ""


def test_a_fault_of_ours_ends_its_connection_and_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        if target == "/13":
            raise KeyError(target)
        return plain(200, {})

    with serving(handle) as served, ExitStack() as stack:
        asking = connected(stack, served)
        assert raw(served, ASKED % 13) == b""
        asking.sendall(ASKED % 1)
        assert status(asking) == 200
    assert capsys.readouterr().err == "a connection was closed on KeyError\n"
