"""A store's answer, against a real server on loopback (REFUSALS.md, line 74)."""

import datetime
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from validator_functions.verification import fetch
from validator_functions.verification.fetch import (
    Fetched,
    FetchFailed,
    HttpFetcher,
    Target,
    parse_url,
    send,
)

from .loopback import response, serving

FAST = 5.0


def fetcher(max_bytes: int = 1_000) -> HttpFetcher:
    return HttpFetcher(loopback_http=True, max_bytes=max_bytes)


def failure(
    answer: object, *, etag: str | None = None, timeout: float = FAST, max_bytes: int = 1_000
) -> FetchFailed:
    with serving(answer) as server, pytest.raises(FetchFailed) as caught:  # type: ignore[arg-type]
        fetcher(max_bytes)(server.url, etag=etag, timeout=timeout)
    return caught.value


def brought(answer: bytes, etag: str | None = None) -> Fetched:
    with serving(answer) as server:
        fetched = fetcher()(server.url, etag=etag, timeout=FAST)
        assert fetched.url == server.url
    return fetched


def test_a_good_answer_brings_body_age_and_etag() -> None:
    headers = (
        'Content-Type: application/jwk-set+json\r\nCache-Control: max-age=300\r\nETag: "v1"\r\n'
    )
    fetched = brought(response(b'{"keys":[]}', headers=headers))
    assert fetched[:4] == (b'{"keys":[]}', 300, '"v1"', 200)


def test_the_request_is_plain_and_conditional_where_an_etag_is_known() -> None:
    with serving(response(b"x")) as server:
        fetcher()(server.url, etag='"v1"', timeout=FAST)
        request = server.requests[0].decode()
    assert request.startswith("GET /jwks.json HTTP/1.1\r\n")
    assert f"host: localhost:{server.port}\r\n" in request
    assert 'if-none-match: "v1"\r\n' in request
    assert "accept-encoding: identity\r\n" in request
    assert "connection: close\r\n" in request


def test_what_is_sent_is_counted_and_comes_in_one_piece() -> None:
    with serving(response(b"made", status="201 Created")) as server:
        target = parse_url(server.url, loopback_http=True)
        deadline = time.monotonic() + FAST
        answer = send("PUT", target, {"x-a": "b"}, deadline, 64, body=b"seven b")
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert (answer.status, answer.body) == (201, b"made")
    assert head.startswith(b"PUT /jwks.json HTTP/1.1\r\n")
    assert b"content-length: 7\r\n" in head
    assert b"x-a: b\r\n" in head
    assert body == b"seven b"


def test_not_modified_answers_a_conditional_request_without_a_body() -> None:
    fetched = brought(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nCache-Control: max-age=7\r\n\r\n",
        etag='"v1"',
    )
    assert fetched[:4] == (b"", 7, None, 304)


