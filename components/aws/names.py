"""Names and addresses on AWS, computed from settings alone. Pure."""

from typing import Final

from components.fitted import fitted

BUCKET_PATTERN: Final = r"(?!xn--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
"""S3's rule without dots: with dots, TLS to `<bucket>.s3.<region>.amazonaws.com` fails."""


def partition(region: str) -> str:
    """Return the ARN partition that a region belongs to (AWS, "Amazon Resource Names")."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


_FUNCTION_LENGTH: Final = 64


def validator(environment: str, service: str) -> str:
    """Return the name of a validator's function, and of its role: at most 64 characters."""
    return fitted(f"signet-{environment}-{service}-validator", _FUNCTION_LENGTH)


def validators_log(environment: str) -> str:
    """Return the log group of all validators' lines.

    Not below `/aws/lambda/`, where Lambda names groups by functions.
    """
    return f"/signet/{environment}/validators"


def access_log(environment: str, of: str) -> str:
    """Return the log group of who asked `of` (the gateways, the token service) for what.

    CloudWatch Logs keeps its resource policy short for names below this prefix (CloudWatch Logs,
    "Enabling logging from AWS services", resource policy size).
    """
    return f"/aws/vendedlogs/signet-{environment}-{of}"


def gateway(environment: str, service: str) -> str:
    """Return what an API is called; an empty service stands for the environment's own."""
    return f"signet-{environment}-{service}" if service else f"signet-{environment}"


def store_url(bucket: str, region: str, endpoint: str | None) -> str:
    """Return the address below which a bucket's objects are read, without a slash at its end.

    `endpoint` is the sandbox's, where buckets are paths; on AWS the address is virtual-hosted.
    """
    if endpoint is not None:
        return f"{endpoint}/{bucket}"
    suffix = "amazonaws.com.cn" if partition(region) == "aws-cn" else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{suffix}"


def bucket_arn(bucket: str, region: str) -> str:
    """Return a bucket's ARN."""
    return f"arn:{partition(region)}:s3:::{bucket}"


def object_arn(bucket: str, region: str, key: str) -> str:
    """Return an object's ARN."""
    return f"{bucket_arn(bucket, region)}/{key}"


def issuer_role(environment: str, ring: str) -> str:
    """Return the name of a ring's issuer role: at most 64 characters, as a function's."""
    return fitted(f"signet-{environment}-{ring}-issuer", _FUNCTION_LENGTH)


def token_service(environment: str) -> str:
    """Return the name of an environment's token service: its function, its role and its API."""
    return f"signet-{environment}-token-service"


def role_arn(role: str, account: str, region: str) -> str:
    """Return the ARN of a role without a path."""
    return f"arn:{partition(region)}:iam::{account}:role/{role}"


def used_tokens_bucket(bucket: str) -> str:
    """Return the name of the bucket of used tokens, beside that of the published documents."""
    return f"{bucket[:58]}-used"


def account_root_arn(account: str, region: str) -> str:
    """Return the principal that stands for an account: whoever its IAM policies allow."""
    return f"arn:{partition(region)}:iam::{account}:root"


def http_api_url(api_id: str, region: str, endpoint: str | None) -> str:
    """Return an HTTP API's address, its `$default` stage.

    In the sandbox it is a `*.localhost` name, which resolves to loopback (RFC 6761 section 6.3).
    """
    if endpoint is not None:
        scheme, _, address = endpoint.partition("://")
        return f"{scheme}://{api_id}.execute-api.localhost:{address.rpartition(':')[2]}"
    return f"https://{_execute_api(api_id, region)}"


def rest_api_url(api_id: str, region: str, stage: str, path: str, endpoint: str | None) -> str:
    """Return the address of one top-level path of a REST API's stage."""
    if endpoint is not None:
        return f"{endpoint}/restapis/{api_id}/{stage}/_user_request_/{path}"
    return f"https://{_execute_api(api_id, region)}/{stage}/{path}"


def _execute_api(api_id: str, region: str) -> str:
    suffix = "amazonaws.com.cn" if partition(region) == "aws-cn" else "amazonaws.com"
    return f"{api_id}.execute-api.{region}.{suffix}"


def invoke_uri(function_arn: str, region: str) -> str:
    """Return the URI by which API Gateway in `region` calls a function (AWS, `authorizerUri`)."""
    return (
        f"arn:{partition(region)}:apigateway:{region}:lambda:path/2015-03-31"
        f"/functions/{function_arn}/invocations"
    )


def split_qualifier(function_arn: str) -> tuple[str, str | None]:
    """Return a function's ARN without its version or alias, and that qualifier."""
    parts = function_arn.split(":")
    return ":".join(parts[:7]), parts[7] if len(parts) > 7 else None  # noqa: PLR2004


def execution_arn(api_id: str, account: str, region: str) -> str:
    """Return the ARN below which an API's authorizers and routes are named as callers."""
    return f"arn:{partition(region)}:execute-api:{region}:{account}:{api_id}"
