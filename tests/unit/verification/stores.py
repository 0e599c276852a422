"""A world for key-source tests: keys, sets, stores that fail, a clock that is told."""

import base64
import json
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from validator_functions.verification.fetch import FailureReason, Fetched, FetchFailed
from validator_functions.verification.key_source import (
    KeyEvent,
    KeySource,
    RefreshMode,
    RingSource,
)
from validator_functions.verification.keys import OWN, KeySet, Profile, thumbprint
from validator_functions.verification.refresh_timing import Timing

ISSUER = "https://keys.test/ring"
OWN_STORE = "https://own.test/jwks.json"
MIRROR = "https://mirror.test/jwks.json"
OTHER_MIRROR = "https://other.test/jwks.json"
START = 1_800_000_000.0


@cache
def jwk(name: str) -> dict[str, str]:
    """A public key of its own for each name, the same within one run."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()

    def text(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()

    made = {"kty": "EC", "crv": "P-256", "x": text(numbers.x), "y": text(numbers.y)}
    return {**made, "kid": thumbprint(made), "use": "sig", "alg": "ES256"}


def kid(name: str) -> str:
    return jwk(name)["kid"]


def document(
    names: Iterable[str], sequence: int | None = None, denied: Iterable[str] = ()
) -> dict[str, Any]:
    made: dict[str, Any] = {"keys": [jwk(name) for name in names]}
    if sequence is not None:
        made["sequence"] = sequence
    made["denied"] = [kid(name) for name in denied]
    return made


def body(names: Iterable[str], sequence: int | None = None, denied: Iterable[str] = ()) -> bytes:
    return json.dumps(document(names, sequence, denied)).encode()


def key_set(
    names: Iterable[str], sequence: int | None = None, denied: Iterable[str] = ()
) -> KeySet:
    return KeySet.parse(body(names, sequence, denied))


class Stores:
    """A fetcher whose stores hold bytes, an exception, or nothing (unreachable)."""

    def __init__(self, **held: Any) -> None:
        self.held: dict[str, Any] = {}
        self.calls: list[str] = []
        self.timeouts: list[float] = []
        self.max_age: int | None = None
        self.etags = False
        self.not_modified = 0
        self.before: Callable[[str], None] = lambda _url: None
        self.lock = threading.Lock()

    def __call__(self, url: str, *, etag: str | None, timeout: float) -> Fetched:
        with self.lock:
            self.calls.append(url)
            self.timeouts.append(timeout)
        self.before(url)
        held = self.held.get(url, FetchFailed(FailureReason.UNREACHABLE))
        if isinstance(held, BaseException):
            raise held
        tag = f'"{hash(held)}"' if self.etags else None
        if tag is not None and etag == tag:
            self.not_modified += 1
            return Fetched(b"", self.max_age, None, 304, url)
        return Fetched(held, self.max_age, tag, 200, url)


class World:
    """One key source, its stores and its clock; fetches run at once unless `spawn` is given."""

    def __init__(
        self,
        *,
        deployed: KeySet | None = None,
        trust: str = "deployed",
        urls: Iterable[str] = (OWN_STORE, MIRROR, OTHER_MIRROR),
        mode: RefreshMode = RefreshMode.BACKGROUND,
        timing: Timing | None = None,
        profile: Profile = OWN,
        random: float = 0.0,
        spawn: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self.stores = Stores()
        self.monotonic = 1_000.0
        self.wall = START
        self.events: list[KeyEvent] = []
        self.spawned: list[Callable[[], None]] = []
        source = RingSource(
            issuer=ISSUER,
            urls=urls,
            deployed=deployed,
            fixed=trust == "deployed",
            profile=profile,
            timing=timing or Timing(),
        )
        self.source = KeySource(
            source,
            self.stores,
            lambda: self.monotonic,
            lambda: random,
            spawn=spawn or (lambda work: work()),
            mode=mode,
            on_event=self.events.append,
        )

    def pass_time(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    def freeze(self, seconds: float) -> None:
        """The process is frozen: only the wall clock moves."""
        self.wall += seconds

    def publish(self, *names: str, sequence: int, denied: Iterable[str] = (), at: str = "") -> None:
        made = body(names, sequence, denied)
        for url in [at] if at else [OWN_STORE, MIRROR, OTHER_MIRROR]:
            self.stores.held[url] = made

    def ask(self, name: str) -> KeySet:
        return self.source.keyset_for(ISSUER, kid(name), self.wall)

    def knows(self, name: str) -> bool:
        return kid(name) in self.ask(name)

    @property
    def fetches(self) -> int:
        return len(self.stores.calls)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]
