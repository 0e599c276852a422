"""The whole trust environment: the component tree's root."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components import leaving
from components.adoption import Adoption
from components.cloud import Cloud, Documents, KeyOrder, MadeKeys, MadeValidator, ValidatorOrder
from components.confirming import Keys, checked, confirm_run, published, shown
from components.guarded import ENVIRONMENT, Guarded, environments_own
from components.guarded import of_service as guarded_service
from components.packaging import Bundle
from components.rings import document_path, folder_of, ring_of
from components.settings import Settings
from components.validator_settings import TrustedRing, ValidatorTerms, render_settings
from signet.confirmed import Confirmed
from signet.documents import JWKS_PATH, render_discovery, render_jwks
from signet.journal import Journal
from signet.key_ring import ENVIRONMENT_RING, KeyRing
from signet.service import Service
from signet.signals import WatchedService, of_service, signals
from signet.token_service import caller_members

SERVICE: Final = ENVIRONMENT
"""Name of the validator that guards the environment's own gateways."""

Made = Mapping[str, Mapping[str, MadeValidator]]
"""By service and cloud."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """What an environment is made from."""

    settings: Settings
    journal: Journal
    """The journal of this run."""
    journal_resource: pulumi.Resource
    confirmed: Confirmed | None
    """What was confirmed before this run."""
    adoption: Adoption
    bundle: Bundle
    services: Sequence[Service] = ()
    """What is onboarded here."""


class Environment(pulumi.ComponentResource):
    """Keys in their home cloud; documents, validators and gateways in every cloud."""

    issuer: str
    """The `iss` of the environment's tokens."""
    jwks_urls: Mapping[str, str]
    """Address of the published set, by cloud."""
    gateways: Mapping[str, Mapping[str, pulumi.Output[str]]]
    """Addresses to call, by cloud."""
    attached: Mapping[str, Mapping[str, Any]]
    """By cloud: APIs that were attached to, and what is left for their owners to do."""
    alarms: Mapping[str, Sequence[str]]
    """By cloud: the names of its alarms."""
    validators: Mapping[str, Mapping[str, pulumi.Input[str]]]
    """By validator (`<service>-<cloud>`): hashes, log group and function."""
    services: Mapping[str, Mapping[str, Any]]
    """By onboarded service: audience, gateways, what was attached to, and whom to tell."""
    issuers: Mapping[str, Mapping[str, pulumi.Output[str]]]
    """By ring and cloud: the identity that an issuer takes on."""
    signing_keys: pulumi.Output[dict[str, Any]]
    """By ring and generation: cloud, resource, state, algorithm and `kid`."""
    published_sets: Mapping[str, pulumi.Output[str]]
    """By ring: the text of its published set."""
    confirmed: pulumi.Output[str]
    """What this run confirms once everything is applied."""

    def __init__(
        self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:index:Environment", name, None, opts)
        self._args = args
        settings = args.settings
        ring = args.journal.rings[ENVIRONMENT_RING]
        clouds = {
            cloud: _MAKERS[cloud](settings, args.journal_resource, self)
            for cloud in settings.clouds
        }
        made = {each.name: self._keys(each, clouds) for each in self._rings()}
        keys = {each.name: _gather(each, made[each.name], args.confirmed) for each in self._rings()}
        documents = {
            each.name: self._documents(each, keys[each.name], clouds)
            for each in self._rings()
            if each.published
        }
        made_validators = self._validators(documents, clouds)
        watched = signals(
            refusals=settings.alarm_refusals, unknown_keys=settings.alarm_unknown_keys
        )
        told = [
            WatchedService(
                name=service.name,
                contact=service.contact,
                clouds=service.clouds,
                signals=of_service(service.name, watched),
            )
            for service in args.services
        ]
        self.alarms = {
            cloud: part.watch(watched, [each for each in told if cloud in each.clouds])
            for cloud, part in clouds.items()
        }
        for cloud in clouds.values():
            cloud.publish(list(documents.values()))
            cloud.finish()
        self.issuer = ring.issuer
        self.jwks_urls = {cloud: jwks_url(part) for cloud, part in clouds.items()}
        own = made_validators[SERVICE]
        self.gateways = {cloud: validator.urls for cloud, validator in own.items()}
        self.attached = {cloud: validator.attached for cloud, validator in own.items()}
        validators = {
            f"{service}-{cloud}": validator
            for service, by_cloud in made_validators.items()
            for cloud, validator in by_cloud.items()
        }
        self.validators = {
            name: self._validator_output(validator) for name, validator in validators.items()
        }
        self.services = {
            service.name: {
                **service_output(service, made_validators[service.name]),
                **self._ring_output(ring_of(service), clouds),
            }
            for service in args.services
        }
        self.issuers = {
            name: {cloud: keys.issuer for cloud, keys in by_cloud.items()}
            for name, by_cloud in made.items()
        }
        self.signing_keys = pulumi.Output.all(**keys).apply(
            lambda found: {each.name: shown(each, found[each.name]) for each in self._rings()}
        )
        self.published_sets = {name: each.jwks for name, each in documents.items()}
        self.confirmed = self._confirmed(keys, documents, validators)
        self.register_outputs({"issuer": self.issuer, "jwksUrls": self.jwks_urls})

    def _rings(self) -> list[KeyRing]:
        """Return the rings of which something exists, the environment's first."""
        return sorted(
            (ring for ring in self._args.journal.rings.values() if not ring.closed),
            key=lambda ring: (ring.name != ENVIRONMENT_RING, ring.name),
        )

    def _keys(self, ring: KeyRing, clouds: Mapping[str, Cloud]) -> dict[str, MadeKeys]:
        return {
            name: cloud.make_keys(order)
            for name, cloud in clouds.items()
            if (order := self._order(ring, name)) is not None
        }

    def _ring_output(self, ring: str, clouds: Mapping[str, Cloud]) -> dict[str, Any]:
        return {
            "ring": ring,
            "issuer": self._args.journal.rings[ring].issuer,
            "jwksUrls": {name: jwks_url(cloud, ring) for name, cloud in clouds.items()},
        }

    def _order(self, ring: KeyRing, cloud: str) -> KeyOrder | None:
        generations = [g for g in ring.generations if g.exists and g.cloud == cloud]
        if not generations:
            return None
        adopt = self._args.adoption.adopt.get(ring.name, {})
        return KeyOrder(ring=ring.name, generations=generations, adopt=adopt)

    def _documents(
        self, ring: KeyRing, keys: pulumi.Output[Keys], clouds: Mapping[str, Cloud]
    ) -> Documents:
        first = clouds[self._args.settings.clouds[0]]
        jwks_uri = jwks_url(first, ring.name)
        jwks = keys.apply(
            lambda found: render_jwks(published(ring, found), ring.sequence, ring.denied)
        )
        discovery = render_discovery(
            ring.issuer, jwks_uri, [generation.algorithm for generation in ring.published]
        )
        return Documents(
            ring=ring.name,
            folder=folder_of(ring.name),
            jwks=jwks,
            discovery=pulumi.Output.from_input(discovery),
            leaving=any(
                service.leaving and ring_of(service) == ring.name != ENVIRONMENT_RING
                for service in self._args.services
            ),
        )

    def _validators(self, documents: Mapping[str, Documents], clouds: Mapping[str, Cloud]) -> Made:
        """Declare the environment's own validators first, then each service's."""
        settings, bundle, journal = self._args.settings, self._args.bundle, self._args.journal
        guarded = [
            environments_own(settings, journal.rings[ENVIRONMENT_RING]),
            *(
                guarded_service(
                    service,
                    settings,
                    journal.rings[ring_of(service)],
                    journal.services[service.name],
                )
                for service in self._args.services
            ),
        ]

        def declared(each: Guarded, cloud: str) -> MadeValidator:
            ring = journal.rings[each.ring]
            terms = validator_terms(settings, ring, each, cloud, bundle.tree_sha256)
            return clouds[cloud].make_validator(
                ValidatorOrder(
                    service=each.name,
                    ring=ring.name,
                    issuer=ring.issuer,
                    bundle=bundle.path,
                    bundle_sha256=bundle.sha256,
                    settings=_validator_settings(terms, ring, documents[ring.name], clouds),
                    gateway=each.gateways.get(cloud),
                )
            )

        return {
            each.name: {cloud: declared(each, cloud) for cloud in each.clouds} for each in guarded
        }

    def _validator_output(self, validator: MadeValidator) -> dict[str, pulumi.Input[str]]:
        return {
            "settingsSha256": validator.reported_sha256,
            "bundleSha256": self._args.bundle.tree_sha256,
            "logGroup": validator.log_group,
            "function": validator.function,
            "health": validator.health or "",
        }

    def _confirmed(
        self,
        keys: Mapping[str, pulumi.Output[Keys]],
        documents: Mapping[str, Documents],
        validators: Mapping[str, MadeValidator],
    ) -> pulumi.Output[str]:
        own = {
            f"{service.name}-{cloud}": ring_of(service)
            for service in self._args.services
            for cloud in service.clouds
        }
        reports = {
            name: pulumi.Output.all(
                own.get(name, ENVIRONMENT_RING), made.expected_sha256, made.reported_sha256
            )
            for name, made in validators.items()
        }
        sets = {name: each.jwks for name, each in documents.items()}
        return pulumi.Output.all(keys=dict(keys), sets=sets, reports=reports).apply(
            lambda all_: confirm_run(
                self._args.journal,
                all_["keys"],
                sets=all_["sets"],
                reports={name: tuple(told) for name, told in all_["reports"].items()},
                token_lifetime=self._args.settings.timings.token_lifetime,
                before=self._args.confirmed,
            ).dumps()
        )


def _validator_settings(
    terms: ValidatorTerms, ring: KeyRing, documents: Documents, clouds: Mapping[str, Cloud]
) -> pulumi.Output[str]:
    """Return the text of one validator's settings: its own cloud's store first, then mirrors."""
    private = clouds[terms.cloud].private_store(ring.name)
    others = [other for name, other in clouds.items() if name != terms.cloud]
    stores = [] if private is not None else [clouds[terms.cloud], *others]
    urls = [jwks_url(cloud, ring.name) for cloud in stores]
    return documents.jwks.apply(
        lambda jwks: render_settings(
            terms,
            [
                TrustedRing(
                    issuer=ring.issuer,
                    ring=ring.name,
                    jwks=jwks,
                    jwks_urls=urls,
                    private_store=private,
                )
            ],
        )
    )


def service_output(service: Service, made: Mapping[str, MadeValidator]) -> dict[str, Any]:
    """Return what a stack's outputs tell of an onboarded service."""
    return {
        "owner": service.owner,
        "contact": service.contact,
        "audience": service.audience,
        "tokenLifetime": service.token_lifetime or 0,
        "routes": [dict(route) for route in service.routes],
        "claims": list(service.claims),
        "callers": [caller_members(caller) for caller in service.callers],
        "backend": dict(service.backend),
        "leaving": service.leaving,
        leaving.MANIFEST: json.dumps(service.source.data, sort_keys=True),
        "gateways": {cloud: validator.urls for cloud, validator in made.items()},
        "attached": {cloud: validator.attached for cloud, validator in made.items()},
    }


def jwks_url(cloud: Cloud, ring: str = ENVIRONMENT_RING) -> str:
    """Return the address of a ring's published set in a cloud."""
    return f"{cloud.store_url()}/{document_path(ring, JWKS_PATH)}"


def validator_terms(
    settings: Settings, ring: KeyRing, guarded: Guarded, cloud: str, bundle_sha256: str
) -> ValidatorTerms:
    """Return what a validator accepts.

    Clock skew is the largest in force while a key of the ring is published, so that a lowered
    setting never refuses a live token.
    """
    in_force = ring.in_force(settings.timings)
    return ValidatorTerms(
        environment=settings.environment,
        service=guarded.name,
        cloud=cloud,
        sandbox=settings.in_sandbox,
        bundle_sha256=bundle_sha256,
        audience=guarded.audience,
        algorithms=[generation.algorithm for generation in ring.published],
        max_lifetime=guarded.longest_token,
        clock_skew=in_force.clock_skew,
        routes=guarded.routes,
        required_claims=guarded.required_claims,
        jwks_max_age=settings.timings.jwks_max_age,
        cache_ceiling=settings.timings.cache_ceiling,
        stale_if_error=settings.timings.stale_if_error,
        token_cache=settings.token_cache,
        audit_passes=settings.audit_passes,
        audit_subject=settings.audit_subject,
        rotation_due=rotation_due(settings, ring),
    )


def rotation_due(settings: Settings, ring: KeyRing) -> int | None:
    """Return when a validator should complain that its key still signs, in epoch seconds.

    The first run after the period flips, so one run may be late and one may fail. The time stands
    in the journal, so a run that changes nothing leaves the settings as they are.
    """
    if ring.active is None or ring.active.activated_at is None:
        return None
    rotation = settings.rotation
    return ring.active.activated_at + rotation.rotation_period + 2 * rotation.up_interval


def _gather(
    ring: KeyRing, made: Mapping[str, MadeKeys], confirmed: Confirmed | None
) -> pulumi.Output[Keys]:
    flat = {
        str(number): pulumi.Output.all(key.resource_id, key.jwk)
        for keys in made.values()
        for number, key in keys.keys.items()
    }
    return pulumi.Output.all(**flat).apply(lambda found: checked(ring, found, confirmed))


def _aws(settings: Settings, journal: pulumi.Resource, parent: pulumi.Resource) -> Cloud:
    from components.aws.cloud import AwsCloud, AwsCloudArgs

    if settings.aws is None:
        raise ValueError("AWS is asked for without its settings")
    return AwsCloud(
        "aws",
        AwsCloudArgs(settings=settings, aws=settings.aws, after=journal),
        pulumi.ResourceOptions(parent=parent),
    )


def _azure(settings: Settings, journal: pulumi.Resource, parent: pulumi.Resource) -> Cloud:
    from components.azure.cloud import AzureCloud, AzureCloudArgs

    if settings.azure is None:
        raise ValueError("Azure is asked for without its settings")
    return AzureCloud(
        "azure",
        AzureCloudArgs(settings=settings, azure=settings.azure, after=journal),
        pulumi.ResourceOptions(parent=parent),
    )


def _gcp(settings: Settings, journal: pulumi.Resource, parent: pulumi.Resource) -> Cloud:
    from components.gcp.cloud import GcpCloud, GcpCloudArgs

    if settings.gcp is None:
        raise ValueError("Google Cloud is asked for without its settings")
    return GcpCloud(
        "gcp",
        GcpCloudArgs(settings=settings, gcp=settings.gcp, after=journal),
        pulumi.ResourceOptions(parent=parent),
    )


_MAKERS: Final[Mapping[str, Callable[[Settings, pulumi.Resource, pulumi.Resource], Cloud]]] = {
    "aws": _aws,
    "azure": _azure,
    "gcp": _gcp,
}
