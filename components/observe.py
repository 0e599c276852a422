"""What a run looks at before it plans: the published sets and the KMS keys, in every cloud."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from components.adoption import FoundKey
from components.settings import ENVIRONMENT_RING, Settings
from signet.observed import StoreReading

_SECONDS: Final = 6.0
"""A store that has not answered by then counts as unverified."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Published sets by ring and cloud, and every key that carries the environment's tags."""

    stores: Mapping[str, Mapping[str, StoreReading]]
    keys: Sequence[FoundKey]


@dataclass(frozen=True, kw_only=True)
class CloudReader:
    """How one cloud is looked at."""

    store: Callable[[], StoreReading]
    """Raises nothing, and is bounded in time."""
    keys: Callable[[], Sequence[FoundKey]]
    """Raises CouldNotCheck: guessing could make a key twice."""


def observe(readers: Mapping[str, CloudReader]) -> Observation:
    """Look at all clouds at once. Raises CouldNotCheck where keys could not be found out."""
    pool = ThreadPoolExecutor(max_workers=max(1, 2 * len(readers)))
    try:
        stores = {cloud: pool.submit(reader.store) for cloud, reader in readers.items()}
        keys = {cloud: pool.submit(reader.keys) for cloud, reader in readers.items()}
        found: dict[str, StoreReading] = {}
        for cloud, pending in stores.items():
            try:
                found[cloud] = pending.result(timeout=_SECONDS)
            except TimeoutError:
                found[cloud] = StoreReading("unverified", detail="it did not answer in time")
        every = [key for pending in keys.values() for key in pending.result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Observation(stores={ENVIRONMENT_RING: found}, keys=every)


def readers(settings: Settings) -> dict[str, CloudReader]:
    """Return how each cloud of the environment is looked at."""
    made: dict[str, CloudReader] = {}
    if (aws := settings.aws) is not None:
        from components.aws.key_census import find_keys
        from components.aws.readback import read_store

        made["aws"] = CloudReader(
            store=lambda: read_store(aws, settings.publish),
            keys=lambda: find_keys(aws, settings.environment),
        )
    if (azure := settings.azure) is not None:
        from components.azure.key_census import find_keys as find_azure_keys
        from components.azure.readback import read_store as read_azure_store

        made["azure"] = CloudReader(
            store=lambda: read_azure_store(azure, settings.publish),
            keys=lambda: find_azure_keys(azure, settings.environment),
        )
    if (gcp := settings.gcp) is not None:
        from components.gcp.key_census import find_keys as find_gcp_keys
        from components.gcp.readback import read_store as read_gcp_store

        made["gcp"] = CloudReader(
            store=lambda: read_gcp_store(gcp, settings.publish),
            keys=lambda: find_gcp_keys(gcp, settings.environment, ENVIRONMENT_RING),
        )
    return made
