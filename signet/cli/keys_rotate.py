"""Let the staged key take over now, before its time, if every cache has had time to learn of it.

Refused with the time that is left where it has not. With `--emergency` the staged key signs at
once: caches that do not hold it yet refuse its tokens, and the plan says for how long. The old key
stays published, so that its tokens live on; `signet keys taint` withdraws a key that is lost.
"""

import argparse

from signet.cli import stacks

EXAMPLE = """\
examples:
  signet keys rotate prod --reason "before the holidays"
  signet keys rotate prod --emergency --reason OPS-7
"""


def declare(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the action."""
    from signet.cli import keys

    keys.add_acting(parser)
    parser.add_argument(
        "--emergency", action="store_true", help="do not wait for caches; says what that breaks"
    )


def run(args: argparse.Namespace) -> int:
    """Rotate. Exit code 1 when the rules hold it back."""
    from signet.cli import key_request, keys_look
    from signet.rotation_plan import Request

    known = keys_look.known(stacks.existing_stack(args.stack, start_sandbox=True, quiet=args.json))
    ring = known.ring(args.ring).name
    request = Request.rotate_emergency(ring) if args.emergency else Request.rotate(ring)
    return key_request.run_request(args, known, request)
