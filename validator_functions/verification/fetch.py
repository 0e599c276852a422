"""Fetch a published key set over HTTPS, bounded in time and in bytes.

What an answer must be, or the fetch failed:

1. The address is `https`, without user information, fragment or control characters. Plain `http`
   is for a loopback address under the sandbox's marker only, and the address connected to has to
   be loopback too, whatever the name says.
2. One deadline covers connecting, the TLS handshake and every read: a server that drips bytes
   gains nothing. Only name resolution is the system's; whoever waits bounds its own wait
   (`key_source`).
3. The status is 200, or 304 to a conditional request. A redirect is never followed.
4. The body is identity-coded, not HTML, not empty, whole, and never read past its limit.

The standard library only; `http.client`, `ssl` and `urllib.parse` load on the first fetch, so that
a cold start without one does not pay for them. Proxy variables are not honoured: the way to a key
set is part of what is trusted, and the environment is not.

Sources: RFC 9110 (HTTP semantics), RFC 9111 section 5 (`Age`, `Cache-Control`), RFC 7517 section 5.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import http.client
    import socket
    import ssl

DEFAULT_MAX_BYTES = 64 * 1024
"""A set of four RSA-4096 keys is under 4 KiB; 64 KiB leaves room for foreign issuers."""
DEFAULT_TIMEOUT = 1.0
_HEADER_BYTES = 32 * 1024
_STATUS_OK = 200
_STATUS_NOT_MODIFIED = 304
_REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
_URL = re.compile(r"[\x21-\x7e]{1,2048}")
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')  # RFC 9110 section 8.8.3, ASCII part
_DIGITS = re.compile(r"[0-9]{1,10}")
_HTML = ("text/html", "application/xhtml+xml")


class FailureReason(StrEnum):
    """Why a fetch brought nothing: a closed set, fit for a log line."""

    URL_REFUSED = "url_refused"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    REDIRECTED = "redirected"
    STATUS_REFUSED = "status_refused"
    CONTENT_REFUSED = "content_refused"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    NOT_HTTP = "not_http"
    CREDENTIALS_MISSING = "credentials_missing"


class FetchFailed(Exception):
    """The store did not answer as it must. `detail` holds neither body nor credential."""

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class Fetched(NamedTuple):
    """An answer of a store: `status` 200 with a body, or 304 with none.

    `max_age` is the freshness left in seconds (RFC 9111 section 4.2: `max-age` less `Age`), None
    where the answer says nothing.
    """

    body: bytes
    max_age: int | None
    etag: str | None
    status: int
    url: str


class Fetcher(Protocol):
    """Brings one document; blocking. Every fault of the network is a `FetchFailed`."""

    def __call__(self, url: str, *, etag: str | None, timeout: float) -> Fetched:
        """Fetch `url`, conditionally where `etag` is given, within `timeout` seconds."""
        ...  # pragma: no cover - a Protocol's body


Headers = Callable[[str, float], Mapping[str, str]]
"""(url, seconds left) -> request headers that prove who asks (`private_store`)."""


class Target(NamedTuple):
    """A parsed address."""

    secure: bool
    host: str
    port: int
    path: str
    authority: str


class Answer(NamedTuple):
    """A bounded HTTP answer before anybody judged it. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_url(url: str, *, loopback_http: bool) -> Target:
    """Take an address apart, refusing every one that a key set must not come from.

    Raises:
        FetchFailed: `url_refused`.
    """
    target = split_url(url)
    if not target.secure and not (loopback_http and _loopback_name(target.host)):
        raise FetchFailed(FailureReason.URL_REFUSED, "scheme is not https")
    return target


def split_url(url: str) -> Target:
    """Take an address apart without judging its scheme beyond http and https."""
    from urllib.parse import urlsplit

    if _URL.fullmatch(url) is None:
        raise FetchFailed(FailureReason.URL_REFUSED, "malformed address")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchFailed(FailureReason.URL_REFUSED, "malformed address") from error
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise FetchFailed(FailureReason.URL_REFUSED, "scheme is not https")
    if "@" in parts.netloc or "#" in url or "\\" in url:
        raise FetchFailed(FailureReason.URL_REFUSED, "user information or fragment in the address")
    secure = parts.scheme == "https"
    path = parts.path or "/"
    return Target(
        secure=secure,
        host=parts.hostname,
        port=port or (443 if secure else 80),
        path=f"{path}?{parts.query}" if parts.query else path,
        authority=parts.netloc,
    )


