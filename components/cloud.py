"""What the environment asks of each cloud; `components/<cloud>/cloud.py` is one of these.

The environment never names a cloud's own resources, and a cloud never names another cloud.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import pulumi

from signet.key_ring import Generation
from signet.signals import Signal, WatchedService


@dataclass(frozen=True, kw_only=True)
class KeyOrder:
    """The generations of one ring whose KMS keys this cloud is to hold."""

    ring: str
    generations: Sequence[Generation]
    adopt: Mapping[int, str] = field(default_factory=dict)
    """By generation number: the id of a key that exists and that no state records."""


@dataclass(frozen=True, kw_only=True)
class MadeKey:
    """One generation's KMS key, as a cloud made it."""

    resource_id: pulumi.Output[str]
    """The cloud's own name for it, by which issuers sign."""
    jwk: pulumi.Output[dict[str, str]] | None
    """Its public half; None once it is no longer published."""


@dataclass(frozen=True, kw_only=True)
class MadeKeys:
    """A ring's keys in one cloud, and who may sign with them there."""

    keys: Mapping[int, MadeKey]
    issuer: pulumi.Output[str]
    """The identity that an issuer takes on: a role, an identity, an account."""


@dataclass(frozen=True, kw_only=True)
class Documents:
    """What every cloud publishes for one ring, byte for byte the same."""

    ring: str
    folder: str
    """Below the store's address: empty for the environment's, else with a slash at its end."""
    jwks: pulumi.Output[str]
    discovery: pulumi.Output[str]
    leaving: bool = False
    """Whether the ring goes with its service, in this run's wake: then the documents go too."""


@dataclass(frozen=True, kw_only=True)
class GatewayOrder:
    """A service's gateway in one cloud, which the environment's settings say nothing about."""

    mode: Literal["create", "attach", "none"]
    target: str
    """What is attached to, as the cloud's part reads it."""
    backend: str
    """What stands behind a gateway that is created; empty for the demo backend."""
    audience: str
    scope: str
    """What a gateway's own check may ask for; empty for nothing."""


@dataclass(frozen=True, kw_only=True)
class ValidatorOrder:
    """One service's validator in one cloud."""

    service: str
    ring: str
    """The key ring whose tokens it takes, and no other's."""
    issuer: str
    """The `iss` of that ring."""
    bundle: Path
    bundle_sha256: str
    """Of the zip's bytes: its copies in a cloud are named by it."""
    settings: pulumi.Output[str]
    gateway: GatewayOrder | None = None
    """None: the gateways that the environment's own settings ask for."""


@dataclass(frozen=True, kw_only=True)
class MadeValidator:
    """A validator as a cloud made it, with what is reported of it."""

    expected_sha256: pulumi.Output[str]
    reported_sha256: pulumi.Output[str]
    log_group: pulumi.Output[str]
    function: pulumi.Output[str]
    urls: Mapping[str, pulumi.Output[str]]
    """Addresses to call, of the gateways that are ours."""
    attached: Mapping[str, Any]
    """For APIs that were attached to: authorizer ids and what is left to do."""
    health: pulumi.Output[str] | None = None
    """Where it tells which code and settings it is; None where only its cloud's API can ask it."""


class Cloud(Protocol):
    """One cloud of an environment. The methods are called in this order, and once each but for
    `make_keys` and `make_validator`: these are called for the environment first, then for each
    ring of a service's own and for each service.
    """

    def make_keys(self, order: KeyOrder) -> MadeKeys:
        """Declare the KMS keys of one ring."""
        ...

    def make_validator(self, order: ValidatorOrder) -> MadeValidator:
        """Declare one validator and the gateways that ask it."""
        ...

    def watch(self, signals: Sequence[Signal], services: Sequence[WatchedService]) -> Sequence[str]:
        """Declare alarms on the lines of the validators so far, and return the alarms' names.

        `signals` are the environment's; `services` have some of their own, and contacts to tell.
        """
        ...

    def publish(self, documents: Sequence[Documents]) -> None:
        """Declare the store and the documents of every ring."""
        ...

    def store_url(self) -> str:
        """Return the address below which this cloud's documents are read."""
        ...

    def private_store(self, ring: str) -> Mapping[str, str] | None:
        """Return how a validator reads a ring's set in its own cloud's private store.

        None if the store is public.
        """
        ...

    def finish(self) -> None:
        """Register the component's outputs; nothing may be declared after it."""
        ...


class CloudPart(pulumi.ComponentResource):
    """The base of the three clouds' parts: everything of `Cloud` that is the same in each."""

    def __init__(
        self,
        kind: str,
        name: str,
        provider: pulumi.ProviderResource,
        store_url: str,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        """`kind` is the type token; everything below uses `provider`."""
        own = pulumi.ResourceOptions(providers=[provider])
        super().__init__(kind, name, None, pulumi.ResourceOptions.merge(opts, own))
        self._store_url = store_url

    def store_url(self) -> str:
        """Return the address below which this cloud's documents are read."""
        return self._store_url

    def finish(self) -> None:
        """Register the outputs."""
        self.register_outputs({"storeUrl": self._store_url})

    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)
