"""The HTTP server: real sockets, strict reading, bounded input, a graceful end."""

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from validator_functions.cloud_run.answers import Answer, plain
from validator_functions.cloud_run.server import Headers, Server


@pytest.fixture
def server() -> Iterator[Server]:
    def handle(method: str, target: str, headers: Headers) -> Answer:
        return plain(200, {"method": method, "target": target, "count": len(headers)})

    served = Server("127.0.0.1", 0, handle, grace=2.0)
    thread = threading.Thread(target=served.run)
    thread.start()
    yield served
    served.stop()
    thread.join(10)
    assert not thread.is_alive()


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
    def handle(method: str, target: str, headers: Headers) -> Answer:
        return plain(200, {}, [("x-signet-subject", "a\r\nx-signet-scope: all")])

    served = Server("127.0.0.1", 0, handle, grace=0.5)
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        assert raw(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    finally:
        served.stop()
        thread.join(10)


def test_stopping_lets_a_request_under_way_end() -> None:
    begun, go = threading.Event(), threading.Event()

    def handle(method: str, target: str, headers: Headers) -> Answer:
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
