"""Which code this is: one hash over the files of the unpacked bundle that runs.

It is the number that the program computes from the zip before it deploys it, so that what a
function says of itself is compared with what was deployed, and not a setting with itself.
"""

import os
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as in `settings`
_MARKS = ("function_app.py", "host.json")
"""Both stand at a bundle's root, and at the root of nothing else that holds this package."""

_PYC_FLAGS = slice(4, 8)
_DATED = b"\0\0\0\0"


@cache
def own_sha256(root: str = _ROOT) -> str | None:
    """The hash of the bundle at `root`, in hex; None where this code runs from no bundle.

    Some 30 milliseconds, once: asked for by probes, never on a decision's way.
    """
    if not all(os.path.isfile(f"{root}/{name}") for name in _MARKS):  # noqa: PTH113
        return None
    return tree_sha256(root)


def tree_sha256(root: str) -> str:
    """SHA-256 over a line `<sha256>  <name>` for each file, by name, as `sha256sum` prints them.

    All files count, also what somebody added, but for what a platform or Python itself may add:
    names that begin with a dot, which nothing imports, and byte code that Python holds to the date
    of its source (PEP 552: flags 0). Byte code that is taken unchecked counts.
    """
    digest = sha256()
    for name in sorted(_files(root)):
        with open(f"{root}/{name}", "rb") as file:  # noqa: PTH123
            data = file.read()
        if name.endswith(".pyc") and data[_PYC_FLAGS] == _DATED:
            continue
        digest.update(f"{sha256(data).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def _files(root: str) -> Iterator[str]:
    """Every file below `root`, by its path there, with slashes."""
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith(".")]
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in names:
            if not name.startswith("."):
                yield name if inside == "." else f"{inside}/{name}"
