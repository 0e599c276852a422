"""The tables of the plugin, put together: apart from the package, whose other modules are wanted
without them (the command starts by the fakes' services alone).
"""

from __future__ import annotations

from importlib.metadata import version

from sandbox.aws import apigateway, apigatewayv2, cloudwatch, iam, kms, lambda_, monitoring, s3, sns
from sandbox.aws.cloud import configure, explain, with_default_tags
from sandbox.aws.identity import GET_CALLER_IDENTITY
from sandbox.plugin.spec import BOOL, STR, Provider, map_of, obj, opt, set_of

__all__ = ["provider"]

_CONFIG = {
    "region": opt(STR, replace=True),
    "allowedAccountIds": opt(set_of(STR)),
    "defaultTags": opt(obj(tags=opt(map_of(STR)))),
    "skipCredentialsValidation": opt(BOOL),
    "skipMetadataApiCheck": opt(BOOL),
    "skipRegionValidation": opt(BOOL),
    "skipRequestingAccountId": opt(BOOL),
}


def provider() -> Provider:
    """The plugin's tables, under the version of the SDK that the program uses."""
    return Provider(
        name="aws",
        version=version("pulumi-aws"),
        config=_CONFIG,
        resources={
            **kms.RESOURCES,
            **s3.RESOURCES,
            **iam.RESOURCES,
            **lambda_.RESOURCES,
            **cloudwatch.RESOURCES,
            **monitoring.RESOURCES,
            **sns.RESOURCES,
            **apigateway.RESOURCES,
            **apigatewayv2.RESOURCES,
        },
        functions={f.token: f for f in (kms.GET_PUBLIC_KEY, GET_CALLER_IDENTITY)},
        configure=configure,
        prepare=with_default_tags,
        explain=explain,
    )
