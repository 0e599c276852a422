"""Prints the cases as JSON Lines for `signet verify --batch`; with `--expected`, their answers."""

import json
import sys

from .refusals import CASES


def main(arguments: list[str]) -> None:
    """Write one line for each case."""
    for case in CASES:
        line = (
            {"id": case.id, "status": case.status, "reason": case.reason}
            if arguments == ["--expected"]
            else case.line()
        )
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
