"""Where a validator's keys come from: what was deployed, and what its stores publish.

One `KeySource` serves one issuer's ring. Its promises:

1. A known `kid` never waits, except on the first decision of an instance and when the last contact
   is older than A + C (a thawed function): then for one attempt, at most `patience` seconds.
2. One fetch at a time. No lock is held while fetching; the fast path takes none at all.
3. Failures and unknown `kid`s back off, each on its own; a flood of unknown `kid`s costs bounded
   fetches and bounded waiting threads, and known keys do not notice it.
4. Contact is dated by when its fetch started, so an answer that a frozen function finds in its
   socket hours later is as old as it is. Without contact for longer than E: `keys_stale`.
5. What a set may change is `trusted_keys`' business, when to ask is `refresh_timing`'s; this module
   only joins them. Clock, randomness, fetcher and thread are injected.

`docs/key-source.md` draws the states.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from random import random as system_random
from typing import TYPE_CHECKING

from ._frozen import Frozen
from .attempt import Attempt, deferring, wait_or_defer
from .errors import KeysUnavailable, SettingsError, TokenRefused
from .keys import KeySet
from .reasons import Reason
from .refresh_timing import Moment
from .ring_source import KeyEvent, RefreshMode, RingSource, ignore_event
from .trusted_keys import ALARMS, Outcome, TrustedKeys

if TYPE_CHECKING:
    from .fetch import Fetched, Fetcher

__all__ = ["KeyEvent", "KeySource", "RefreshMode", "RingSource"]

_ABANDONED_AFTER = 10.0
"""Seconds after which a fetch that reported nothing is given up: it hangs in name resolution, its
thread was lost in a fork, or the function was frozen. A late answer still counts, by its date."""
_NOT_MODIFIED = 304


class _View(Frozen):
    """What the fast path reads: replaced as a whole, so that no reader needs the lock."""

    __slots__ = ("contact", "contacted", "keys", "refresh_after")
    keys: KeySet
    contact: Moment | None
    contacted: bool
    refresh_after: float

    def __init__(
        self, keys: KeySet, contact: Moment | None, *, contacted: bool, refresh_after: float
    ) -> None:
        self._fill(keys=keys, contact=contact, contacted=contacted, refresh_after=refresh_after)


def start_thread(work: Callable[[], None]) -> None:
    """Run `work` on a daemon thread, which never keeps a process from ending."""
    threading.Thread(target=work, name="signet-keys", daemon=True).start()


class KeySource:
    """One ring's keys, kept current. Thread-safe; for asyncio see `keyset_for_async`.

    Args:
        source: where the keys come from.
        fetcher: brings a published set (`fetch.HttpFetcher`).
        clock: seconds that only grow.
        random: from 0 up to 1, for jitter.
        spawn: runs a fetch beside the caller.
        mode: whether threads run between requests.
        on_event: takes what operators want to know; what it raises is ignored.
    """

    def __init__(
        self,
        source: RingSource,
        fetcher: "Fetcher",
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = system_random,
        *,
        spawn: Callable[[Callable[[], None]], None] = start_thread,
        mode: RefreshMode = RefreshMode.BACKGROUND,
        on_event: Callable[[KeyEvent], None] = ignore_event,
    ) -> None:
        self.issuer = source.issuer
        self._source = source
        self._timing = source.timing
        self._fetcher = fetcher
        self._clock = clock
        self._random = random
        self._spawn = spawn
        self._mode = mode
        self._on_event = on_event
        self._lock = threading.Lock()
        self._trusted = TrustedKeys.start(
            source.deployed, fixed=source.fixed, sequenced=not source.profile.foreign
        )
        self._view = _View(self._trusted.keys, None, contacted=False, refresh_after=0.0)
        self._born = clock()
        self._attempt: Attempt | None = None
        self._last_attempt: Moment | None = None
        self._failures = 0
        self._failed: Moment | None = None
        self._failure_backoff = 0.0
        self._misses = 0
        self._missed: Moment | None = None
        self._unknown_backoff = 0.0
        self._etags: dict[str, tuple[str, KeySet]] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the published set is asked for, in order."""
        return self._source.urls

    @property
    def sequence(self) -> int | None:
        """The sequence of the set in force, for logs and health answers."""
        return self._trusted.sequence

    def contact_age(self, now: float) -> float:
        """Seconds since the last contact with a store, or since this instance began."""
        return self._age(self._view, self._clock(), now)

    def keyset_for(self, unverified_issuer: str | None, kid: str, now: float) -> KeySet:
        """The set to verify with, for a token that claims `kid`.

        Args:
            unverified_issuer: what the token claims, or None where only one issuer is trusted.
            kid: the token's; unverified too, and only ever compared.
            now: epoch seconds.

        Raises:
            TokenRefused: `issuer_unknown`, another ring's issuer.
            KeysUnavailable: `keys_stale` after E without contact; `keys_unavailable` where an
                unknown `kid` could not be looked up.
        """
        if unverified_issuer is not None and unverified_issuer != self.issuer:
            raise TokenRefused(Reason.ISSUER_UNKNOWN)
        view = self._view
        contact, fresh_for = view.contact, view.refresh_after
        if (
            contact is not None
            and view.contacted
            # `Moment.until`, and `kid in view.keys`, without the calls: every decision comes by.
            and self._clock() - contact.monotonic <= fresh_for
            and now - contact.wall <= fresh_for
            and view.keys.get(kid) is not None
        ):
            return view.keys
        return self._with_care(kid, now)

    async def keyset_for_async(self, unverified_issuer: str | None, kid: str, now: float) -> KeySet:
        """`keyset_for` that never blocks the event loop: a wait is awaited instead."""
        with deferring() as deferral:
            try:
                keys = self.keyset_for(unverified_issuer, kid, now)
            except KeysUnavailable:
                if not deferral.pending:
                    raise
        if not deferral.pending:
            return keys
        await deferral.settled()
        with deferring():
            return self.keyset_for(unverified_issuer, kid, now)

    def _age(self, view: _View, monotonic: float, now: float) -> float:
        contact = view.contact
        return 0.0 if contact is None else contact.until(monotonic, now)

    def _with_care(self, kid: str, now: float) -> KeySet:
        """Everything but the fast path: first decisions, aged contact, unknown `kid`s."""
        timing = self._timing
        self._begin(now)
        view = self._view
        monotonic = self._clock()
        overdue = not view.contacted or self._age(view, monotonic, now) > timing.overdue
        seeks = not self._source.fixed and kid not in view.keys and kid not in view.keys.denied
        attempt, waits = self._consider(monotonic, now, overdue=overdue, seeks=seeks)
        if attempt is not None and waits:
            wait_or_defer(attempt, timing.patience - (self._clock() - attempt.started.monotonic))
        view = self._view
        age = self._age(view, self._clock(), now)
        if age > timing.stale:
            raise KeysUnavailable(Reason.KEYS_STALE)
        if seeks and kid not in view.keys and kid not in view.keys.denied:
            looked = view.contacted and age <= timing.overdue
            if not looked or (attempt is not None and not attempt.finished):
                raise KeysUnavailable(Reason.KEYS_UNAVAILABLE)
        return view.keys

    def _begin(self, now: float) -> None:
        """Date this instance's start on the wall clock, which only decisions bring."""
        with self._lock:
            view = self._view
            if view.contact is None:
                born = Moment(self._born, now)
                self._view = _View(view.keys, born, contacted=False, refresh_after=0.0)

    def _consider(
        self, monotonic: float, now: float, *, overdue: bool, seeks: bool
    ) -> tuple[Attempt | None, bool]:
        """Join the attempt under way or start one; answer it, and whether this decision waits."""
        started = None
        with self._lock:
            attempt = self._attempt
            if attempt is None or attempt.started.until(monotonic, now) > _ABANDONED_AFTER:
                attempt = started = self._may_start(monotonic, now, overdue=overdue, seeks=seeks)
        if started is not None:
            self._launch(started)
        if attempt is None:
            return None, False
        return attempt, (overdue and attempt.required) or (seeks and attempt.admit_seeker())

    def _may_start(
        self, monotonic: float, now: float, *, overdue: bool, seeks: bool
    ) -> Attempt | None:
        """A new attempt where backoff and mode allow one. The lock is held."""
        if not self._source.urls or not _passed(
            self._failed, self._failure_backoff, monotonic, now
        ):
            return None
        wanted = seeks and _passed(self._missed, self._unknown_backoff, monotonic, now)
        inline = self._mode is RefreshMode.INLINE
        if not (overdue or wanted) and (inline or not self._due(monotonic, now)):
            return None
        # One attempt is worth waiting for; while a store stays down, further ones run beside.
        untried = _passed(self._last_attempt, self._timing.overdue, monotonic, now)
        required = overdue and (inline or untried)
        attempt = Attempt(Moment(monotonic, now), required=required, seeking=wanted)
        self._attempt = attempt
        self._last_attempt = attempt.started
        return attempt

    def _due(self, monotonic: float, now: float) -> bool:
        view = self._view
        return self._age(view, monotonic, now) > view.refresh_after

    def _launch(self, attempt: Attempt) -> None:
        try:
            self._spawn(lambda: self._run(attempt))
        except RuntimeError as error:  # no thread can be started
            self._report("fetch_failed", "", detail=type(error).__name__)
            self._conclude(attempt, reached=False, known=self._trusted.keys.kids)

    def _run(self, attempt: Attempt) -> None:
        known = self._trusted.keys.kids
        reached = False
        try:
            reached = self._consult(attempt)
        except Exception as error:  # noqa: BLE001 - a fault of ours must end as a failed contact
            self._report("fetch_failed", "", detail=type(error).__name__)
        finally:
            self._conclude(attempt, reached=reached, known=known)

    def _conclude(self, attempt: Attempt, *, reached: bool, known: frozenset[str]) -> None:
        with self._lock:
            monotonic = self._clock()
            begun = attempt.started
            moment = Moment(monotonic, begun.wall + (monotonic - begun.monotonic))
            if reached:
                self._failures, self._failed = 0, None
            else:
                self._failures += 1
                self._failed = moment
                self._failure_backoff = self._timing.failure_backoff(self._failures, self._random)
            if attempt.seeking:
                found = reached and bool(self._trusted.keys.kids - known)
                self._misses = 0 if found else self._misses + 1
            if attempt.seeking or reached:
                self._missed = moment
                self._unknown_backoff = self._timing.unknown_backoff(self._misses, self._random)
            if self._attempt is attempt:
                self._attempt = None
        attempt.finish()

    def _consult(self, attempt: Attempt) -> bool:
        """Ask the stores in order until one is accepted; answer whether any was."""
        urls = self._source.urls
        patience = self._timing.patience
        hurried = attempt.required or attempt.seeking
        deadline = attempt.started.monotonic + patience * (1 if hurried else len(urls))
        unconfirmed: list[tuple[str, KeySet, int | None]] = []
        for index, url in enumerate(urls):
            left = deadline - self._clock()
            if left <= 0:
                break
            # A silent store leaves time for the next one.
            share = left if index == len(urls) - 1 else min(left / 2, patience)
            answer = self._ask(url, share)
            if answer is None:
                continue
            offered, max_age = answer
            agreed = any(offered.sha256 == other.sha256 for _, other, _ in unconfirmed)
            if index and not agreed and self._adds(offered):
                unconfirmed.append((url, offered, max_age))
                continue
            if self._take(url, offered, max_age, attempt, confirmed=agreed or not index):
                return True
        return any(
            self._take(url, offered, max_age, attempt, confirmed=False)
            for url, offered, max_age in unconfirmed
        )

    def _adds(self, offered: KeySet) -> bool:
        """Whether a mirror's set holds more than this instance may take from one mirror alone."""
        return not self._source.fixed and not offered.kids <= self._trusted.known.keys()

    def _ask(self, url: str, seconds: float) -> tuple[KeySet, int | None] | None:
        """One store's set and how long it says that it stays fresh, or None; denials are taken."""
        etag, held = self._etags.get(url, (None, None))
        try:
            fetched = self._fetcher(url, etag=etag, timeout=seconds)
            offered = self._read(fetched, held)
        except SettingsError as error:
            self._report("set_refused", url, detail=error.detail, alarm=True)
            return None
        except Exception as error:  # noqa: BLE001 - whatever a fetcher raises, the next store is asked
            reason = getattr(error, "reason", type(error).__name__)
            self._report("fetch_failed", url, detail=str(reason))
            return None
        with self._lock:
            outcome = self._trusted.deny(offered)
            self._install(outcome)
        self._announce(outcome, url)
        return offered, fetched.max_age

    def _read(self, fetched: "Fetched", held: KeySet | None) -> KeySet:
        if fetched.status == _NOT_MODIFIED and held is not None:
            return held
        offered = KeySet.parse(fetched.body, profile=self._source.profile)
        if fetched.etag is None:
            self._etags.pop(fetched.url, None)
        else:
            self._etags[fetched.url] = (fetched.etag, offered)
        return offered

    def _take(
        self,
        url: str,
        offered: KeySet,
        max_age: int | None,
        attempt: Attempt,
        *,
        confirmed: bool,
    ) -> bool:
        """Offer a set to what is trusted; an accepted one is a contact, as old as its fetch."""
        with self._lock:
            outcome = self._trusted.offer(offered, confirmed=confirmed)
            self._install(outcome)
            if outcome.accepted:
                self._touch(attempt.started, max_age)
        self._announce(outcome, url)
        return outcome.accepted

    def _install(self, outcome: Outcome) -> None:
        """Replace what is trusted, and what the fast path reads. The lock is held."""
        self._trusted = outcome.state
        view = self._view
        if view.keys is not outcome.state.keys:
            self._view = _View(
                outcome.state.keys,
                view.contact,
                contacted=view.contacted,
                refresh_after=view.refresh_after,
            )

    def _touch(self, started: Moment, max_age: int | None) -> None:
        """Note a contact, unless a later one is noted already. The lock is held."""
        view = self._view
        newer = view.contact
        if view.contacted and newer is not None and newer.monotonic > started.monotonic:
            return
        fresh = self._timing.refresh_after(max_age, self._random)
        self._view = _View(self._trusted.keys, started, contacted=True, refresh_after=fresh)

    def _announce(self, outcome: Outcome, url: str) -> None:
        for change, kid in outcome.changes:
            self._report(change, url, kid=kid, alarm=change in ALARMS)

    def _report(
        self, kind: str, url: str, *, kid: str | None = None, detail: str = "", alarm: bool = False
    ) -> None:
        event = KeyEvent(
            str(kind), issuer=self.issuer, url=url, kid=kid, detail=detail, alarm=alarm
        )
        with suppress(Exception):  # a log that fails must not fail a contact
            self._on_event(event)


def _passed(moment: Moment | None, seconds: float, monotonic: float, now: float) -> bool:
    return moment is None or moment.until(monotonic, now) >= seconds
