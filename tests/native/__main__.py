"""Puts tokens to every reader of the published documents; prints and writes the table.

python -m tests.native
"""

import sys

from signet.paths import repo_root

from .issuer import published
from .page import page, render
from .readers import read_by_all


def main() -> int:
    """Exit code 1 where our own verdict is wrong, or anybody refuses a good token of RS256."""
    with published() as issuer:
        tokens, found, missing = read_by_all(issuer)
    text = render(tokens, found)
    sys.stdout.write(text)
    wrong = [each.name for each in tokens if found["Signet"][each.name] != each.good]
    wrong += [
        f"{name}: refuses a good token" for name, told in found.items() if not told[tokens[0].name]
    ]
    if wrong:
        sys.stderr.write("\n".join(["WRONG:", *wrong, ""]))
        return 1
    if missing:
        sys.stderr.write("\n".join(["skipped, so nothing is written:", *missing, ""]))
        return 0
    page(repo_root()).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
