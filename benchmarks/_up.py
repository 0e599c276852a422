"""One `up` of the sandbox's stack with a folder of manifests, timed: `python -m benchmarks._up`.

A process of its own, as the command is. `SIGNET_STATE_DIR` names the state folder. Prints one JSON
document: seconds of the run, and how many resources it changed.
"""

import argparse
import json
import sys
from pathlib import Path

from signet.cli import stack_run, stacks


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", type=Path)
    folder = parser.parse_args().services
    options = argparse.Namespace(
        target=[], wait=60.0, break_lock=False, refresh=False, verbose=False, json=True,
        services=folder,
    )  # fmt: skip
    stack = stacks.open_stack("local", start_sandbox=True, quiet=True)
    with stack_run.ready(stack, options) as ready:
        if not stack.exists():
            stack.create()
        ready.mend()
        result = ready.up()
    sys.stdout.write(json.dumps({"seconds": result.seconds, "changes": len(result.changes)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
