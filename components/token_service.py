"""The token service of an environment, in its home cloud: what it is told, and what is made of it.

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
from components.settings import ENVIRONMENT_RING, Settings
from signet.confirmed import Confirmed
from signet.journal import Journal
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

    resource: pulumi.Resource
    url: pulumi.Output[str]
    log_group: pulumi.Output[str]
    function: pulumi.Output[str]
    expected_sha256: pulumi.Output[str]
    reported_sha256: pulumi.Output[str]
    bundle_sha256: str

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
            "url": self.url,
            "logGroup": self.log_group,
            "function": self.function,
            "settingsSha256": self.reported_sha256,
            "bundleSha256": self.bundle_sha256,
        }


def declare(order: TokenServiceOrder) -> MadeTokenService | None:
    """Declare the token service, where the settings ask for one."""
    if not order.settings.token_service:
        return None
    bundle = packaging.build_bundle(order.settings.python, recipe=packaging.TOKEN_SERVICE)
    return _aws(order, bundle)


def _aws(order: TokenServiceOrder, bundle: packaging.Bundle) -> MadeTokenService:
    from components.aws import names
    from components.aws.token_service import TokenService, TokenServiceArgs

    settings, environment = order.settings, order.environment
    if settings.aws is None:
        raise ValueError("AWS is asked for without its settings")
    bucket = names.used_tokens_bucket(settings.aws.bucket)
    rate = Limits().sign_per_second * (settings.token_service_instances or 1_000)
    service = TokenService(
        "token-service",
        TokenServiceArgs(
            environment=settings.environment,
            region=settings.aws.region,
            account_id=settings.aws.account_id,
            python=settings.python,
            bundle=bundle.path,
            settings=_settings(order, bundle, bucket),
            issuer_role_arns=_roles(environment),
            bucket=bucket,
            instances=settings.token_service_instances,
            per_second=rate,
            log_days=settings.log_days,
            force_destroy=settings.in_sandbox,
            endpoint=settings.aws.endpoint,
        ),
        pulumi.ResourceOptions(depends_on=[environment]),
    )
    return MadeTokenService(
        resource=service,
        url=service.url,
        log_group=service.log_group_name,
        function=service.function_name,
        expected_sha256=service.settings_sha256,
        reported_sha256=service.reported_sha256,
        bundle_sha256=bundle.sha256,
    )


def _roles(environment: Environment) -> pulumi.Output[list[str]]:
    return pulumi.Output.all(*(by["aws"] for by in environment.issuers.values() if "aws" in by))


def _settings(
    order: TokenServiceOrder, bundle: packaging.Bundle, bucket: str
) -> pulumi.Output[str]:
    environment = order.environment
    told = pulumi.Output.all(
        confirmed=environment.confirmed,
        sets=dict(environment.published_sets),
        issuers={ring: dict(by) for ring, by in environment.issuers.items()},
    )
    return told.apply(
        lambda all_: TokenServiceSettings(
            environment=order.settings.environment,
            cloud="aws",
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
            replay=bucket,
            endpoint=(order.settings.aws.endpoint or "") if order.settings.aws else "",
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
