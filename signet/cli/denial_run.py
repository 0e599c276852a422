"""Carries a taint out: the data plane first, then the run, and the sets watched all the while."""

import argparse
import threading
import time
from typing import TYPE_CHECKING

from signet.cli import key_request, output
from signet.errors import SignetError

if TYPE_CHECKING:
    from components.denying import Outcome, Target
    from signet.cli.keys_look import Known

_EVERY = 2.0
"""Seconds between two looks at the sets, and between two tries at a cloud out of reach."""

_PATIENCE = 20.0
"""Seconds for which clouds out of reach are tried again once everything else is done."""


class DenialRun:
    """One taint, from the first disabled key to the last verified set."""

    def __init__(self, args: argparse.Namespace, known: "Known", target: "Target") -> None:
        from components.break_glass import hands
        from components.denying import Denier
        from signet.key_events import Origin
        from signet.rotation_plan import Request

        self._args = args
        self._known = known
        self._target = target
        self._request = Request.taint(target.ring.name, target.kid)
        self._denier: Denier = Denier(hands(known.settings, target.ring.name), target)
        self._origin = Origin(
            stack=known.surroundings.stack,
            actor=known.surroundings.actor,
            reason=args.reason,
            request=self._request,
        )
        self._key: Outcome | None = None
        self._sets: dict[str, Outcome] = {}
        self._said: set[tuple[str, str]] = set()
        self._done = key_request.Applied()
        self._failed: SignetError | None = None
        self._stop = threading.Event()
        self._begun = time.monotonic()

    def run(self) -> int:
        """Do all of it, and tell. Returns 0, or 3 with what remains to be done."""
        self.act()
        return self._report()

    def act(self) -> None:
        """Do all of it; `remains` tells what could not be done."""
        self._disable()
        self._assert()
        watcher = threading.Thread(target=self._watch, name="re-assert", daemon=True)
        watcher.start()
        try:
            if not self._args.no_up:
                self._done = self._up()
        except SignetError as error:
            self._failed = error
        finally:
            self._stop.set()
            watcher.join()
        self._last_tries()

    def remains(self) -> list[str]:
        """Return what remains to be done, in words."""
        told = [f"{each.cloud}: {each.text}" for each in self._open()]
        if self._failed is not None:
            told.append(f"the run: {self._failed.what}; run `signet up {self._args.stack}`")
        elif self._args.no_up:
            told.append(f"the run: `signet up {self._args.stack}` adopts the denial")
        return told

    def _disable(self) -> None:
        outcome = self._denier.disable()
        if outcome is not None:
            self._tell("key_disabled", outcome)
        self._key = outcome

    def _assert(self) -> None:
        for outcome in self._denier.assert_sets():
            self._sets[outcome.cloud] = outcome
            self._tell("set_rewritten", outcome)

    def _watch(self) -> None:
        """Look again until the run is over: one that was under way may write over the sets."""
        while not self._stop.wait(_EVERY):
            self._again()

    def _again(self) -> None:
        if self._key is not None and not self._key.done:
            self._disable()
        self._assert()

    def _up(self) -> key_request.Applied:
        from signet.cli import stack_run

        with stack_run.ready(self._known.stack, self._args) as ready:
            ready.mend()
            return key_request.apply(ready, self._request, self._args.reason)

    def _last_tries(self) -> None:
        until = time.monotonic() + _PATIENCE
        self._again()
        while self._open() and time.monotonic() < until:
            time.sleep(_EVERY)
            self._again()

    def _open(self) -> list["Outcome"]:
        steps = [self._key, *self._sets.values()]
        return [outcome for outcome in steps if outcome is not None and not outcome.done]

    def _tell(self, event: str, outcome: "Outcome") -> None:
        """Say each new thing once, and write down what was done."""
        if (outcome.cloud, outcome.text) in self._said:
            return
        self._said.add((outcome.cloud, outcome.text))
        after = time.monotonic() - self._begun
        output.note(
            f"{outcome.cloud}: {outcome.text} ({after:.1f} s)",
            style="good" if outcome.done else "bad",
        )
        if outcome.done and (event == "key_disabled" or outcome.sequence is not None):
            self._write_down(event, outcome)

    def _write_down(self, event: str, outcome: "Outcome") -> None:
        from components import key_audit

        line = self._origin.line(
            int(time.time()),
            event,
            ring=self._target.ring.name,
            kid=self._target.kid,
            cloud=outcome.cloud,
            sequence=outcome.sequence,
        )
        key_audit.append(
            self._origin.stack,
            [line],
            say=output.note if self._known.surroundings.in_pipeline else None,
            warn=lambda text: output.note(text, style="warn"),
        )

    def _report(self) -> int:
        remains = self.remains()
        told = {
            "kid": self._target.kid,
            "key_disabled": self._key.done if self._key is not None else None,
            "sets": {cloud: each.done for cloud, each in sorted(self._sets.items())},
            "remains": remains,
        }
        key_request.report(self._args, self._done, **told)
        if self._failed is not None and not self._args.json:
            output.print_error(self._failed, as_json=False)
        if remains and not self._args.json:
            output.say("\nWhat remains to be done:", style="bad")
            for line in remains:
                output.say(f"  - {line}")
            output.say("Then give the same command again: what is done is not done twice.")
        return 3 if remains else 0
