"""The token service of an environment, declared in the cloud of the key that signs.

Each maker hands its cloud's component what that cloud's settings say, and nothing else differs.
"""

from collections.abc import Callable, Mapping
from typing import Final

import pulumi

from components import packaging
from components.settings import Settings
from components.token_service import (
    MadeTokenService,
    Place,
    TokenServiceOrder,
    issuers,
    settings_text,
    warn_of_move,
    where,
)
from components.token_service_part import TokenServicePart
from signet.signals import Signal, exchange_signals
from signet.token_service import Limits


def declare(order: TokenServiceOrder) -> MadeTokenService | None:
    """Declare the token service, where the settings ask for one."""
    if not order.settings.token_service:
        return None
    warn_of_move(order)
    return _MAKERS[where(order)](order)


def _aws(order: TokenServiceOrder) -> MadeTokenService:
    from components.aws import names
    from components.aws.token_service import SIGNATURES, TOKENS, TokenService, TokenServiceArgs

    settings, environment = order.settings, order.environment
    if settings.aws is None:
        raise ValueError("AWS is asked for without its settings")
    bundle = packaging.build_bundle(settings.python, recipe=packaging.TOKEN_SERVICE)
    bucket = names.used_tokens_bucket(settings.aws.bucket)
    limits = Limits.sharing(SIGNATURES, settings.token_service_instances, TOKENS)
    service = TokenService(
        "token-service",
        TokenServiceArgs(
            environment=settings.environment,
            region=settings.aws.region,
            account_id=settings.aws.account_id,
            python=settings.python,
            bundle=bundle.path,
            settings=settings_text(
                order,
                bundle,
                Place(
                    cloud="aws",
                    replay=bucket,
                    endpoint=settings.aws.endpoint,
                    limits=limits,
                ),
            ),
            issuer_role_arns=pulumi.Output.all(*issuers(environment, "aws").values()),
            bucket=bucket,
            instances=settings.token_service_instances,
            log_days=settings.log_days,
            endpoint=settings.aws.endpoint,
            signals=_watched(settings),
            topic=settings.aws.alarm_topic,
        ),
        pulumi.ResourceOptions(depends_on=[environment]),
    )
    return _made(order, "aws", service, bundle)


def _gcp(order: TokenServiceOrder) -> MadeTokenService:
    from components.gcp import names
    from components.gcp.token_service import SIGNATURES, TokenService, TokenServiceArgs
    from components.gcp.upload import uploads_url

    settings, environment = order.settings, order.environment
    if settings.gcp is None:
        raise ValueError("Google Cloud is asked for without its settings")
    bundle = packaging.build_bundle(settings.python, recipe=packaging.TOKEN_SERVICE_BY_REST)
    gcp, instances = settings.gcp, settings.token_service_instances
    place = Place(
        cloud="gcp",
        replay=uploads_url(names.used_tokens_bucket(gcp.bucket), gcp.endpoint),
        endpoint=gcp.endpoint,
        limits=Limits.sharing(SIGNATURES[gcp.key_protection], instances),
    )
    service = TokenService(
        "token-service",
        TokenServiceArgs(
            environment=settings.environment,
            gcp=gcp,
            python=settings.python,
            bundle=bundle.path,
            settings=settings_text(order, bundle, place),
            rings=sorted(issuers(environment, "gcp")),
            instances=instances,
            signals=_watched(settings),
        ),
        pulumi.ResourceOptions(depends_on=[environment]),
    )
    return _made(order, "gcp", service, bundle)


def _azure(order: TokenServiceOrder) -> MadeTokenService:
    from components.azure import names
    from components.azure.token_service import (
        LEAST_INSTANCES,
        SIGNATURES,
        TokenService,
        TokenServiceArgs,
    )

    settings, environment = order.settings, order.environment
    if settings.azure is None:
        raise ValueError("Azure is asked for without its settings")
    bundle = packaging.build_bundle(settings.python, recipe=packaging.TOKEN_SERVICE_BY_REST)
    azure = settings.azure
    instances = max(LEAST_INSTANCES, settings.token_service_instances)
    account = names.token_service_account(azure.storage_account)
    place = Place(
        cloud="azure",
        replay=names.container_url(account, names.USED_CONTAINER, azure.endpoint),
        endpoint=azure.endpoint.plain if azure.endpoint is not None else None,
        limits=Limits.sharing(SIGNATURES[azure.key_sku], instances),
    )
    service = TokenService(
        "token-service",
        TokenServiceArgs(
            environment=settings.environment,
            azure=azure,
            python=settings.python,
            bundle=bundle.path,
            bundle_sha256=bundle.sha256,
            settings=settings_text(order, bundle, place),
            rings=sorted(issuers(environment, "azure")),
            instances=instances,
            log_days=settings.log_days,
            signals=_watched(settings),
        ),
        pulumi.ResourceOptions(depends_on=[environment]),
    )
    return _made(order, "azure", service, bundle)


_MAKERS: Final[Mapping[str, Callable[[TokenServiceOrder], MadeTokenService]]] = {
    "aws": _aws,
    "azure": _azure,
    "gcp": _gcp,
}


def _watched(settings: Settings) -> tuple[Signal, ...]:
    return exchange_signals(refusals=settings.alarm_refusals)


def _made(
    order: TokenServiceOrder, cloud: str, service: TokenServicePart, bundle: packaging.Bundle
) -> MadeTokenService:
    environment = order.settings.environment
    return MadeTokenService(
        cloud=cloud,
        alarms=[signal.alarm_name(environment) for signal in _watched(order.settings)],
        resource=service,
        url=service.url,
        log_group=service.log_group_name,
        function=service.function_name,
        expected_sha256=service.settings_sha256,
        reported_sha256=service.reported_sha256,
        bundle_sha256=bundle.tree_sha256,
    )
