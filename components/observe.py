"""What a run looks at before it plans: the published sets and the KMS keys, in every cloud."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from components import rings as key_rings
from components.adoption import FoundKey
from components.bounded import Answer, ask_all, wait_for
from components.collisions import ChosenName
from components.settings import Settings
from signet.documents import JWKS_PATH
from signet.errors import CouldNotCheck
from signet.key_ring import ENVIRONMENT_RING
from signet.observed import StoreReading

_SECONDS: Final = 5.0
"""A store that has not answered by then counts as unverified. `signet.rotation` relies on it."""

_KEY_SECONDS: Final = 30.0
"""Longest that listing the KMS keys may take: an environment has dozens, each asked about."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Published sets by ring and cloud, and every key that carries the environment's tags."""

    stores: Mapping[str, Mapping[str, StoreReading]]
    keys: Sequence[FoundKey]
    unlisted: Mapping[str, str] = field(default_factory=dict)
    """Clouds whose KMS keys could not be listed, with the reason."""


@dataclass(frozen=True, kw_only=True)
class CloudReader:
    """How one cloud is looked at."""

    store: Callable[[str], StoreReading]
    """Reads the published set of a ring. Raises nothing, and is bounded in time."""
    keys: Callable[[], Sequence[FoundKey]]
    """Raises CouldNotCheck: guessing could make a key twice."""
    names: Callable[[], Iterable[ChosenName]] = tuple
    """Names that this environment takes there, and that somebody else may have."""
    code: Callable[[str], str | None] = lambda _: None
    """Given the bundle's hash: raises SettingsError where validators would run another one there.

    Returns, in words, why that could not be found out.
    """


def observe(
    readers: Mapping[str, CloudReader],
    rings: Sequence[str] = (ENVIRONMENT_RING,),
    *,
    key_seconds: float = _KEY_SECONDS,
    despite_keys: bool = False,
) -> Observation:
    """Look at all clouds at once: at the stores for 5 s at most, at the keys for `key_seconds`.

    Raises CouldNotCheck where keys could not be found out; with `despite_keys` (a taint, or a
    command that changes nothing) such a cloud is named in `unlisted` instead.
    """
    keys = ask_all({cloud: reader.keys for cloud, reader in readers.items()})
    stores = ask_all(
        {
            (ring, cloud): partial(reader.store, ring)
            for ring in rings
            for cloud, reader in readers.items()
        }
    )
    begun = time.monotonic()
    wait_for(stores.values(), _SECONDS)
    found = {place: _reading(answer) for place, answer in stores.items()}
    wait_for(keys.values(), key_seconds - (time.monotonic() - begun))
    every: list[FoundKey] = []
    unlisted: dict[str, str] = {}
    for cloud, answer in keys.items():
        try:
            every += _listed(cloud, answer)
        except CouldNotCheck as error:
            if not despite_keys:
                raise
            unlisted[cloud] = error.where or error.what
    return Observation(
        stores={
            ring: {
                cloud: _as_of_now(found[ring, cloud], stores[ring, cloud].at) for cloud in readers
            }
            for ring in rings
        },
        keys=every,
        unlisted=unlisted,
    )


def _reading(answer: Answer[StoreReading]) -> StoreReading:
    try:
        return answer.result()
    except TimeoutError:
        return StoreReading("unverified", detail="it did not answer in time")


def _as_of_now(reading: StoreReading, answered: float) -> StoreReading:
    """A store's clock goes on while others are waited for; this run's clock is read after all."""
    if reading.server_time is None:
        return reading
    since = int(time.monotonic() - answered)
    return replace(reading, server_time=reading.server_time + since)


def _listed(cloud: str, answer: Answer[Sequence[FoundKey]]) -> Sequence[FoundKey]:
    if not answer.done.is_set():
        raise CouldNotCheck(
            "which signing keys exist could not be found out, and making one more might repeat one",
            where=f"{cloud}: its KMS did not answer in time",
            remedy="check the network, and run it again",
        )
    return answer.result()


def store_urls(settings: Settings) -> dict[str, str]:
    """Return the address below which each cloud's documents are read."""
    found = {"aws": settings.aws, "azure": settings.azure, "gcp": settings.gcp}
    return {cloud: store.store_url for cloud in settings.clouds if (store := found[cloud])}


def readers(settings: Settings) -> dict[str, CloudReader]:
    """Return how each cloud of the environment is looked at, for the rings of its settings."""
    made: dict[str, CloudReader] = {}
    if (aws := settings.aws) is not None:
        from components.aws.chosen_names import chosen_names
        from components.aws.key_census import find_keys
        from components.aws.readback import read_store

        made["aws"] = CloudReader(
            store=lambda ring: read_store(aws, settings.publish, _set_path(ring)),
            keys=lambda: find_keys(aws, settings.environment),
            names=lambda: chosen_names(
                aws, token_service=settings.token_service and settings.home == "aws"
            ),
        )
    if (azure := settings.azure) is not None:
        from components.azure.chosen_names import chosen_names as chosen_azure_names
        from components.azure.key_census import find_keys as find_azure_keys
        from components.azure.readback import read_store as read_azure_store
        from components.environment import SERVICE

        made["azure"] = CloudReader(
            store=lambda ring: read_azure_store(azure, settings.publish, _set_path(ring)),
            keys=lambda: find_azure_keys(azure, settings.environment),
            names=lambda: chosen_azure_names(
                azure,
                settings.environment,
                SERVICE,
                keys=settings.home == "azure",
                token_service=settings.token_service and settings.home == "azure",
            ),
        )
    if (gcp := settings.gcp) is not None:
        from components.gcp.chosen_names import chosen_names as chosen_gcp_names
        from components.gcp.image import refuse_another_bundle
        from components.gcp.key_census import find_keys as find_gcp_keys
        from components.gcp.readback import read_store as read_gcp_store

        made["gcp"] = CloudReader(
            store=lambda ring: read_gcp_store(gcp, settings.publish, _set_path(ring)),
            keys=lambda: [
                key
                for ring in key_rings.names_of(settings)
                for key in find_gcp_keys(gcp, settings.environment, ring)
            ],
            names=lambda: chosen_gcp_names(
                gcp,
                token_service=settings.token_service and settings.home == "gcp",
                source=gcp.keeps_source(token_service=settings.token_service),
            ),
            code=lambda bundle: refuse_another_bundle(gcp, bundle) if gcp.image else None,
        )
    return made


def _set_path(ring: str) -> str:
    return key_rings.document_path(ring, JWKS_PATH)
