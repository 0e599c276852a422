"""How much of a request's head is taken, whatever the pieces it comes in."""

import pytest

from validator_functions.cloud_run.dialogue import HEADER_BYTES, HEADER_LINES, Dialogue

ASK = b"POST /authorize HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n"
FILLED = b"X-Filler: " + b"x" * HEADER_BYTES + b"\r\n"
MANY = b"a: b\r\n" * HEADER_LINES


def heard(sent: bytes, piece: int) -> tuple[bool, bytes]:
    """Return whether a whole request came out of it, and what was said unasked."""
    dialogue = Dialogue()
    asked = None
    for at in range(0, len(sent), piece):
        if not dialogue.over:
            asked = dialogue.hear(sent[at : at + piece]) or asked
    return asked is not None, dialogue.to_send


@pytest.mark.parametrize("piece", [1_000, 16_384, HEADER_BYTES, 100_000])
@pytest.mark.parametrize("head", [ASK + FILLED, ASK + MANY], ids=["octets", "lines"])
@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["without an end", "whole"])
def test_too_large_a_head_is_refused_in_whatever_pieces_it_comes(
    head: bytes, end: bytes, piece: int
) -> None:
    whole, said = heard(head + end, piece)
    assert not whole
    assert said.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("split", range(1, 5))
def test_a_body_is_not_counted_with_the_head_whose_end_came_in_two_pieces(split: int) -> None:
    head = ASK + b"\r\n"
    dialogue = Dialogue()
    assert dialogue.hear(head[:-split]) is None
    asked = dialogue.hear(head[-split:] + b"\n" * 40_000)
    assert asked is not None
    assert dialogue.to_send == b""
