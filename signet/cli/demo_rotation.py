"""`signet demo --rotation`: keys rotate under traffic, then one is tainted; what does a caller see?

Real runs on the stack's own interval, real gateways, tokens signed by the KMS. It ends with the
tokens that were issued, accepted and refused, and with the times to refusal after the taint.
"""

import argparse
import functools
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from signet.cli import issuing_record, output, stacks
from signet.errors import CouldNotCheck, RunFailed, SignetError
from signet.key_ring import ENVIRONMENT_RING

if TYPE_CHECKING:
    from components.planning import Planned
    from signet.cli.keys_look import Known
    from signet.engine.stack import EngineStack
    from signet.issuing.active import ActiveKey
    from signet.probing.refusal_times import Measured
    from signet.probing.traffic import Check, Issued, Tally, Traffic

_AFTER_TAINT = 8.0
"""Seconds for which traffic goes on once the taint's run is over."""


class Issuer:
    """An issuer as a service runs one: it re-reads the record within its lag, and signs by KMS."""

    def __init__(self, stack: "EngineStack", audience: str, scope: str, lag: float) -> None:
        self._stack = stack
        self._audience = audience
        self._scope = scope
        self._lag = lag
        self._read_at = float("-inf")
        self._key: ActiveKey | None = None
        self._identity: str | None = None

    def issue(self) -> "Issued":
        """Issue one token. Raises SignetError."""
        from signet.issuing.claims import TokenRequest
        from signet.issuing.issuer import issue
        from signet.probing.traffic import Issued

        key = self._current()
        now = int(time.time())
        request = TokenRequest(
            subject="signet-demo",
            audience=self._audience,
            lifetime=key.longest_lifetime,
            scopes=(self._scope,) if self._scope else (),
        )
        signer = _signer(key.cloud, key.key_reference, key.algorithm, self._identity)
        token = issue(
            signer,
            request,
            kid=key.kid,
            issuer=key.issuer,
            longest_lifetime=key.longest_lifetime,
            now=now,
            keys=lambda: _public(key.kid, signer),
        )
        return Issued(token=token, kid=key.kid, at=now, expires=now + key.longest_lifetime)

    def _current(self) -> "ActiveKey":
        from signet.issuing.active import active_key

        if self._key is None or time.monotonic() - self._read_at > self._lag:
            found = issuing_record.read(self._stack)
            self._key = active_key(self._stack.name, found.journal, found.confirmed)
            self._identity = found.identity(self._key)
            self._read_at = time.monotonic()
        return self._key


@functools.lru_cache(maxsize=16)
def _signer(cloud: str, reference: str, algorithm: str, identity: str | None) -> Any:
    from signet.issuing.signers import signer_for

    return signer_for(cloud, reference, algorithm, identity=identity)


@functools.lru_cache(maxsize=16)
def _public(kid: str, signer: Any) -> Any:
    from signet.issuing.issuer import confirmed_keys

    return confirmed_keys(signer, kid)


@dataclass
class _Runs:
    """The runs of the demo, and which key they put to work."""

    count: int = 0
    flips: int = 0
    active: int | None = None
    plans: "list[Planned]" = field(default_factory=list)


