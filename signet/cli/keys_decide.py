"""Decide about what a published set says and no record explains.

`reject-denial`: a store denies a key, and that was forged: the key stays good, and every store is
rewritten. `trust-journal`: stores carry numbers that the record never gave out, and they are not
ours: the record is right, and the sets are rewritten above them. Both stop ordinary runs until an
operator has decided, because a wrong decision un-denies a key that was lost.
"""

import argparse

from signet.cli import stacks

EXAMPLE = """\
examples:
  signet keys status prod                    says which denial nobody decided
  signet keys reject-denial prod KID --reason SEC-12
  signet keys trust-journal prod --reason SEC-12
"""


def declare(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare one of the two actions."""
    from signet.cli import keys

    keys.add_acting(parser)
    if name == "reject-denial":
        parser.add_argument("kid", metavar="KID", help="the key whose denial is forged")


def run(args: argparse.Namespace) -> int:
    """Ask a run to go on from the operator's decision."""
    from signet.cli import key_request, keys_look
    from signet.rotation_plan import Request

    known = keys_look.known(stacks.existing_stack(args.stack, start_sandbox=True, quiet=args.json))
    ring = known.ring(args.ring).name
    if args.action == "trust-journal":
        request = Request.trust_journal(ring)
    else:
        request = Request.reject_denial(ring, args.kid)
    return key_request.run_request(args, known, request)