def _loopback_name(host: str) -> bool:
    # RFC 6761 section 6.3: names under `localhost` are loopback. The address is checked as well.
    return host in {"127.0.0.1", "::1", "localhost"} or host.endswith(".localhost")


def _loopback_address(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


class HttpFetcher:
    """The `Fetcher` for real stores.

    Args:
        loopback_http: accept plain http to a loopback address (the sandbox's marker decides).
        max_bytes: the largest body that is read.
        headers: adds what a private store asks for; None for a public one.
        monotonic: seconds that only grow, for the deadline.
    """

    def __init__(
        self,
        *,
        loopback_http: bool = False,
        max_bytes: int = DEFAULT_MAX_BYTES,
        headers: Headers | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loopback_http = loopback_http
        self._max_bytes = max_bytes
        self._headers = headers
        self._monotonic = monotonic

    def __call__(
        self, url: str, *, etag: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> Fetched:
        """Fetch one key set. Raises `FetchFailed`."""
        deadline = self._monotonic() + timeout
        target = parse_url(url, loopback_http=self._loopback_http)
        headers = {"accept": "application/jwk-set+json, application/json, */*;q=0.1"}
        if etag is not None:
            headers["if-none-match"] = etag
        if self._headers is not None:
            headers.update(self._headers(url, deadline - self._monotonic()))
        answer = get(target, headers, deadline, self._max_bytes, monotonic=self._monotonic)
        return _judge(answer, url, conditional=etag is not None)


def prepare(urls: Iterable[str]) -> None:
    """Load now what the first fetch would load, and the system's trust where one is HTTPS.

    For runtimes that start with a whole CPU and go on with a small part of one (AWS Lambda): there
    the loading alone could take the second that a first decision waits.
    """
    for name in ("http.client", "ssl", "urllib.parse"):
        import_module(name)
    if any(url.startswith("https:") for url in urls):
        _tls_context()


def _judge(answer: Answer, url: str, *, conditional: bool) -> Fetched:
    headers = answer.headers
    if answer.status in _REDIRECTS:
        raise FetchFailed(FailureReason.REDIRECTED, str(answer.status))
    if answer.status == _STATUS_NOT_MODIFIED and conditional:
        return Fetched(b"", _max_age(headers), None, _STATUS_NOT_MODIFIED, url)
    if answer.status != _STATUS_OK:
        raise FetchFailed(FailureReason.STATUS_REFUSED, str(answer.status))
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise FetchFailed(FailureReason.CONTENT_REFUSED, "content-encoding")
    if headers.get("content-type", "").strip().lower().startswith(_HTML):
        raise FetchFailed(FailureReason.CONTENT_REFUSED, "HTML")
    if not answer.body:
        raise FetchFailed(FailureReason.EMPTY)
    etag = headers.get("etag")
    if etag is not None and _ETAG.fullmatch(etag) is None:
        etag = None
    return Fetched(answer.body, _max_age(headers), etag, _STATUS_OK, url)


def _max_age(headers: Mapping[str, str]) -> int | None:
    """Freshness left (RFC 9111 sections 4.2.1, 5.1, 5.2.2); the smallest of several wins."""
    ages: list[int] = []
    for directive in headers.get("cache-control", "").split(","):
        name, _, value = directive.strip().partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name in {"no-store", "no-cache"}:
            ages.append(0)
        elif name == "max-age" and _DIGITS.fullmatch(value):
            ages.append(int(value))
    if not ages:
        return None
    age = headers.get("age", "").strip()
    return max(0, min(ages) - (int(age) if _DIGITS.fullmatch(age) else 0))


def get(
    target: Target,
    headers: Mapping[str, str],
    deadline: float,
    max_bytes: int,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Answer:
    """One GET without redirects; everything read counts against one deadline and one byte budget.

    Raises:
        FetchFailed: with the reason; nothing of the body is in it.
    """
    return send("GET", target, headers, deadline, max_bytes, monotonic=monotonic)


def send(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    deadline: float,
    max_bytes: int,
    *,
    body: bytes | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Answer:
    """One request under the same bounds, for issuers that ask a cloud to do something.

    Raises:
        FetchFailed: with the reason; nothing of either body is in it.
    """
    import http.client
    import ssl

    try:
        with _connect(target, deadline, monotonic) as sock:
            sock.settimeout(_left(deadline, monotonic))
            sock.sendall(_request_bytes(method, target, headers, body))
            reader = _DeadlineReader(sock, deadline, max_bytes + _HEADER_BYTES, monotonic)
            response = http.client.HTTPResponse(_ResponseSource(reader), method=method)  # type: ignore[arg-type]
            with response:
                response.begin()
                return _read(response, max_bytes)
    except FetchFailed:
        raise
    except TimeoutError as error:
        raise FetchFailed(FailureReason.TIMEOUT) from error
    except ssl.SSLError as error:
        raise FetchFailed(FailureReason.TLS_FAILED, error.reason or "") from error
    except http.client.IncompleteRead as error:
        raise FetchFailed(FailureReason.TRUNCATED) from error
    except (http.client.HTTPException, ValueError) as error:
        raise FetchFailed(FailureReason.NOT_HTTP, type(error).__name__) from error
    except OSError as error:
        raise FetchFailed(FailureReason.UNREACHABLE, type(error).__name__) from error


def _left(deadline: float, monotonic: Callable[[], float]) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(target: Target, deadline: float, monotonic: Callable[[], float]) -> socket.socket:
    import socket

    addresses = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    if not target.secure and _loopback_name(target.host):
        addresses = [entry for entry in addresses if _loopback_address(str(entry[4][0]))]
    failure: OSError = OSError("no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            # A dead first address leaves time for the next.
            sock.settimeout(_left(deadline, monotonic) / (len(addresses) - index))
            sock.connect(address)
            if not target.secure:
                return sock
            sock.settimeout(_left(deadline, monotonic))
            return _tls_context().wrap_socket(sock, server_hostname=target.host)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure


_tls: list[ssl.SSLContext] = []


def _tls_context() -> ssl.SSLContext:
    """The system's trust, TLS 1.2 or newer; made once, because loading the trust store is slow."""
    import ssl

    if not _tls:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _tls.append(context)
    return _tls[0]


def _request_bytes(
    method: str, target: Target, headers: Mapping[str, str], body: bytes | None
) -> bytes:
    lines = [f"{method} {target.path} HTTP/1.1", f"host: {target.authority}"]
    for name, value in headers.items():
        if re.fullmatch(r"[\x20-\x7e]*", value) is None:
            raise FetchFailed(FailureReason.CREDENTIALS_MISSING, f"header {name} is not ASCII")
        lines.append(f"{name}: {value}")
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    lines += ["accept-encoding: identity", "user-agent: signet", "connection: close", "", ""]
    return "\r\n".join(lines).encode("ascii") + (body or b"")


def _read(response: http.client.HTTPResponse, max_bytes: int) -> Answer:
    declared = response.getheader("content-length", "")
    length = int(declared) if _DIGITS.fullmatch(declared or "") else None
    if length is not None and length > max_bytes:
        raise FetchFailed(FailureReason.TOO_LARGE)
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise FetchFailed(FailureReason.TOO_LARGE)
    expects_body = response.status != _STATUS_NOT_MODIFIED and not response.chunked
    if expects_body and length is not None and len(body) < length:
        raise FetchFailed(FailureReason.TRUNCATED)
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return Answer(response.status, headers, body)


class _DeadlineReader(io.RawIOBase):
    """Reads a socket under one deadline and one byte budget, however the bytes arrive."""

    def __init__(
        self,
        sock: socket.socket,
        deadline: float,
        budget: int,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._budget = budget
        self._monotonic = monotonic

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._budget <= 0:
            raise FetchFailed(FailureReason.TOO_LARGE)
        self._sock.settimeout(_left(self._deadline, self._monotonic))
        view = memoryview(buffer)[: self._budget]
        count = self._sock.recv_into(view)
        self._budget -= count
        return count


class _ResponseSource:
    """The one method that `http.client.HTTPResponse` asks of a socket."""

    def __init__(self, reader: _DeadlineReader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)
