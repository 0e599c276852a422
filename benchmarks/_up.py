"""One `up` of the sandbox's stack with a folder of manifests, timed: `python -m benchmarks._up`.

A process of its own, as the command is. `SIGNET_STATE_DIR` names the state folder. Prints one JSON
document: seconds of the run, and how many resources it changed.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from signet.cli import stack_run, stacks
from signet.cli.main import keep_bytecode


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", type=Path)
    parser.add_argument("--written-once", action="store_true", help="the state, at the end")
    asked = parser.parse_args()
    keep_bytecode()
    options = argparse.Namespace(
        target=[], wait=60.0, break_lock=False, refresh=False, verbose=False, json=True,
        services=asked.services,
    )  # fmt: skip
    stack = stacks.open_stack("local", start_sandbox=True, quiet=True)
    if asked.written_once:
        once = {**stack.place.environment, "PULUMI_SKIP_CHECKPOINTS": "true"}
        stack.place = dataclasses.replace(stack.place, environment=once)
    with stack_run.ready(stack, options) as ready:
        if not stack.exists():
            stack.create()
        ready.mend()
        result = ready.up()
    sys.stdout.write(json.dumps({"seconds": result.seconds, "changes": len(result.changes)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
