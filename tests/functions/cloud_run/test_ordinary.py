"""Ordinary requests are read exactly as h11 reads them, or left to it; answers are as it writes."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validator_functions.cloud_run.answers import plain
from validator_functions.cloud_run.ordinary import LONGEST, read, write

GOOD = (
    b"GET /authorize/orders/7?a=b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x.y.z\r\n"
    b"Content-Length: 0\r\nX-Note:  two  spaces \xe9 \r\nX-Note:\r\n\r\n"
)


def by_h11(data: bytes) -> tuple[str, str, tuple[tuple[str, str], ...]] | None:
    """The same by h11: one whole request without a body, after which the connection is kept."""
    http = h11.Connection(h11.SERVER)
    http.receive_data(data)
    try:
        asked, end = http.next_event(), http.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(asked, h11.Request) or not isinstance(end, h11.EndOfMessage):
        return None
    if http.trailing_data[0] or http.their_state is not h11.DONE:
        return None
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in asked.headers)
    return asked.method.decode(), asked.target.decode(), headers


def test_an_ordinary_request_is_read_as_by_h11() -> None:
    told = read(GOOD)
    assert told is not None
    assert told == by_h11(GOOD)
    assert told[2][3] == ("x-note", "two  spaces \xe9")


@settings(max_examples=400)
@given(
    at=st.integers(0, len(GOOD)),
    cut=st.integers(0, 3),
    put=st.binary(max_size=3)
    | st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\0", b"\x0b", b"\x85", b"\xff"]),
)
def test_a_changed_request_is_read_as_by_h11_or_left_to_it(at: int, cut: int, put: bytes) -> None:
    data = GOOD[:at] + put + GOOD[at + cut :]
    told = read(data)
    assert told is None or told == by_h11(data)


TOKENS = st.text("abcXYZ-_!09", min_size=1, max_size=12)
NAMES = TOKENS | st.sampled_from(
    ["Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade"]
)
VALUES = st.text(st.characters(max_codepoint=255), max_size=12) | st.sampled_from(
    ["0", "1", "00", "chunked", "close", "keep-alive", "a, b", "100-continue"]
)


@given(TOKENS, TOKENS, st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_any_headers_are_read_as_by_h11_or_left_to_it(
    method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "a"), *headers])
    data = f"{method} /{target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
    told = read(data)
    assert told is None or told == by_h11(data)


UNUSUAL = [
    b"",
    GOOD[:-2],
    GOOD + b"G",
    GOOD + GOOD,
    GOOD.replace(b"1.1", b"1.0"),
    GOOD.replace(b"Host", b"Ghost"),
    GOOD.replace(b"X-Note:\r", b"Host: b\r"),
    GOOD.replace(b"X-Note:\r", b"Content-Length: 0\r"),
    GOOD.replace(b"Length: 0", b"Length: 3") + b"abc",
    GOOD.replace(b"X-Note:\r", b"Transfer-Encoding: chunked\r"),
    GOOD.replace(b"X-Note:\r", b"Connection: close\r"),
    GOOD.replace(b"X-Note:\r", b"Expect: 100-continue\r"),
    GOOD.replace(b"X-Note:\r", b"Upgrade: h2c\r"),
    GOOD.replace(b"X-Note:\r", b" folded\r"),
    GOOD.replace(b"X-Note:\r", b"X-Note :\r"),
    GOOD.replace(b"two", b"t\two"),
    GOOD.replace(b"\r\n", b"\n"),
    GOOD.replace(b"two", b"t" * LONGEST),
]


@pytest.mark.parametrize("data", UNUSUAL, ids=range(len(UNUSUAL)))
def test_everything_else_is_left_to_h11(data: bytes) -> None:
    assert read(data) is None


def test_an_answer_is_written_as_by_h11() -> None:
    answer = plain(200, {"a": 1}, [("x-signet-subject", "")])
    http = h11.Connection(h11.SERVER)
    http.receive_data(GOOD)
    assert isinstance(http.next_event(), h11.Request)
    assert isinstance(http.next_event(), h11.EndOfMessage)
    headers = [line.split(": ", 1) for line in answer[1].split("\r\n")[:-1]]
    response = h11.Response(status_code=200, headers=headers)
    expected = http.send(response) + http.send(h11.Data(data=answer[2]))
    assert write(answer, without_body=False, closing=False) == expected
    assert write(answer, without_body=True, closing=False) == expected[: -len(answer[2])]


def test_an_answer_tells_that_the_connection_ends() -> None:
    told = write(plain(503, {}), without_body=False, closing=True)
    assert b"\r\nconnection: close\r\n\r\n{}" in told
    assert told.startswith(b"HTTP/1.1 503 \r\n")


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\rb", "\0", "\xe9", "\u2028"])
def test_a_value_that_no_header_carries_is_never_sent(value: str) -> None:
    with pytest.raises(ValueError, match="x-signet-subject"):
        plain(200, {}, [("x-signet-subject", value)])