class RotationDemo:
    """One demo, from the first run to the last line."""

    def __init__(self, args: argparse.Namespace, stack: "EngineStack") -> None:
        self._args = args
        self._stack = stack
        self._begun = time.monotonic()
        self._runs = _Runs()
        self._checks: dict[str, Check] = {}
        self._period = 0
        self._shown = 0
        """How many refusals were printed."""

    def run(self) -> int:
        """Show it. Returns 1 when a good token was refused, or a promise was not kept."""
        from signet.cli import demo_taint, keys_look

        self._up()
        known = keys_look.known(self._stack)
        traffic = self._traffic(known)
        self._begun = time.monotonic()
        traffic.start()
        try:
            self._rotate(known, traffic)
            rotated = traffic.tally()
            taint = demo_taint.TaintMeasure(self._stack, self._issuer, self._checks)
            measured = taint.run(traffic, quiet=self._args.json)
            time.sleep(_AFTER_TAINT)
        finally:
            traffic.stop()
        return self._report(keys_look.known(self._stack), traffic.tally(), rotated, measured)

    # --- rotations ------------------------------------------------------------------------

    def _rotate(self, known: "Known", traffic: "Traffic") -> None:
        """Run every `upInterval`, until enough periods are over and their tokens have expired."""
        rotation = known.settings.rotation
        self._period = rotation.rotation_period
        span = self._args.periods * rotation.rotation_period
        limit = span + 4 * rotation.up_interval + rotation.rotation_period
        while True:
            due = self._begun + self._runs.count * rotation.up_interval
            self._wait(due, traffic)
            elapsed = time.monotonic() - self._begun
            if self._runs.flips >= self._args.periods and elapsed >= span:
                # The last tokens of the key before are still checked once more.
                lifetime = known.settings.timings.token_lifetime
                self._wait(time.monotonic() + lifetime, traffic)
                return
            if elapsed > limit:
                raise RunFailed(
                    f"only {self._runs.flips} rotations were made in {elapsed:.0f} s",
                    remedy="`signet keys status` says what held them back; a busy machine may",
                )
            seconds = self._up()
            self._draw(traffic, seconds)

    def _up(self) -> float:
        """Run once, as a timer would. Returns the seconds that it took."""
        from signet.cli import stack_run

        asked = stacks.Asked(reason="signet demo --rotation", tell=self._runs.plans.append)
        options = argparse.Namespace(
            target=[], wait=600.0, break_lock=False, yes=True, verbose=False, json=True
        )
        with stack_run.ready(self._stack, options) as ready:
            if not self._stack.exists():
                self._stack.create()
            ready.mend()
            seconds = ready.up(asked).seconds
        confirmed = issuing_record.read(self._stack).confirmed
        active = confirmed.active.get(ENVIRONMENT_RING) if confirmed is not None else None
        if self._runs.active is not None and active != self._runs.active:
            self._runs.flips += 1
        self._runs.active = active
        self._runs.count += 1
        return seconds

    def _wait(self, due: float, traffic: "Traffic") -> None:
        live = sys.stderr.isatty() and not self._args.json
        while (left := due - time.monotonic()) > 0:
            if live:
                sys.stderr.write(f"\r{self._line(traffic)}; next run in {left:.0f} s \x1b[K")
                sys.stderr.flush()
            time.sleep(min(1.0, left))
        if live:
            sys.stderr.write("\r\x1b[K")

    def _line(self, traffic: "Traffic") -> str:
        told = traffic.tally()
        return (
            f"{time.monotonic() - self._begun:4.0f} s: {told.issued} tokens issued, "
            f"{told.checks} checks passed, {len(told.refused)} refused"
        )

    def _draw(self, traffic: "Traffic", seconds: float) -> None:
        """Print how the ring stands after a run."""
        from signet import key_status

        if self._args.json:
            return
        plan = self._runs.plans[-1].plan
        found = issuing_record.read(self._stack)
        if found.journal is None:
            return
        rows = key_status.statuses(found.journal.rings[ENVIRONMENT_RING], plan, {}, self._period)
        output.say(f"{self._line(traffic)}; run {self._runs.count} took {seconds:.1f} s")
        refused = traffic.tally().refused
        for refusal in refused[self._shown :]:
            output.say(f"       {refusal}", style="bad")
        self._shown = len(refused)
        for step in plan.transitions:
            output.say(f"       {step}", style="good")
        for line in key_status.draw(rows, int(time.time())):
            output.say(f"       {line}")

    def _traffic(self, known: "Known") -> "Traffic":
        from signet.probing.gateway_call import call, gateways_of
        from signet.probing.traffic import Traffic

        settings = known.settings
        found = issuing_record.read(self._stack)
        checks = self._checks
        for gateway in gateways_of(found.outputs):
            checks.setdefault(gateway.cloud, functools.partial(_check, call, gateway.url))
        if not checks:
            raise CouldNotCheck(
                f"{self._stack.name} has no gateway to call",
                remedy="`signet outputs` shows them; settings decide which are made",
            )
        lag = float(settings.timings.issuer_lag)
        self._issuer = Issuer(self._stack, settings.audience, settings.required_scope, lag)
        return Traffic(self._issuer.issue, checks, time.time)

    # --- the end ---------------------------------------------------------------------------

    def _report(
        self, known: "Known", told: "Tally", rotated: "Tally", measured: "list[Measured]"
    ) -> int:
        from signet.denial import refusal_times
        from signet.probing import rotation_report

        rotation = known.settings.rotation
        report = rotation_report.RotationReport(
            seconds=time.monotonic() - self._begun,
            runs=self._runs.count,
            rotations=self._runs.flips,
            tally=told,
            unissued_while_rotating=len(rotated.unissued),
            measured=tuple(measured),
            promised=refusal_times(known.ring(ENVIRONMENT_RING).in_force(rotation.timings)),
        )
        if self._args.json:
            output.emit_json(report.document())
        else:
            output.print_table("Tokens", ["", *report.token_columns()], report.token_rows())
            output.print_table(
                "From the taint to the last token of its key that was accepted",
                report.time_columns(),
                report.time_rows(),
                caption=report.time_caption(),
            )
            for line in report.faults():
                output.say(line, style="bad")
            output.say(report.verdict(), style="bad" if report.faults() else "good")
        return 1 if report.faults() else 0


def _check(call: Any, url: str, token: str) -> int:
    return int(call(url, f"Bearer {token}").status)


def run(args: argparse.Namespace) -> int:
    """Run the demo on the stack that `args` names."""
    stack = stacks.open_stack(args.stack, start_sandbox=True, quiet=args.json)
    stacks.warm_up()
    if not args.json:
        output.say(
            f"{args.stack}: keys rotate through {args.periods} periods under traffic, then one is "
            "tainted. This takes about five minutes.",
            style="strong",
        )
    try:
        return RotationDemo(args, stack).run()
    except SignetError:
        output.note(f"`signet keys status {args.stack}` shows how its keys stand", style="faint")
        raise
