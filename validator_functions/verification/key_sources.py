"""All rings that one validator trusts: each issuer bound to its own key source and no other."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from .errors import SettingsError, TokenRefused
from .key_source import KeySource
from .keys import KeySet
from .reasons import Reason
from .refresh_timing import Timing
from .ring_source import KeyEvent, RefreshMode, RingSource, ignore_event

if TYPE_CHECKING:
    from .fetch import Fetcher
    from .settings import IssuerSettings, ValidatorSettings


class KeySources:
    """The `KeyProvider` of a deployed validator."""

    def __init__(self, sources: Iterable[KeySource]) -> None:
        self._by_issuer: Mapping[str, KeySource] = {source.issuer: source for source in sources}

    @classmethod
    def from_settings(
        cls,
        settings: "ValidatorSettings",
        *,
        mode: RefreshMode = RefreshMode.BACKGROUND,
        fetcher: "Fetcher | None" = None,
        environ: Mapping[str, str] = os.environ,
        wall: Callable[[], float] = time.time,
        on_event: Callable[[KeyEvent], None] = ignore_event,
    ) -> "KeySources":
        """Build what the settings name.

        Args:
            settings: of the validator.
            mode: `inline` on AWS Lambda, `background` wherever threads run between requests.
            fetcher: stands in for HTTPS in tests; None for the real one.
            environ: where a private store's identity comes from; read at each fetch.
            wall: epoch seconds, for signing requests to a private store.
            on_event: takes what operators want to know.

        Raises:
            SettingsError: an issuer without any store to ask, which could never hear of a denial.
        """
        sources: list[KeySource] = []
        faults: list[str] = []
        for issuer in settings.issuers:
            try:
                urls, own = _store(settings, issuer, environ, wall)
            except ValueError as error:
                faults.append(f"{issuer.issuer}: {error}")
                continue
            timing = settings.timing
            ring = RingSource(
                issuer=issuer.issuer,
                urls=urls,
                deployed=issuer.key_set,
                fixed=settings.trust == "deployed",
                timing=Timing(timing.jwks_max_age, timing.cache_ceiling, timing.stale_if_error),
            )
            sources.append(KeySource(ring, fetcher or own, mode=mode, on_event=on_event))
        if faults:
            raise SettingsError(faults)
        if mode is RefreshMode.INLINE:
            from .fetch import prepare

            prepare(url for source in sources for url in source.urls)
        return cls(sources)

    def __iter__(self) -> Iterator[KeySource]:
        return iter(self._by_issuer.values())

    def keyset_for(self, unverified_issuer: str | None, kid: str, now: float) -> KeySet:
        """`KeySource.keyset_for` of the ring that `unverified_issuer` selects."""
        return self._select(unverified_issuer).keyset_for(unverified_issuer, kid, now)

    async def keyset_for_async(self, unverified_issuer: str | None, kid: str, now: float) -> KeySet:
        """`KeySource.keyset_for_async` of the ring that `unverified_issuer` selects."""
        chosen = self._select(unverified_issuer)
        return await chosen.keyset_for_async(unverified_issuer, kid, now)

    def _select(self, unverified_issuer: str | None) -> KeySource:
        if unverified_issuer is None and len(self._by_issuer) == 1:
            return next(iter(self._by_issuer.values()))
        chosen = self._by_issuer.get(unverified_issuer or "")
        if chosen is None:
            raise TokenRefused(Reason.ISSUER_UNKNOWN)
        return chosen


def _store(
    settings: "ValidatorSettings",
    issuer: "IssuerSettings",
    environ: Mapping[str, str],
    wall: Callable[[], float],
) -> tuple[tuple[str, ...], "Fetcher"]:
    """Where this issuer's set is asked for, and by whom; a private store has no mirrors."""
    from .fetch import HttpFetcher

    if issuer.private_store is None:
        if not issuer.jwks_urls:
            raise ValueError("neither `jwks_urls` nor `private_store`: denials could not reach it")
        return issuer.jwks_urls, HttpFetcher(loopback_http=settings.sandbox)
    from .private_store import PrivateStore, store_headers

    store = PrivateStore.parse(issuer.private_store, loopback_http=settings.sandbox)
    headers = store_headers(store, environ, wall)
    return (store.url,), HttpFetcher(loopback_http=settings.sandbox, headers=headers)
