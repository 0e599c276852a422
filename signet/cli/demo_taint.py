"""The taint of `signet demo --rotation`: the real command, watched from outside."""

import argparse
import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signet.cli import issuing_record, output
from signet.errors import RunFailed, SignetError
from signet.key_ring import ENVIRONMENT_RING
from signet.rotation_plan import command

if TYPE_CHECKING:
    from signet.cli.demo_rotation import Issuer
    from signet.cli.keys_look import Known
    from signet.engine.stack import EngineStack
    from signet.probing.refusal_times import Cuttable, Measured
    from signet.probing.traffic import Check, Traffic
    from validator_functions.verification.key_source import KeySource

_REASON = "signet demo --rotation"
_OK = 200

_SETTLED = 2.0
"""Seconds for which a gateway has to refuse on end."""
_LONGEST = 120.0
_MARGIN = 5.0
"""Seconds beyond a promise for which a refusal is waited for: a late one is told as late."""


@dataclass(frozen=True, kw_only=True)
class _Wait:
    """One refusal that is waited for."""

    cloud: str
    way: str
    refused: Callable[[], bool]
    limit: float
    settled: float = 0.0


class TaintMeasure:
    """Taints the active key, and measures how soon each cloud refuses it, each of three ways."""

    def __init__(
        self, stack: "EngineStack", issuer: "Issuer", checks: "Mapping[str, Check]"
    ) -> None:
        self._stack = stack
        self._issuer = issuer
        self._checks = checks
        self._took: dict[tuple[str, str], float | None] = {}

    def run(self, traffic: "Traffic", *, quiet: bool) -> "list[Measured]":
        """Do it. Raises RunFailed when the taint itself does not come to its end."""
        from signet.cli import denial_run, keys_look, keys_taint
        from signet.probing.refusal_times import Measured

        known = keys_look.known(self._stack)
        token = self._issuer.issue()
        target = keys_taint.target_of(known, known.ring(ENVIRONMENT_RING), token.kid)
        cut = _isolated(known, token.kid)
        if not quiet:
            line = command(self._stack.name, ENVIRONMENT_RING, "taint", token.kid)
            output.say(line, style="strong")
        traffic.except_for(token.kid)
        waits = self._waits(known, token.token, token.kid, cut)
        begun = time.monotonic()
        for _, fetcher in cut.values():
            fetcher.cut = True
        threads = [
            threading.Thread(target=self._time, args=(begun, wait), daemon=True) for wait in waits
        ]
        for thread in threads:
            thread.start()
        taint = denial_run.DenialRun(_options(self._stack.name), known, target)
        taint.act()
        for thread in threads:
            thread.join()
        if remains := taint.remains():
            raise RunFailed("the taint did not come to its end", details=remains)
        return [
            Measured(
                cloud=cloud,
                store_reachable=self._took.get((cloud, "store")),
                redeployed=self._took.get((cloud, "run")),
                out_of_contact=self._took.get((cloud, "cut")),
            )
            for cloud in sorted(self._checks)
        ]

    def _time(self, begun: float, wait: _Wait) -> None:
        from signet.probing.refusal_times import until

        took = until(wait.refused, begun, wait.limit, settled=wait.settled)
        self._took[(wait.cloud, wait.way)] = took

    def _waits(
        self,
        known: "Known",
        token: str,
        kid: str,
        cut: "Mapping[str, tuple[KeySource, Cuttable]]",
    ) -> list[_Wait]:
        from signet.denial import refusal_times
        from signet.probing.refusal_times import refuses

        promised = refusal_times(known.ring(ENVIRONMENT_RING).in_force(known.settings.timings))
        waits = []
        for cloud, check in self._checks.items():
            source = cut[cloud][0]
            waits += [
                _Wait(
                    cloud=cloud,
                    way="store",
                    refused=functools.partial(_turned_away, check, token),
                    limit=promised.store_reachable + _MARGIN,
                    settled=_SETTLED,
                ),
                _Wait(
                    cloud=cloud,
                    way="cut",
                    refused=functools.partial(refuses, source, source.issuer, kid, time.time),
                    limit=promised.out_of_contact + _MARGIN,
                ),
                _Wait(
                    cloud=cloud,
                    way="run",
                    refused=functools.partial(self._deployed_without, kid, cloud),
                    limit=_LONGEST,
                ),
            ]
        return waits

    def _deployed_without(self, kid: str, cloud: str) -> bool:
        """Whether a complete run confirms that the cloud's validators run without the key."""
        found = issuing_record.read(self._stack)
        if found.journal is None or found.confirmed is None:
            return False
        denied = kid in found.journal.rings[ENVIRONMENT_RING].denied
        whole = found.confirmed.journal_digest == found.journal.digest
        reports = [r for n, r in found.confirmed.validators.items() if n.endswith(f"-{cloud}")]
        return denied and whole and all(report.agrees for report in reports)


def _turned_away(check: "Check", token: str) -> bool:
    try:
        return check(token) != _OK
    except SignetError:
        return True


def _isolated(known: "Known", kid: str) -> "dict[str, tuple[KeySource, Cuttable]]":
    """Return, for each cloud, an instance of the verification module that has just been in contact.

    It runs here: a deployed function cannot be cut off from its store alone. Its keys come from the
    set that the cloud publishes, which is what a validator is deployed with.
    """
    from components.observe import store_urls
    from signet.documents import JWKS_PATH
    from signet.probing.refusal_times import Cuttable, refuses
    from validator_functions.verification.fetch import HttpFetcher
    from validator_functions.verification.key_source import KeySource
    from validator_functions.verification.keys import KeySet
    from validator_functions.verification.refresh_timing import Timing
    from validator_functions.verification.ring_source import RingSource

    timings = known.settings.timings
    made = {}
    for cloud, store in store_urls(known.settings).items():
        url = f"{store}/{JWKS_PATH}"
        fetcher = Cuttable(HttpFetcher(loopback_http=known.settings.in_sandbox))
        source = KeySource(
            RingSource(
                issuer=known.settings.issuer,
                urls=[url],
                deployed=KeySet.parse(fetcher(url, etag=None, timeout=5.0).body),
                fixed=True,
                timing=Timing(
                    max_age=timings.jwks_max_age,
                    ceiling=timings.cache_ceiling,
                    stale=timings.stale_if_error,
                ),
            ),
            fetcher,
        )
        if refuses(source, known.settings.issuer, kid, time.time):
            raise RunFailed(f"{cloud}: the key to be tainted is refused already", where=url)
        made[cloud] = (source, fetcher)
    return made


def _options(stack: str) -> argparse.Namespace:
    return argparse.Namespace(
        stack=stack,
        ring=ENVIRONMENT_RING,
        reason=_REASON,
        no_up=False,
        target=[],
        wait=600.0,
        break_lock=False,
        yes=True,
        verbose=False,
        json=True,
    )
