"""The labels by which everything of an environment is found again. Pure.

Google's label keys take no colon, and key versions no labels at all: their generation is told by
the record, and for one that no record knows by its order among its key's versions.
"""

from typing import Final

ENVIRONMENT: Final = "signet-environment"
RING: Final = "signet-ring"


def environment_labels(environment: str) -> dict[str, str]:
    """Return the labels of every resource of an environment that can carry any."""
    return {ENVIRONMENT: environment}


def ring_labels(environment: str, ring: str) -> dict[str, str]:
    """Return the labels of the key whose versions are a ring's generations."""
    return {**environment_labels(environment), RING: ring}
