"""AWS's own clients, for what a provider cannot do: find by tag, read back, ask what is there."""

from typing import TYPE_CHECKING, Final, TypedDict

from components.aws.settings import AwsSettings

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from mypy_boto3_s3 import S3Client

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5


def kms(settings: AwsSettings) -> "KMSClient":
    """Return a KMS client."""
    import boto3

    return boto3.client("kms", **_terms(settings, attempts=3))


def s3(settings: AwsSettings) -> "S3Client":
    """Return an S3 client that tries once: a read-back is bounded, and the next run reads again."""
    import boto3

    return boto3.client("s3", **_terms(settings, attempts=1))


def tagging(settings: AwsSettings) -> "ResourceGroupsTaggingAPIClient":
    """Return a client of the Resource Groups Tagging API."""
    import boto3

    return boto3.client("resourcegroupstaggingapi", **_terms(settings, attempts=3))


def cloudwatch(settings: AwsSettings) -> "CloudWatchClient":
    """Return a CloudWatch client."""
    import boto3

    return boto3.client("cloudwatch", **_terms(settings, attempts=2))


def lambda_(settings: AwsSettings) -> "LambdaClient":
    """Return a Lambda client that tries once: a cold start may take as long as it waits."""
    import boto3

    return boto3.client("lambda", **_terms(settings, attempts=1))


def http_apis(settings: AwsSettings) -> "ApiGatewayV2Client":
    """Return a client of API Gateway's HTTP APIs."""
    import boto3

    return boto3.client("apigatewayv2", **_terms(settings, attempts=2))


def rest_apis(settings: AwsSettings) -> "APIGatewayClient":
    """Return a client of API Gateway's REST APIs."""
    import boto3

    return boto3.client("apigateway", **_terms(settings, attempts=2))


class _Terms(TypedDict):
    region_name: str
    endpoint_url: str | None
    config: "Config"


def _terms(settings: AwsSettings, attempts: int) -> _Terms:
    """Ignore addresses from profiles and variables: only the sandbox names another one."""
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        s3={"addressing_style": "path"} if settings.endpoint else None,
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # not in the stubs
    )
    return {
        "region_name": settings.region,
        "endpoint_url": settings.endpoint,
        "config": config,
    }
