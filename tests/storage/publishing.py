"""What every test of the storage code needs: sets to publish, and what a consumer sees."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from components.break_glass import BreakGlass, Held, Overtaken
from signet.documents import JWKS_CONTENT_TYPE, jwk_from_pem, render_jwks
from tests.unit.issuing.local_keys import LocalSigner
from validator_functions.verification.fetch import Answer, HttpFetcher, get, parse_url

CACHE = "public, max-age=300"
_JWK = jwk_from_pem(LocalSigner("ES256").public_key_pem(), "ES256")
T = TypeVar("T")
_WRITERS = 8


def published(sequence: int) -> str:
    """A well-formed set under a number."""
    return render_jwks([_JWK], sequence, [])


def seen(url: str, **headers: str) -> Answer:
    """What anybody gets there, by the validator's own transport."""
    import time

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return get(parse_url(url, loopback_http=True), named, time.monotonic() + 10, 64 * 1024)


def fetcher() -> HttpFetcher:
    """The validators' own."""
    return HttpFetcher(loopback_http=True)


def assert_published(url: str, body: str) -> str:
    """The document is there with the headers that consumers go by; returns its entity tag."""
    answer = seen(url)
    assert (answer.status, answer.body.decode()) == (200, body)
    assert answer.headers["content-type"] == JWKS_CONTENT_TYPE
    assert answer.headers["cache-control"] == CACHE
    fetched = fetcher()(url)
    assert (fetched.body.decode(), fetched.max_age) == (body, 300)
    assert fetched.etag
    return fetched.etag


def winners(hand: Callable[[], BreakGlass], held: Held) -> list[int]:
    """Which of many writers, each with a number of its own, wrote over the same `held` at once."""

    def write(number: int) -> int | None:
        try:
            hand().write(published(number), held)
        except Overtaken:
            return None
        return number

    return [number for number in at_once(write) if number]


def check_written_over_what_was_looked_at(hand: BreakGlass) -> str:
    """A write goes over exactly what its author saw; whoever was overtaken is told.

    Returns the set that stands in the end.
    """
    nothing = hand.held()
    assert (nothing.reading.status, nothing.version) == ("absent", None)
    hand.write(published(1), nothing)
    with pytest.raises(Overtaken):
        hand.write(published(2), nothing)
    first = hand.held()
    assert (first.reading.status, first.reading.sequence) == ("read", 1)
    hand.write(published(2), first)
    with pytest.raises(Overtaken):
        hand.write(published(3), first)
    return published(2)


def check_one_writer_wins(hand: Callable[[], BreakGlass], url: str, before: int) -> None:
    """Of many who saw the same document (number 0: none), one writes and its set is what stays."""
    own = hand()
    if before:
        own.write(published(before), own.held())
    (winner,) = winners(hand, own.held())
    assert_published(url, published(winner))


def at_once(call: Callable[[int], T]) -> list[T]:
    """What many threads get who call at the same time, each with a number of its own."""
    together = threading.Barrier(_WRITERS)

    def called(number: int) -> T:
        together.wait(30)
        return call(number)

    with ThreadPoolExecutor(_WRITERS) as pool:
        return list(pool.map(called, range(100, 100 + _WRITERS)))
