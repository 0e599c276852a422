"""Deny a key everywhere, for ever: it is lost, or may be.

First the data plane, with whatever credentials you have, without the pipeline or its lock: the KMS
key is disabled, and every published set is rewritten without the key and with it denied. Then a run
withdraws it from every validator, and the staged next key signs (or one is made). Until that run is
complete the sets are looked at again and again: a run that was under way cannot bring the key back.

KID is the key's id, or its first eight characters. Exit code 3: some cloud could not be reached;
what remains is listed, and the command can be given again.
"""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from signet.cli import output, stacks
from signet.errors import Fault, SettingsError

if TYPE_CHECKING:
    from components.denying import Target
    from signet.cli.keys_look import Known
    from signet.key_ring import KeyRing

EXAMPLE = """\
examples:
  signet keys taint prod 3kQx9GZ0 --reason INC-42
  signet keys taint prod 3kQx9GZ0 --yes --no-up     only the data plane; somebody else runs `up`
"""

_LEAST_SHOWN = 8
_WHOLE = 43
"""Length of a SHA-256 thumbprint in base64url (RFC 7638 section 3)."""


def declare(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the action."""
    from signet.cli import keys

    keys.add_acting(parser)
    parser.add_argument("kid", metavar="KID", help="the key's id, or its first 8 characters")
    parser.add_argument(
        "--no-up", action="store_true", help="only the data plane: leave the run to somebody else"
    )


def run(args: argparse.Namespace) -> int:
    """Taint a key."""
    from signet.cli import denial_run, keys_look

    known = keys_look.known(stacks.existing_stack(args.stack, start_sandbox=True, quiet=args.json))
    target = target_of(known, known.ring(args.ring), args.kid)
    if not args.json:
        _show(known, target)
    output.confirm(f"Deny {target.kid} in {known.stack.name}, for ever?", yes=args.yes)
    return denial_run.DenialRun(args, known, target).run()


def target_of(known: "Known", ring: "KeyRing", asked: str) -> "Target":
    """Return what is to be denied. Raises SettingsError where `asked` names no key for certain."""
    from components.denying import Target
    from signet.engine import record

    confirmed = known.record.confirmed
    shown = record.key_resources(known.deployment, ring.name)
    kids = {number: kid for kid, (number, _) in shown.items() if ring.generation(number)}
    resources = {kid: key for kid, (_, key) in shown.items()}
    if confirmed is not None:
        kids |= confirmed.kids.get(ring.name, {})
        for number, key in confirmed.key_resources.get(ring.name, {}).items():
            if (kid := kids.get(number)) is not None:
                resources[kid] = key
    kid = _meant(asked, ring, kids.values())
    return Target(
        ring=ring,
        kid=kid,
        kids=kids,
        key=resources.get(kid),
        public_keys=tuple(record.public_keys(known.deployment)),
    )


def _meant(asked: str, ring: "KeyRing", kids: Iterable[str]) -> str:
    known = sorted({*kids, *ring.denied})
    if asked in known or len(asked) == _WHOLE:
        return asked
    found = [kid for kid in known if len(asked) >= _LEAST_SHOWN and kid.startswith(asked)]
    if len(found) == 1:
        return found[0]
    raise SettingsError(
        [
            Fault(
                key="KID",
                value=asked,
                problem=f"names {len(found)} keys of the ring {ring.name}"
                if found
                else f"is no key of the ring {ring.name}",
                remedy="write the whole kid (43 characters); known are " + ", ".join(known),
            )
        ]
    )


def _show(known: "Known", target: "Target") -> None:
    """Say what the taint does, what it breaks, and how soon the key is refused."""
    from signet.cli import key_request, keys_look
    from signet.denial import refusal_times
    from signet.rotation_plan import Request
    from signet.timings import duration

    output.say(
        f"{known.stack.name}, key ring {target.ring.name}, key {target.kid}:", style="strong"
    )
    with output.progress("asking every cloud"):
        seen = keys_look.look(known, Request.taint(target.ring.name, target.kid))
    key_request.show(seen.planned.plan, target.ring.name)
    times = refusal_times(target.ring.in_force(known.settings.timings))
    rows = [
        ("its store can be reached", f"{duration(times.store_reachable)} after it is rewritten"),
        ("its settings are deployed again", "as soon as the run has deployed it"),
        (
            "neither",
            f"{duration(times.out_of_contact)} after its last contact, if it runs already; one "
            "that starts cold and reaches nothing has no bound",
        ),
        ("it is not ours (a native gateway, say)", f"{duration(times.foreign)} of its own cache"),
    ]
    output.print_table(
        "How soon the key is refused",
        ["a validator, where", "refuses it at the latest"],
        rows,
        caption=f"The key's last token expires {duration(times.token_lifetime)} after its KMS key "
        "is disabled, in any case.",
    )
