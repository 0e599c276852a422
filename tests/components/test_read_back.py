"""Reading a published set back: what counts as read, as absent, and as unverified."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from components import read_back
from components.aws.readback import read_store
from components.aws.settings import AwsSettings
from components.observe import CloudReader, observe
from components.settings import Settings, parse
from components.surroundings import Surroundings
from signet.documents import jwk_from_pem, render_jwks
from signet.errors import CouldNotCheck
from signet.observed import StoreReading
from signet.published import judge
from tests.components import mocked
from tests.components.conftest import SETTINGS

JWK = jwk_from_pem(mocked.public_pem("read-back", "RSA_2048"), "RS256")
SET = render_jwks([JWK], 7, ["A" * 43]).encode()


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A store on loopback that answers as told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def body(status: int, content: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def test_a_well_formed_set_is_read_with_its_number_its_keys_and_the_stores_clock() -> None:
    before = int(time.time())
    with serving(body(200, SET)) as url:
        reading = read_back.public(url, in_sandbox=True)
    assert (reading.status, reading.sequence) == ("read", 7)
    assert reading.kids == {JWK["kid"]}
    assert reading.denied == {"A" * 43}
    assert len(reading.sha256) == 64
    assert reading.server_time is not None
    assert abs(reading.server_time - before) <= 2


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (404, b"", "absent"),
        (410, b"", "absent"),
        (403, b"<Error>AccessDenied</Error>", "unverified"),
        (500, b"", "unverified"),
        (200, b"", "unverified"),
        (200, b"<html>a captive portal</html>", "unverified"),
        (200, SET[:-10], "unverified"),
        (200, b'{"keys":[]}', "unverified"),
        (200, json.dumps({"keys": [JWK]}).encode(), "unverified"),
        (200, b"x" * 300_000, "unverified"),
    ],
)
def test_only_a_certain_answer_counts_as_absent(status: int, content: bytes, expected: str) -> None:
    with serving(body(status, content)) as url:
        reading = read_back.public(url, in_sandbox=True)
    assert reading.status == expected
    assert reading.detail


def test_a_redirect_is_not_followed() -> None:
    with serving(body(200, SET)) as target, serving(body(302, b"", Location=target)) as url:
        assert read_back.public(url, in_sandbox=True).status == "unverified"


def test_plain_http_is_read_in_the_sandbox_only() -> None:
    with serving(body(200, SET)) as url:
        assert read_back.public(url, in_sandbox=False).status == "unverified"


def test_a_store_that_nobody_serves_is_unverified() -> None:
    with serving(body(200, SET)) as url:
        pass
    assert read_back.public(url, in_sandbox=True).status == "unverified"


def test_a_store_that_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "SECONDS", 0.3)
    released = threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        released.wait(5)

    with serving(hang) as url:
        started = time.monotonic()
        reading = read_back.public(url, in_sandbox=True)
        assert time.monotonic() - started < 2
        released.set()
    assert reading.status == "unverified"


def parsed() -> Settings:
    raw = {k: v if isinstance(v, str) else json.dumps(v) for k, v in SETTINGS.items()}
    return parse(raw, Surroundings(stack="test"))


def aws_settings() -> AwsSettings:
    settings = parsed()
    assert settings.aws is not None
    return settings.aws


class FakeS3:
    """Answers one GetObject as S3 would."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.asked: list[dict[str, str]] = []

    def get_object(self, **asked: str) -> dict[str, Any]:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        headers = {"date": "Sun, 22 Nov 2026 20:20:21 GMT"}
        return {
            "Body": io.BytesIO(self.answer),
            "ResponseMetadata": {"HTTPHeaders": headers},
        }


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (SET, "read"),
        (b"half", "unverified"),
        (refused("NoSuchKey"), "absent"),
        (refused("NoSuchBucket"), "absent"),
        (refused("AccessDenied"), "unverified"),
        (EndpointConnectionError(endpoint_url="https://s3"), "unverified"),
        (TimeoutError(), "unverified"),
    ],
)
def test_a_private_store_is_read_with_the_deployers_identity(
    answer: bytes | Exception, expected: str
) -> None:
    s3 = FakeS3(answer)
    reading = read_store(aws_settings(), "private", client=lambda _: s3)  # type: ignore[arg-type, return-value]
    assert reading.status == expected
    assert s3.asked == [{"Bucket": "signet-test-keys", "Key": ".well-known/jwks.json"}]
    assert (reading.server_time == 1_795_378_821) == (expected == "read")


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 22 Nov 2026 20:20:21"])
def test_a_date_that_is_none_is_left_out(date: str | None) -> None:
    assert judge(SET, date).server_time is None


def test_clouds_are_looked_at_together_and_a_slow_one_is_unverified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("components.observe._SECONDS", 0.3)
    released = threading.Event()

    def slow(_: str) -> StoreReading:
        released.wait(5)
        return StoreReading("absent")

    def quick(_: str) -> StoreReading:
        return StoreReading("absent")

    started = time.monotonic()
    seen = observe(
        {
            "aws": CloudReader(store=slow, keys=tuple),
            "gcp": CloudReader(store=quick, keys=tuple),
        }
    )
    assert time.monotonic() - started < 2
    released.set()
    found = seen.stores["environment"]
    assert (found["aws"].status, found["gcp"].status) == ("unverified", "absent")


def test_a_stores_clock_is_told_as_of_the_moment_when_every_cloud_has_answered() -> None:
    def slow_listing() -> tuple[()]:
        time.sleep(1.1)
        return ()

    def store(_: str) -> StoreReading:
        return StoreReading("read", sequence=1, server_time=1_000)

    seen = observe({"aws": CloudReader(store=store, keys=slow_listing)})
    assert seen.stores["environment"]["aws"].server_time in (1_001, 1_002)


def test_keys_that_cannot_be_found_out_stop_the_run() -> None:
    def out_of_reach() -> tuple[()]:
        raise CouldNotCheck("no answer")

    reader = CloudReader(store=lambda _: StoreReading("absent"), keys=out_of_reach)
    with pytest.raises(CouldNotCheck):
        observe({"aws": reader})
