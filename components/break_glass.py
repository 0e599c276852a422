"""What a bad day needs of a cloud, without the engine, its state or its lock.

Each cloud's `break_glass.py` does these things with whatever credentials the person has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from components.adoption import FoundKey
from components.rings import document_path
from components.settings import Settings
from signet.documents import JWKS_PATH
from signet.key_ring import ENVIRONMENT_RING
from signet.observed import StoreReading


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a store holds, and the version of it that a write may replace."""

    reading: StoreReading
    body: bytes = b""
    version: str | None = None
    """An entity tag or a generation number; None where there is no document."""

    @property
    def judged(self) -> StoreReading:
        """The reading, with bytes that are no set of ours counted as none: they are replaced."""
        if self.reading.status == "unverified" and self.version is not None:
            return StoreReading("absent", detail=self.reading.detail)
        return self.reading


class Overtaken(Exception):
    """Somebody wrote the document after it was looked at; nothing was written."""


class BreakGlass(Protocol):
    """One cloud's data plane. Bounded in time; raises CouldNotCheck when the cloud refuses."""

    def disable_key(self, key: str) -> None:
        """Disable a KMS key, given by the cloud's own name for it, as issuers know it."""
        ...

    def remove_key(self, key: FoundKey, days: int) -> str:
        """Give up a KMS key that nothing uses, and say how; `days` is how long it can be had back.

        Azure's own retention is the vault's, and Google's the key's.
        """
        ...

    def held(self) -> Held:
        """Return what the store of the published set holds."""
        ...

    def write(self, body: str, held: Held) -> None:
        """Write the published set over exactly what is held. Raises Overtaken."""
        ...


def hands(settings: Settings, ring: str = ENVIRONMENT_RING) -> dict[str, BreakGlass]:
    """Return the data plane of every cloud of an environment, for one ring's published set."""
    path = document_path(ring, JWKS_PATH)
    cache = f"public, max-age={settings.timings.jwks_max_age}"
    made: dict[str, BreakGlass] = {}
    if settings.aws is not None:
        from components.aws.break_glass import AwsBreakGlass

        made["aws"] = AwsBreakGlass(settings.aws, cache, path)
    if settings.azure is not None:
        from components.azure.break_glass import AzureBreakGlass

        made["azure"] = AzureBreakGlass(settings.azure, cache, path)
    if settings.gcp is not None:
        from components.gcp.break_glass import GcpBreakGlass

        made["gcp"] = GcpBreakGlass(settings.gcp, cache, path)
    return made


def readings(held: Mapping[str, Held]) -> dict[str, StoreReading]:
    """Return what the stores hold, by cloud, as a denial is computed from it."""
    return {cloud: each.judged for cloud, each in held.items()}
