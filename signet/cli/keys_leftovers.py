"""List KMS keys that carry this environment's tags and that nothing records: a run that was killed
made them. They cost money, and whoever may sign with a ring's keys may sign with them, although no
validator accepts that. `--remove` gives them up to the KMS, whose own waiting time then begins.

A key that an interrupted run made for a generation that still needs one is not listed: the next
`signet up` adopts it.
"""

import argparse
from typing import TYPE_CHECKING, Any

from signet.cli import output, stacks
from signet.errors import CouldNotCheck, RunFailed

if TYPE_CHECKING:
    from components.adoption import FoundKey
    from signet.cli.keys_look import Look
    from signet.engine.stack import EngineStack

EXAMPLE = """\
examples:
  signet keys leftovers prod
  signet keys leftovers prod --remove --reason OPS-9
"""


def declare(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the action."""
    from signet.cli import keys

    keys.add_acting(parser, ring=None)
    parser.add_argument(
        "--remove", action="store_true", help="give them up to the KMS, after asking"
    )


def run(args: argparse.Namespace) -> int:
    """List leftovers, or remove them. Exit code 3 where a cloud did not list its keys."""
    stack = stacks.existing_stack(args.stack, start_sandbox=True, quiet=args.json)
    return _remove(args, stack) if args.remove else _list(args, stack)


def _list(args: argparse.Namespace, stack: "EngineStack") -> int:
    seen = _look(stack, quiet=args.json)
    found = leftovers(seen, args.ring)
    unlisted = dict(seen.seen.unlisted)
    if args.json:
        output.emit_json({"leftovers": [_told(key) for key in found], "not_listed": unlisted})
    else:
        _show(found, args.ring)
        for cloud, why in sorted(unlisted.items()):
            output.say(f"not checked: {cloud}: {why}", style="warn")
    return 3 if unlisted else 0


def _remove(args: argparse.Namespace, stack: "EngineStack") -> int:
    """Remove what is listed while no run is under way: a key just made looks like a leftover."""
    from components.break_glass import hands
    from signet.cli import stack_run

    with stack_run.ready(stack, args) as ready:
        ready.mend()
        if stack_run.unsettled(stack):
            raise RunFailed(
                f"a run of {stack.name} died and is not settled, so its keys look like leftovers",
                remedy=f"run `signet up {stack.name}` first: it adopts them",
            )
        seen = _look(stack, quiet=args.json)
        found = leftovers(seen, args.ring)
        if not args.json:
            _show(found, args.ring)
        if found:
            output.confirm(f"Give up these {len(found)} keys?", yes=args.yes)
        made = hands(seen.known.settings)
        days = seen.known.settings.kms_deletion_days
        told, failed = [], 0
        for key in found:
            try:
                how = made[key.cloud].remove_key(key, days)
            except CouldNotCheck as error:
                failed += 1
                how = f"is NOT removed: {error.where} ({error.remedy})"
            else:
                _write_down(args, seen, key)
            told.append({**_told(key), "result": how})
            if not args.json:
                output.say(f"{key.cloud}: {key.id} {how}")
    if args.json:
        output.emit_json({"removed": told})
    return 3 if failed else 0


def leftovers(seen: "Look", ring: str | None) -> list["FoundKey"]:
    """Return the ring's keys, or every ring's, that nothing records and nothing publishes.

    Raises RunFailed where the record is not to be trusted: a key may then only look unrecorded.
    """
    plan = seen.planned.plan
    if plan.stopped:
        raise RunFailed(
            "the record cannot be relied on now, so what it does not know may be in use",
            details=[stop.text for stop in plan.stops],
            remedy="settle what each line says first; `signet keys status` shows how things stand",
        )
    confirmed = seen.known.record.confirmed
    known = {
        each
        for resources in (confirmed.key_resources.values() if confirmed is not None else ())
        for resource in resources.values()
        for each in (resource.id, resource.id.rpartition("/")[2])
    }
    return [
        key
        for key in seen.planned.adoption.leftovers
        if ring in (None, key.ring) and key.id not in known
    ]


def _look(stack: "EngineStack", *, quiet: bool) -> "Look":
    from signet.cli import keys_look

    known = keys_look.known(stack)
    with output.progress("asking every cloud", quiet=quiet):
        return keys_look.look(known)


def _show(found: list["FoundKey"], ring: str | None) -> None:
    from signet.timings import moment

    if not found:
        whose = f"the ring {ring}" if ring else "every ring"
        output.say(f"every KMS key of {whose} is recorded", style="good")
        return
    rows = [
        (k.cloud, k.ring, k.id, k.generation or "?", k.status, moment(k.created_at)) for k in found
    ]
    output.print_table(
        "KMS keys that nothing records", ["cloud", "ring", "key", "gen", "state", "made"], rows
    )


def _told(key: "FoundKey") -> dict[str, Any]:
    return {
        "cloud": key.cloud,
        "id": key.id,
        "ring": key.ring,
        "generation": key.generation,
        "status": key.status,
        "created_at": key.created_at,
    }


def _write_down(args: argparse.Namespace, seen: "Look", key: "FoundKey") -> None:
    from components import key_audit
    from signet.key_events import Origin

    around = seen.known.surroundings
    origin = Origin(stack=around.stack, actor=around.actor, reason=args.reason)
    line = origin.line(seen.now, "leftover_removed", ring=key.ring, cloud=key.cloud, key=key.id)
    key_audit.append(
        origin.stack,
        [line],
        say=output.note if around.in_pipeline else None,
        warn=lambda text: output.note(text, style="warn"),
    )
