"""What the clouds' finders of leftovers share: when something found is ours, and how they fail."""

from collections.abc import Mapping
from typing import Any

from signet.errors import CouldNotCheck
from signet.interrupted import Wanted


def carries(found: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> bool:
    """Whether what was found bears all the tags or labels that were to be given.

    A name alone proves nothing: it may have been there before, and be somebody else's.
    """
    return bool(wanted) and all(
        (found or {}).get(key) == value for key, value in (wanted or {}).items()
    )


def unanswered(wanted: Wanted, cloud: str, said: object) -> CouldNotCheck:
    """Return the error for a cloud that does not say whether it made something."""
    return CouldNotCheck(
        f"a run that died may have made {wanted.name} ({wanted.type}), and {cloud} does not say: "
        f"{' '.join(str(said).split())}",
        remedy=f"run it again when {cloud} answers; nothing was changed",
    )
