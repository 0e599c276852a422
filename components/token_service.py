"""The token service of an environment: where it runs, what it is told, and what is made of it.

It is declared after everything else of the environment: its settings hold which key signs, and a
flip reaches it last. What it reports is confirmed with the rest, so that a key whose issuer did not
hear of the flip stays published (`confirming.with_issuer`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components import packaging
from components.confirming import issuing, with_issuer
from components.environment import SERVICE, Environment
from components.settings import Settings
from signet.confirmed import Confirmed
from signet.journal import Journal
from signet.key_ring import ENVIRONMENT_RING
from signet.moved_home import memory_since
from signet.token_service import Limits, OfferedService, SigningKey, TokenServiceSettings

REPORT: Final = "token-service"
"""Its name among what reports a settings hash."""


@dataclass(frozen=True, kw_only=True)
class TokenServiceOrder:
    """What the environment knows when its token service is declared."""

    settings: Settings
    journal: Journal
    before: Confirmed | None
    """What was confirmed before this run."""
    environment: Environment
    services: Sequence[OfferedService] = ()
    """The onboarded services that name callers; the environment's own audience comes first."""


@dataclass(frozen=True, kw_only=True)
class MadeTokenService:
    """A token service as its cloud made it."""

    cloud: str
    resource: pulumi.Resource
    url: pulumi.Output[str]
    log_group: pulumi.Output[str]
    function: pulumi.Output[str]
    expected_sha256: pulumi.Output[str]
    reported_sha256: pulumi.Output[str]
    bundle_sha256: str
    """Hash of the files that run."""
    alarms: Sequence[str]
    """Names of the alarms on its lines."""

    def confirmed(
        self, environment: pulumi.Output[str], before: Confirmed | None
    ) -> pulumi.Output[str]:
        """Return the record that the run confirms, this issuer's report included."""
        return pulumi.Output.all(environment, self.expected_sha256, self.reported_sha256).apply(
            lambda told: with_issuer(
                Confirmed.parse(told[0]), before, REPORT, told[1], told[2]
            ).dumps()
        )

    def exported(self) -> dict[str, pulumi.Input[str]]:
        """Return what the stack's outputs tell of it."""
        return {
            "cloud": self.cloud,
            "url": self.url,
            "logGroup": self.log_group,
            "function": self.function,
            "settingsSha256": self.reported_sha256,
            "bundleSha256": self.bundle_sha256,
            # On AWS an invocation tells, which IAM guards.
            "health": "" if self.cloud == "aws" else self.url.apply(_health),
        }


def where(order: TokenServiceOrder) -> str:
    """Return the cloud in which it runs: that of the key which signs.

    That is the home cloud, but for an environment whose home has changed: until the first key of
    the new home signs, a service there could issue nothing.
    """
    active = order.journal.rings[ENVIRONMENT_RING].active
    return order.settings.home if active is None else active.cloud


def warn_of_move(order: TokenServiceOrder) -> None:
    """Say what a run that moves the service closes, where a rule takes tokens once."""
    offered = (*order.settings.callers, *(c for s in order.services for c in s.callers))
    names = sorted(caller.name for caller in offered if caller.once)
    if names and memory_since(order.journal.rings[ENVIRONMENT_RING]) is None:
        pulumi.log.warn(
            f"the token service moved to {where(order)}: callers that take a token `once` "
            f"({', '.join(names)}) get none until the next run. Run `signet up` once more"
        )


def _health(url: str) -> str:
    return f"{url.removesuffix('/token')}/health"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the settings say of the cloud that the service runs in."""

    cloud: str
    replay: str
    endpoint: str | None
    """The sandbox's cloud; None outside it."""
    limits: Limits


def issuers(environment: Environment, cloud: str) -> dict[str, pulumi.Output[str]]:
    """Return by ring whom a cloud lets sign, for the rings that have keys there."""
    return {ring: by[cloud] for ring, by in environment.issuers.items() if cloud in by}


def settings_text(
    order: TokenServiceOrder, bundle: packaging.Bundle, place: Place
) -> pulumi.Output[str]:
    """Return the text of the settings artefact, known once every validator is deployed."""
    environment = order.environment
    told = pulumi.Output.all(
        confirmed=environment.confirmed,
        sets=dict(environment.published_sets),
        issuers={ring: dict(by) for ring, by in environment.issuers.items()},
    )
    return told.apply(
        lambda all_: TokenServiceSettings(
            environment=order.settings.environment,
            cloud=place.cloud,
            sandbox=order.settings.in_sandbox,
            bundle_sha256=bundle.sha256,
            subject_audience=environment.issuer,
            keys=signing_keys(
                order.journal,
                Confirmed.parse(all_["confirmed"]),
                order.before,
                sets=all_["sets"],
                issuers=all_["issuers"],
            ),
            services=(_own(order.settings), *order.services),
            limits=place.limits,
            replay=place.replay,
            endpoint=place.endpoint or "",
            memory_since=memory_since(order.journal.rings[ENVIRONMENT_RING]),
        ).dumps()
    )


def _own(settings: Settings) -> OfferedService:
    return OfferedService(
        service=SERVICE,
        audience=settings.audience,
        ring=ENVIRONMENT_RING,
        callers=settings.callers,
    )


def signing_keys(
    journal: Journal,
    now: Confirmed,
    before: Confirmed | None,
    *,
    sets: Mapping[str, str],
    issuers: Mapping[str, Mapping[str, str]],
) -> dict[str, SigningKey]:
    """Return the key that signs for each ring. Pure.

    A generation whose key is not published any more (it was tainted) signs nothing: then it is the
    active one of this run.
    """
    found: dict[str, SigningKey] = {}
    for ring, number in issuing(now, before).items():
        published = {jwk["kid"]: jwk for jwk in json.loads(sets[ring])["keys"]}
        chosen = number if now.kid(ring, number) in published else now.active[ring]
        generation = journal.rings[ring].generation(chosen)
        kid = now.kid(ring, chosen)
        if generation is None or kid is None or kid not in published:
            continue
        resource = now.key_resources[ring][chosen]
        found[ring] = SigningKey(
            issuer=journal.rings[ring].issuer,
            generation=chosen,
            algorithm=generation.algorithm,
            jwk=_public(published[kid]),
            cloud=resource.cloud,
            reference=resource.id,
            identity=issuers.get(ring, {}).get(resource.cloud),
            longest_lifetime=now.token_lifetime[ring],
        )
    return found


def _public(jwk: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in jwk.items()}