BAD_ANSWERS = [
    ("a redirect", response(status="302 Found", headers="Location: /x\r\n"), "redirected"),
    ("a permanent redirect", response(status="308 Permanent Redirect"), "redirected"),
    ("304 to an unconditional request", response(b"", status="304 Not Modified"), "status_refused"),
    ("404", response(status="404 Not Found"), "status_refused"),
    ("500", response(status="500 Oops"), "status_refused"),
    ("206, a part", response(status="206 Partial Content"), "status_refused"),
    ("204", response(b"", status="204 No Content"), "status_refused"),
    (
        "HTML",
        response(b"<html>", headers="Content-Type: Text/HTML; charset=x\r\n"),
        "content_refused",
    ),
    ("compressed", response(headers="Content-Encoding: gzip\r\n"), "content_refused"),
    ("empty", response(b""), "empty"),
    ("too long by its length", response(b"x", length=1_001), "too_large"),
    ("too long in fact", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000, "too_large"),
    ("cut short", response(b"{", length=10), "truncated"),
    (
        "a chunked body cut short",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "truncated",
    ),
    ("a broken chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "truncated"),
    ("not HTTP", b"SSH-2.0-OpenSSH\r\n\r\n", "not_http"),
    ("nothing", b"", "not_http"),
    ("a header without end", b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000, "too_large"),
    ("headers without end", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, "not_http"),
    ("100 Continue for ever", b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000, "too_large"),
]


@pytest.mark.parametrize(("_case", "answer", "reason"), BAD_ANSWERS)
def test_an_answer_that_is_not_a_whole_plain_200_is_refused(
    _case: str, answer: bytes, reason: str
) -> None:
    assert failure(answer).reason == reason


def test_a_chunked_body_is_read_whole() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert brought(answer).body == b"abc"


def test_a_header_that_stands_twice_counts_twice() -> None:
    headers = "Cache-Control: max-age=60\r\nCache-Control: max-age=5\r\n"
    assert brought(response(headers=headers)).max_age == 5


AGES = [
    ("", None),
    ("Cache-Control: public, max-age=300\r\n", 300),
    ("Cache-Control: max-age=300\r\nAge: 100\r\n", 200),
    ("Cache-Control: max-age=300\r\nAge: 400\r\n", 0),
    ("Cache-Control: max-age=300\r\nAge: -4\r\n", 300),
    ("Cache-Control: no-store\r\n", 0),
    ("Cache-Control: NO-CACHE, max-age=300\r\n", 0),
    ('Cache-Control: max-age="30"\r\n', 30),
    ("Cache-Control: max-age=abc\r\n", None),
    ("Cache-Control: max-age=99999999999999\r\n", None),
    ("Cache-Control: s-maxage=9\r\n", None),
]


@pytest.mark.parametrize(("headers", "seconds"), AGES)
def test_freshness_is_max_age_less_age(headers: str, seconds: int | None) -> None:
    assert brought(response(headers=headers)).max_age == seconds


@pytest.mark.parametrize("tag", ["v1", '"', '"a b"', '"' + "x" * 300 + '"', '"a", "b"'])
def test_a_malformed_etag_is_forgotten(tag: str) -> None:
    assert brought(response(headers=f"ETag: {tag}\r\n")).etag is None


def test_a_weak_etag_is_kept() -> None:
    assert brought(response(headers='ETag: W/"v1"\r\n')).etag == 'W/"v1"'


def test_a_server_that_drips_bytes_meets_one_deadline() -> None:
    def drip(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(100):
            sock.sendall(b"x")
            time.sleep(0.02)

    began = time.monotonic()
    assert failure(drip, timeout=0.3).reason == "timeout"
    assert time.monotonic() - began < 2


def test_a_server_that_drips_headers_meets_the_same_deadline() -> None:
    def drip(sock: socket.socket) -> None:
        for _ in range(100):
            sock.sendall(b"H")
            time.sleep(0.02)

    assert failure(drip, timeout=0.3).reason == "timeout"


def test_a_silent_server_meets_the_deadline() -> None:
    assert failure(lambda _sock: time.sleep(0.6), timeout=0.2).reason == "timeout"


def test_no_time_left_is_a_timeout_before_anything_is_sent() -> None:
    with serving(response()) as server, pytest.raises(FetchFailed) as caught:
        fetcher()(server.url, timeout=0.0)
    assert caught.value.reason == "timeout"
    assert server.requests == []


def test_fifty_megabytes_are_never_read() -> None:
    sent = 0

    def pour(sock: socket.socket) -> None:
        nonlocal sent
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(800):
            sock.sendall(b" " * 65_536)
            sent += 65_536

    assert failure(pour).reason == "too_large"
    assert sent < 20 * 1024 * 1024  # what the kernel's buffers took; we read 33 KiB


def test_an_address_where_nobody_listens_is_unreachable() -> None:
    with serving(response()) as server:
        url = server.url
    with pytest.raises(FetchFailed) as caught:
        fetcher()(url, timeout=FAST)
    assert caught.value.reason == "unreachable"


def test_a_name_without_an_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [])
    with pytest.raises(FetchFailed) as caught:
        fetcher()("https://nowhere.test/", timeout=FAST)
    assert caught.value.reason == "unreachable"


def test_plain_http_goes_to_a_loopback_address_whatever_the_name_resolves_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [elsewhere])
    with pytest.raises(FetchFailed) as caught:
        fetcher()("http://evil.localhost/", timeout=FAST)
    assert caught.value.reason == "unreachable"


def test_a_socket_is_closed_even_when_connecting_breaks_in_an_unforeseen_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[socket.socket] = []

    class Broken(socket.socket):
        def connect(self, _address: object) -> None:
            made.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(socket, "socket", Broken)
    with serving(response()) as server, pytest.raises(KeyboardInterrupt):
        fetcher()(server.url, timeout=FAST)
    assert made[0].fileno() == -1


