"""Validators of the simulation that run the real ``KeySource``, over real published sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signet.documents import jwk_from_pem, render_jwks
from tests.simulation.consumers import Consumer, Mode, Settings, Verdict
from tests.simulation.documents import Store
from validator_functions.verification.errors import KeysUnavailable
from validator_functions.verification.fetch import FailureReason, Fetched, FetchFailed
from validator_functions.verification.key_source import KeySource, RingSource
from validator_functions.verification.keys import KeySet
from validator_functions.verification.refresh_timing import Timing

ISSUER = "https://issuer.example/real"


@cache
def jwk(name: str) -> Mapping[str, str]:
    """A real public key for each key name of the simulation, made once."""
    del name
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return jwk_from_pem(pem.decode(), "ES256")


@cache
def rendered(sequence: int, kids: frozenset[str], denied: frozenset[str]) -> bytes:
    """The published bytes of a simulated document."""
    keys = [jwk(kid) for kid in kids]
    return render_jwks(keys, sequence, [jwk(kid)["kid"] for kid in denied]).encode()


@dataclass(slots=True)
class RealConsumer(Consumer):
    """A consumer whose key handling is the product's own; foreign ones stay simulated."""

    source: KeySource | None = None
    clock: int = 0

    def deploy(self, settings: Settings, now: int) -> None:
        Consumer.deploy(self, settings, now)
        self.source = self._new_source(KeySet.parse(json.loads(rendered(*settings.content))))
        self.clock = now
        self._decide("no key has this name", now)

    def _new_source(self, deployed: KeySet | None) -> KeySource:
        timings = self.timings
        clouds = sorted(self.stores, key=lambda cloud: cloud != self.cloud)
        return KeySource(
            RingSource(
                issuer=ISSUER,
                urls=[f"https://{cloud}.example/jwks.json" for cloud in clouds],
                deployed=deployed,
                fixed=deployed is not None,
                timing=Timing(timings.jwks_max_age, timings.cache_ceiling, timings.stale_if_error),
            ),
            self._fetch,
            lambda: float(self.clock),
            Random(self.name).random,  # noqa: S311 - a simulation wants repeatable numbers
            spawn=lambda work: work(),
        )

    def _fetch(self, url: str, *, etag: str | None, timeout: float) -> Fetched:
        del etag, timeout
        store = self.stores[url.removeprefix("https://").split(".", 1)[0]]
        if self.clock < self.cut_off_until or not store.up(self.clock):
            raise FetchFailed(FailureReason.UNREACHABLE)
        found = store.seen_at(self.clock - self.lag)
        if found is None:
            raise FetchFailed(FailureReason.STATUS_REFUSED)
        fresh = max(0, self.timings.jwks_max_age - self.lag)
        return Fetched(rendered(*found.content), fresh, None, 200, url)

    def pass_time(self, until: int, stores: Mapping[str, Store]) -> None:
        """Requests come in, and each looks up a key; the last ones before ``until`` are played."""
        if self.mode is Mode.FOREIGN:
            Consumer.pass_time(self, until, stores)
            return
        if self.source is None:
            if self.mode is Mode.DEPLOYED:
                return
            self.source = self._new_source(None)
        step = self.interval
        for at in (until - step, until):
            if at > self.clock:
                self._decide("no key has this name", at)

    def _decide(self, name: str, now: int) -> Verdict:
        assert self.source is not None
        self.clock = max(self.clock, now)
        kid = jwk(name)["kid"]
        try:
            keys = self.source.keyset_for(None, kid, float(now))
        except KeysUnavailable:
            return Verdict.UNAVAILABLE
        return Verdict.ACCEPTED if kid in keys else Verdict.REFUSED

    def decide(self, kid: str, lifetime: int, issuer: str, now: int) -> Verdict:
        if self.mode is Mode.FOREIGN or self.settings is None or self.source is None:
            return Consumer.decide(self, kid, lifetime, issuer, now)
        if lifetime > self.settings.longest or issuer != self.settings.issuer:
            return Verdict.REFUSED
        return self._decide(kid, now)
