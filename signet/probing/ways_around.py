"""Ways past a gateway, tried from outside: nothing may be reached without a good token.

`attempts` lists them for a stack's outputs, `try_all` makes them, and what is open comes back as
`Opening`s. An attempt never carries a good token, so whatever lets one pass lets everybody pass.
Sources: REFUSALS 69 to 72; the table of traps in `docs/gateways.md`.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signet.probing.gateway_call import Gateway, GatewayAnswer, gateways_of
from validator_functions.verification.identity import IDENTITY_HEADERS
from validator_functions.verification.routes import OVERRIDE_HEADERS

Headers = tuple[tuple[str, str], ...]
Send = Callable[[str, str, Headers], GatewayAnswer]
"""Method, URL and headers in; raises CouldNotCheck where there is no HTTP answer."""

_REFUSALS: Final = range(400, 600)
_FORGED: Final = "administrator"
_TOLD_BY_PROBES: Final = frozenset(
    {"signet", "time", "ready", "bundle_sha256", "settings_sha256", "environment", "service"}
)
"""What a validator tells anybody at its health address: hashes and names."""

_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
_PATHS: Final = (
    "signet-probe-no-such-path",
    "a/b/c/d",
    "%2e%2e/",
    "..%2f",
    "./",
    "/",
    "%2F",
    ";/",
    "healthz",
    "authorize",
)
_STAGE: Final = "live"
"""What `components/aws` calls the one stage of a REST API; a test compares."""
_STAGES: Final = ("prod", "test", "dev", "default", "$default", "test-invoke-stage")
_FUNCTION_PATHS: Final = (
    "",
    "api",
    "api/",
    "admin/host/status",
    "admin/functions",
    "admin/functions/authorize",
    "runtime/webhooks/durabletask",
    "API/AUTHORIZE",
)
_RUN_PATHS: Final = ("", "authorize/../", "authorized", "%61uthorize", "metrics", "debug")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One request without a good token, and why somebody would make it."""

    gateway: str
    what: str
    url: str
    method: str = "GET"
    headers: Headers = ()
    tells_health: bool = False
    """Whether this address may answer 200 with a validator's report, and nothing else."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """An attempt that was not refused."""

    attempt: Attempt
    status: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "gateway": self.attempt.gateway,
            "what": self.attempt.what,
            "method": self.attempt.method,
            "url": self.attempt.url,
            "status": self.status,
        }


def attempts(outputs: Mapping[str, Any], *, backends: Iterable[str] = ()) -> list[Attempt]:
    """Return every attempt for a stack's outputs, and for back ends' own addresses (URLs)."""
    found: list[Attempt] = []
    for gateway in gateways_of(outputs):
        found += _at_any(gateway)
        found += _OF_KIND.get((gateway.cloud, gateway.name), _nothing_more)(gateway)
    for url in backends:
        found.append(Attempt(gateway="back end", what="straight to the back end", url=url))
        found.append(
            Attempt(
                gateway="back end",
                what="straight to the back end, with made-up identity",
                url=url,
                headers=_forged_identity(),
            )
        )
    return found


def try_all(listed: Sequence[Attempt], send: Send) -> list[Opening]:
    """Make every attempt; return those that were let through.

    Raises CouldNotCheck where a gateway does not answer at all: not answering is not refusing.
    """
    openings = []
    for attempt in listed:
        answer = send(attempt.method, attempt.url, attempt.headers)
        if not is_refused(attempt, answer):
            openings.append(Opening(attempt=attempt, status=answer.status))
    return openings


def is_refused(attempt: Attempt, answer: GatewayAnswer) -> bool:
    """Whether an answer lets nobody pass. A redirect is not a refusal: it may lead past a guard."""
    if answer.status in _REFUSALS:
        return True
    return attempt.tells_health and _is_report(answer.body)


def _is_report(body: bytes) -> bool:
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return isinstance(told, dict) and told.keys() <= _TOLD_BY_PROBES


def _at_any(gateway: Gateway) -> Iterator[Attempt]:
    def attempt(what: str, url: str = gateway.url, **more: Any) -> Attempt:
        return Attempt(gateway=gateway.title, what=what, url=url, **more)

    for method in _METHODS:
        yield attempt(f"{method} without a token", method=method)
    for path in _PATHS:
        yield attempt(f"another path: {path}", _below(gateway.url, path))
    yield attempt("made-up identity headers", headers=_forged_identity())
    for header in sorted(OVERRIDE_HEADERS):
        yield attempt(f"another method or path by {header}", headers=((header, "/"),))
    yield attempt("a token in the query", f"{gateway.url}?access_token=a.b.c&token=a.b.c")
    yield attempt("a token in a cookie", headers=(("Cookie", "access_token=a.b.c"),))
    for header in ("X-Authorization", "Proxy-Authorization", "X-Forwarded-Authorization"):
        yield attempt(f"a token in {header}", headers=((header, "Bearer a.b.c"),))
    yield attempt("an empty token", headers=(("Authorization", "Bearer "),))
    yield attempt("a word for a token", headers=(("Authorization", "Bearer null"),))
    yield attempt(
        "a proxy's own headers",
        headers=(
            ("X-Forwarded-Uri", "/"),
            ("X-Forwarded-Method", "GET"),
            ("X-Original-URI", "/"),
            ("X-Original-Method", "GET"),
            ("X-Forwarded-Host", "localhost"),
            ("X-Forwarded-For", "127.0.0.1"),
        ),
    )


def _rest_stages(gateway: Gateway) -> Iterator[Attempt]:
    """Of a REST API: the same path in other stages, and paths beside the guarded one."""
    for stage in _STAGES:
        yield Attempt(
            gateway=gateway.title,
            what=f"another stage: {stage}",
            url=gateway.url.replace(f"/{_STAGE}/", f"/{stage}/", 1),
        )
    above = gateway.url.rpartition("/")[0]
    for what, url in (("the path above", above), ("a path beside", f"{above}/other")):
        yield Attempt(gateway=gateway.title, what=what, url=url)


def _function_app(gateway: Gateway) -> Iterator[Attempt]:
    root = _root(gateway.url)
    for path in _FUNCTION_PATHS:
        yield Attempt(gateway=gateway.title, what=f"the app's /{path}", url=f"{root}/{path}")
    yield Attempt(gateway=gateway.title, what="health", url=f"{root}/api/health", tells_health=True)
    for alone in ("x-signet-original-method", "x-signet-original-path"):
        yield Attempt(
            gateway=gateway.title, what=f"only {alone}", url=gateway.url, headers=((alone, "/"),)
        )


def _cloud_run(gateway: Gateway) -> Iterator[Attempt]:
    root = _root(gateway.url)
    for path in _RUN_PATHS:
        yield Attempt(gateway=gateway.title, what=f"the service's /{path}", url=f"{root}/{path}")
    for path in ("health", "healthz"):
        yield Attempt(
            gateway=gateway.title, what=f"/{path}", url=f"{root}/{path}", tells_health=True
        )


def _nothing_more(_gateway: Gateway) -> Iterator[Attempt]:
    return iter(())


_OF_KIND: Final[Mapping[tuple[str, str], Callable[[Gateway], Iterator[Attempt]]]] = {
    ("aws", "rest-token"): _rest_stages,
    ("azure", "function"): _function_app,
    ("gcp", "forward-auth"): _cloud_run,
}


def _forged_identity() -> Headers:
    return tuple((header, _FORGED) for header in IDENTITY_HEADERS)


def _root(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _below(url: str, path: str) -> str:
    return f"{url.rstrip('/')}/{path}"
