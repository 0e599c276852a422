"""The tags by which everything of an environment, and each key, is found again. Pure."""

from typing import Final

ENVIRONMENT: Final = "signet:environment"
RING: Final = "signet:ring"
GENERATION: Final = "signet:generation"
CLOUD: Final = "signet:cloud"
SETTINGS: Final = "signet:settings-sha256"
"""On a validator: the hash of its settings, which Azure does not tell of app settings."""


def environment_tags(environment: str) -> dict[str, str]:
    """Return the tags of every resource of an environment."""
    return {ENVIRONMENT: environment}


def key_tags(environment: str, ring: str, generation: int) -> dict[str, str]:
    """Return the tags of one signing key: they name its generation, which is never reused."""
    return {
        **environment_tags(environment),
        RING: ring,
        GENERATION: str(generation),
        CLOUD: "azure",
    }
