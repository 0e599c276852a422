"""Reads a stack's own record out of its state: the journal, and what the last run confirmed.

Nothing is run. The program reads the same two resources at its start (DESIGN: "Keys and their
record"); a Stash keeps its first value as `output`, so its `input` is what counts.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from signet.confirmed import Confirmed, KeyResource
from signet.errors import CouldNotCheck
from signet.journal import Journal
from signet.strict_json import RecordError

if TYPE_CHECKING:
    from signet.engine.stack import EngineStack

_STASH = "pulumi:index:Stash"

_SIGNING_KEY = re.compile(
    r"signet:(?P<cloud>aws|azure|gcp):SigningKey::(?P<name>.+)-(?P<number>\d+)$"
)
_PREFIX = {"gcp": "gcp-"}
"""By cloud: what stands before the ring's name in that of a signing key."""

_RESOURCE = {"aws": "arn", "azure": "keyUri", "gcp": "versionName"}
"""By cloud: the output of its signing key that issuers know the KMS key by."""


def read(stack: "EngineStack") -> tuple[Journal | None, Confirmed | None]:
    """Return the stack's journal and its last completely applied confirmation; None for neither.

    Raises RunFailed when the state is out of reach, CouldNotCheck when the record is not ours.
    """
    return of_deployment(stack.export())


def of_deployment(deployment: Mapping[str, Any]) -> tuple[Journal | None, Confirmed | None]:
    """Return the record that a deployment holds; see `read`."""
    journal = _stashed(deployment, "journal")
    confirmed = _stashed(deployment, "confirmed")
    try:
        return (
            None if journal is None else Journal.parse(journal),
            None if confirmed is None else Confirmed.parse(confirmed),
        )
    except RecordError as error:
        raise CouldNotCheck(
            f"the stack's record cannot be read: {error}",
            remedy="use the version of signet that wrote it, or a newer one",
        ) from error


def public_keys(deployment: Mapping[str, Any]) -> list[Mapping[str, object]]:
    """Return every public key that the state's signing keys show; nothing is proven of them."""
    found = (outputs["jwk"] for _, outputs in _signing_keys(deployment))
    return [jwk for jwk in found if isinstance(jwk, dict)]


def key_resources(deployment: Mapping[str, Any], ring: str) -> dict[str, tuple[int, KeyResource]]:
    """Return, by `kid`, number and KMS key of a ring's generations as their components tell.

    For a key that an interrupted run published and did not get to confirm.
    """
    found = {}
    for urn, outputs in _signing_keys(deployment):
        named = _SIGNING_KEY.search(urn)
        jwk = outputs["jwk"]
        if named is None or not isinstance(jwk, dict):
            continue
        if named["name"] != f"{_PREFIX.get(named['cloud'], '')}{ring}":
            continue
        resource = outputs.get(_RESOURCE[named["cloud"]])
        if isinstance(resource, str) and isinstance(jwk.get("kid"), str):
            key = KeyResource(named["cloud"], resource)
            found[str(jwk["kid"])] = (int(named["number"]), key)
    return found


def _signing_keys(deployment: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in deployment.get("resources") or ():
        outputs = resource.get("outputs") or {}
        if str(resource.get("type", "")).endswith(":SigningKey") and outputs.get("jwk"):
            yield str(resource.get("urn", "")), outputs


def _stashed(deployment: Mapping[str, Any], name: str) -> str | None:
    for resource in deployment.get("resources") or ():
        if (
            resource.get("type") == _STASH
            and str(resource.get("urn", "")).endswith(f"::{name}")
            and not resource.get("delete")
        ):
            value = (resource.get("outputs") or {}).get("input")
            # Anything but text is damage, which parsing reports.
            return value if isinstance(value, str) else f"not a text: {type(value).__name__}"
    return None