REFUSED_URLS = [
    "http://keys.test/jwks.json",
    "http://127.0.0.1.evil.test/",
    "ftp://keys.test/",
    "file:///etc/passwd",
    "https://",
    "https:///jwks.json",
    "https://user@keys.test/",
    "https://keys.test/#part",
    "https://keys.test\\@evil.test/",
    "https://keys.test:99999/",
    "https://keys.test:x/",
    "https://[::1/",
    "https://keys.test/a b",
    "https://keys.test/\r\nx: y",
    "https://keys.test/é",
    "https://keys.test/" + "x" * 2_048,
    "",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_an_address_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        HttpFetcher(loopback_http=True)(url, timeout=FAST)
    assert caught.value.reason == "url_refused"


def test_loopback_http_needs_the_sandbox() -> None:
    with pytest.raises(FetchFailed, match="scheme is not https"):
        HttpFetcher()("http://127.0.0.1:1/", timeout=FAST)


PARSED = [
    ("https://keys.test", Target(True, "keys.test", 443, "/", "keys.test")),
    ("https://Keys.test:8443/a?b=c", Target(True, "keys.test", 8443, "/a?b=c", "Keys.test:8443")),
    ("http://127.0.0.1:80/a", Target(False, "127.0.0.1", 80, "/a", "127.0.0.1:80")),
    ("http://b.s3.localhost/a", Target(False, "b.s3.localhost", 80, "/a", "b.s3.localhost")),
    ("http://[::1]:81/", Target(False, "::1", 81, "/", "[::1]:81")),
]


@pytest.mark.parametrize(("url", "target"), PARSED)
def test_an_address_is_taken_apart(url: str, target: Target) -> None:
    assert parse_url(url, loopback_http=True) == target


def test_what_proves_identity_is_sent_and_counts_against_the_deadline() -> None:
    asked: list[tuple[str, float]] = []

    def prove(url: str, seconds: float) -> dict[str, str]:
        asked.append((url, seconds))
        return {"authorization": "Bearer abc"}

    with serving(response()) as server:
        HttpFetcher(loopback_http=True, headers=prove)(server.url, timeout=FAST)
        assert b"authorization: Bearer abc\r\n" in server.requests[0]
    assert asked[0][0] == server.url
    assert 0 < asked[0][1] <= FAST


def test_a_header_that_would_split_the_request_is_refused() -> None:
    with serving(response()) as server, pytest.raises(FetchFailed) as caught:
        HttpFetcher(loopback_http=True, headers=lambda *_: {"authorization": "a\r\nb: c"})(
            server.url, timeout=FAST
        )
    assert caught.value.reason == "credentials_missing"
    assert server.requests == []


def test_a_failure_says_why_and_no_more() -> None:
    assert str(failure(response(b""))) == "empty"
    assert str(failure(response(b"secret", status="404 secret"))) == "status_refused: 404"


def _certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.pem", folder / f"{name}.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@pytest.fixture
def _own_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_tls", [])


@pytest.mark.usefixtures("_own_trust")
def test_a_certificate_that_the_system_trusts_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = _certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with serving(response(b"whole"), context) as server:
        for _ in range(2):
            assert HttpFetcher()(server.url, timeout=FAST).body == b"whole"


@pytest.mark.usefixtures("_own_trust")
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    _, context = _certificate(tmp_path, "localhost")
    with serving(response(), context) as server, pytest.raises(FetchFailed) as caught:
        HttpFetcher()(server.url, timeout=FAST)
    assert caught.value.reason == "tls_failed"
    assert server.requests == []


@pytest.mark.usefixtures("_own_trust")
def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = _certificate(tmp_path, "other.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with serving(response(), context) as server, pytest.raises(FetchFailed) as caught:
        HttpFetcher()(server.url, timeout=FAST)
    assert caught.value.reason == "tls_failed"


@pytest.mark.usefixtures("_own_trust")
def test_a_server_that_never_shakes_hands_meets_the_deadline() -> None:
    with serving(lambda _sock: None) as server, pytest.raises(FetchFailed) as caught:
        HttpFetcher()(server.url.replace("http:", "https:"), timeout=0.3)
    assert caught.value.reason == "timeout"


@given(text=st.text() | st.from_regex(r"https?://[ -~]{0,30}", fullmatch=True))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        target = parse_url(text, loopback_http=True)
    except FetchFailed as error:
        reason = error.reason
    else:
        assert target.host
        assert 0 < target.port < 65_536
        assert target.path.startswith("/")
        return
    assert reason == "url_refused"


ANSWER_PARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 304 x\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Cache-Control: max-age=\xff\r\n",
        b"ETag: \x00\r\n",
        b"Age: 1e9\r\n",
        b" folded\r\n",
        b"\r\n",
        b"5\r\n",
        b"hello",
        b"0\r\n\r\n",
    ]
)


@given(parts=st.lists(ANSWER_PARTS | st.binary(max_size=20), max_size=12))
def test_any_bytes_are_an_answer_or_a_failed_fetch(parts: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with pytest.MonkeyPatch.context() as patched, theirs:
        patched.setattr(fetch, "_connect", lambda *_args: ours)
        theirs.sendall(b"".join(parts))
        theirs.shutdown(socket.SHUT_WR)
        try:
            fetched = fetcher(50)("http://127.0.0.1/", etag='"v1"', timeout=FAST)
        except FetchFailed:
            return
    assert fetched.status in {200, 304}
    assert len(fetched.body) <= 50
    assert (fetched.body == b"") == (fetched.status == 304)
