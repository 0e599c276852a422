"""Show each generation of a key ring: its state, its age, what happens next and when; what every
cloud publishes and when it gave it back; what a run would hold back, and what is wrong.

Nothing is changed and no lock is taken. Every cloud is asked at once, for 5 seconds at most.
Exit code: 1 when the next run would stop, 3 when a cloud could not be asked, else 0.
"""

import argparse
import time
from typing import TYPE_CHECKING, Any

from signet.cli import output, run_options, stacks

if TYPE_CHECKING:
    from signet.cli.keys_look import Look
    from signet.key_ring import KeyRing
    from signet.key_status import GenerationStatus
    from signet.rotation_evidence import Evidence

EXAMPLE = """\
examples:
  signet keys status prod
  signet keys status prod --json | jq '.generations[] | select(.state == "active") | .next'
"""

_KID_SHOWN = 12


def declare(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the action."""
    from signet.cli import keys

    run_options.add_stack(parser)
    keys.add_ring(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, and show."""
    from signet.cli import keys_look

    stack = stacks.existing_stack(args.stack, quiet=args.json)
    known = keys_look.known(stack)
    ring = known.ring(args.ring)
    begun = time.monotonic()
    with output.progress("asking every cloud", quiet=args.json):
        seen = keys_look.look(known)
    told = _Status(seen, ring, time.monotonic() - begun)
    if args.json:
        output.emit_json(told.document())
    else:
        told.show()
    return told.exit_code


class _Status:
    """One ring's status, ready to be shown in either form."""

    def __init__(self, seen: "Look", ring: "KeyRing", seconds: float) -> None:
        from signet import key_status

        self._seen = seen
        self._ring = ring
        self._seconds = seconds
        self._evidence = _evidence(seen, ring)
        self._rows = key_status.statuses(
            ring,
            seen.planned.plan,
            self._evidence.kids,
            seen.known.settings.rotation.rotation_period,
        )

    @property
    def exit_code(self) -> int:
        """3 where a cloud could not be asked, 1 where the next run would stop, else 0."""
        if self._seen.seen.unlisted or any(
            self._evidence.store(cloud).status == "unverified" for cloud in self._evidence.clouds
        ):
            return 3
        return 1 if self._seen.planned.plan.stopped else 0

    def show(self) -> None:
        """Print the tables, the drawing, and what there is to say."""
        from signet import key_status
        from signet.timings import moment

        name = self._seen.known.stack.name
        output.print_table(
            f"{name}: key ring {self._ring.name}, issuer {self._ring.issuer}",
            ["gen", "state", "kid", "age", "KMS", "next", "when"],
            [self._row(row) for row in self._rows],
        )
        for line in key_status.draw(self._rows, self._seen.now):
            output.say(f"  {line}")
        output.say(f"  {key_status.LEGEND}\n", style="faint")
        output.print_table(
            f"published, read back at {moment(self._seen.now)} in {self._seconds:.1f} s",
            ["cloud", "number", "keys", "denied", "is it what we published?", "first given back"],
            [self._cloud_row(cloud) for cloud in self._evidence.clouds],
        )
        self._say_plan()

    def _say_plan(self) -> None:
        from signet.key_ring import ENVIRONMENT_RING
        from signet.rotation_plan import command

        plan = self._seen.planned.plan
        for cloud, why in sorted(self._seen.seen.unlisted.items()):
            output.say(f"not checked: the KMS keys in {cloud}: {why}", style="warn")
        for alarm in plan.alarms:
            output.say(str(alarm), style="bad" if alarm.stop else "warn")
        for step in plan.transitions:
            if step.ring == self._ring.name:
                output.say(f"the next run: {step}")
        for hold in plan.held:
            if hold.ring == self._ring.name:
                output.say(str(hold))
        listing = command(self._seen.known.stack.name, ENVIRONMENT_RING, "leftovers")
        for key in self._seen.planned.adoption.leftovers:
            output.say(
                f"{key.cloud}: nothing records the KMS key {key.id} of the ring {key.ring} "
                f"(`{listing}`)",
                style="warn",
            )

    def _row(self, row: "GenerationStatus") -> list[object]:
        from signet.key_ring import State
        from signet.timings import duration, moment

        generation, now = row.generation, self._seen.now
        when = "" if row.at is None else f"{moment(row.at)} ({_distance(row.at - now)})"
        style = {State.ACTIVE: "good", State.TAINTED: "bad"}.get(generation.state)
        return [
            generation.number,
            (str(generation.state), style),
            (row.kid or "?")[:_KID_SHOWN],
            duration(max(0, now - generation.prepared_at)),
            f"{generation.cloud}: {self._evidence.key(generation.number).status}",
            row.next,
            when,
        ]

    def _cloud_row(self, cloud: str) -> list[object]:
        from signet.timings import moment

        found = self._evidence.store(cloud)
        if found.status != "read":
            return [cloud, "", "", "", (f"{found.status}: {found.detail}", "warn"), ""]
        same = self._evidence.as_recorded(cloud)
        verdict = ("yes", "good") if same else ("no", "warn")
        marks = [
            f"gen {g.number}: {moment(g.read_back[cloud])}"
            for g in self._ring.published
            if cloud in g.read_back
        ]
        return [
            cloud,
            found.sequence,
            len(found.kids),
            len(found.denied),
            verdict,
            "\n".join(marks),
        ]

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints. Times are epoch seconds."""
        plan = self._seen.planned.plan
        return {
            "stack": self._seen.known.stack.name,
            "ring": self._ring.name,
            "issuer": self._ring.issuer,
            "sequence": self._ring.sequence,
            "denied": sorted(self._ring.denied),
            "now": self._seen.now,
            "seconds": round(self._seconds, 2),
            "complete": self._evidence.settled,
            "generations": [self._generation(row) for row in self._rows],
            "clouds": {cloud: self._cloud(cloud) for cloud in self._evidence.clouds},
            "not_listed": dict(self._seen.seen.unlisted),
            "transitions": [str(each) for each in plan.transitions],
            "held": [
                {"generation": h.generation, "what": h.what, "why": h.why, "until": h.until}
                for h in plan.held
                if h.ring == self._ring.name
            ],
            "alarms": [{"code": str(a.code), "text": a.text, "stop": a.stop} for a in plan.alarms],
            "leftovers": [
                {"cloud": key.cloud, "id": key.id} for key in self._seen.planned.adoption.leftovers
            ],
        }

    def _generation(self, row: "GenerationStatus") -> dict[str, Any]:
        generation = row.generation
        return {
            "generation": generation.number,
            "state": str(generation.state),
            "kid": row.kid,
            "cloud": generation.cloud,
            "algorithm": generation.algorithm,
            "kms": self._evidence.key(generation.number).status,
            "prepared_at": generation.prepared_at,
            "since": row.since,
            "age": self._seen.now - generation.prepared_at,
            "read_back": dict(generation.read_back),
            "next": row.next,
            "at": row.at,
        }

    def _cloud(self, cloud: str) -> dict[str, Any]:
        found = self._evidence.store(cloud)
        return {
            "status": found.status,
            "detail": found.detail,
            "sequence": found.sequence,
            "kids": sorted(found.kids),
            "denied": sorted(found.denied),
            "as_recorded": self._evidence.as_recorded(cloud),
            "read_at": self._seen.now,
        }


def _evidence(seen: "Look", ring: "KeyRing") -> "Evidence":
    from components import adoption
    from signet.rotation_evidence import Evidence

    record = seen.known.record
    readings = adoption.readings(seen.planned.found, seen.planned.recorded, record.confirmed)
    journal, confirmed = record.journal, record.confirmed
    return Evidence(
        ring=ring,
        confirmed=confirmed,
        settled=bool(journal and confirmed and confirmed.journal_digest == journal.digest),
        clouds=seen.known.settings.clouds,
        stores=seen.seen.stores.get(ring.name, {}),
        keys=readings.get(ring.name, {}),
    )


def _distance(seconds: int) -> str:
    from signet.timings import duration

    return f"in {duration(seconds)}" if seconds >= 0 else f"{duration(-seconds)} ago"
