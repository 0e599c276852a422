"""Finds what an interrupted run made on AWS and could not record: by name, by tag, by place.

One rule for each resource type that the program declares. What bears a chosen name must bear our
tags too: it may have been there before, and be somebody else's. Where a second creation is the
same as the first (S3 and IAM put the whole thing), there is nothing to find: the next run just puts
it again. Read-only; `signet.engine.leftovers` decides what becomes of the findings.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.leftovers import carries, unanswered
from signet.engine import sandbox_marker
from signet.interrupted import Wanted

Inputs = Mapping[str, Any]

_GONE: Final = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
    }
)
"""Error codes with which AWS says that a thing, or what it would be in, is not there."""

_HOLDERS: Final = ("apiId", "restApi", "function")
"""Inputs that name what a part is in; its id may be unique only there. Every HTTP API has a stage
`$default`."""


@dataclass(frozen=True)
class Aws:
    """Clients of one region."""

    region: str | None
    endpoint: str | None

    def client(self, service: str) -> Any:
        """Return a boto3 client; only the sandbox has an endpoint of its own."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=Config(  # type: ignore[call-arg]
                connect_timeout=5,
                read_timeout=20,
                retries={"total_max_attempts": 4, "mode": "standard"},
                ignore_configured_endpoint_urls=True,  # pyright: ignore[reportCallIssue]
                s3={"addressing_style": "path"} if self.endpoint else None,
            ),
        )


Look = Callable[[Aws, Inputs], Iterator[str]]


def find(wanted: Wanted) -> Sequence[str] | None:
    """Return the ids of unrecorded resources that fit, the likeliest first.

    None when this type has no rule. Raises CouldNotCheck when AWS does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    look = RULES.get(wanted.type)
    if look is None:
        return None
    inside = sandbox_marker.active() is not None
    aws = Aws(
        region=wanted.inputs.get("region") or wanted.provider.get("region"),
        endpoint=os.environ.get("AWS_ENDPOINT_URL") if inside else None,
    )
    try:
        return [each for each in look(aws, wanted.inputs) if not _is_recorded(wanted, each)]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _GONE:
            return []
        raise unanswered(wanted, "AWS", error) from error
    except BotoCoreError as error:
        raise unanswered(wanted, "AWS", error) from error


def _is_recorded(wanted: Wanted, identity: str) -> bool:
    return any(
        all(each.get(holder) == wanted.inputs.get(holder) for holder in _HOLDERS)
        for each in wanted.recorded.get(identity, ())
    )


def _put_again(_aws: Aws, _inputs: Inputs) -> Iterator[str]:
    yield from ()


def _key(aws: Aws, inputs: Inputs) -> Iterator[str]:
    from botocore.exceptions import ClientError

    # Not by the tagging service, which may lag behind: this key may be seconds old.
    kms = aws.client("kms")
    made: list[tuple[Any, str]] = []
    for page in kms.get_paginator("list_keys").paginate():
        for entry in page["Keys"]:
            try:
                tags = kms.list_resource_tags(KeyId=entry["KeyId"])["Tags"]
            except ClientError as error:
                # Another team's key, or AWS's own: its policy need not let us see its tags.
                if error.response.get("Error", {}).get("Code") != "AccessDeniedException":
                    raise
                continue
            if not carries({tag["TagKey"]: tag["TagValue"] for tag in tags}, inputs.get("tags")):
                continue
            told = kms.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
            if told["KeyState"] in ("Enabled", "Disabled"):
                made.append((told["CreationDate"], entry["KeyId"]))
    # Only the first of several can have reached a published set (components.adoption).
    yield from (key for _, key in sorted(made))


def _bucket(aws: Aws, inputs: Inputs) -> Iterator[str]:
    """The provider tags a bucket only after it has made it: one without tags counts if empty."""
    from botocore.exceptions import ClientError

    s3, name = aws.client("s3"), inputs["bucket"]
    s3.head_bucket(Bucket=name)
    try:
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "NoSuchTagSet":
            raise
        tags = {}
    empty = not tags and not s3.list_objects_v2(Bucket=name, MaxKeys=1).get("KeyCount")
    if empty or carries(tags, inputs.get("tags")):
        yield str(name)


def _role(aws: Aws, inputs: Inputs) -> Iterator[str]:
    iam, name = aws.client("iam"), inputs["name"]
    iam.get_role(RoleName=name)
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
    if carries(tags, inputs.get("tags")):
        yield str(name)


def _log_group(aws: Aws, inputs: Inputs) -> Iterator[str]:
    logs, name = aws.client("logs"), inputs["name"]
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                arn = group["arn"].removesuffix(":*")
                tags = logs.list_tags_for_resource(resourceArn=arn)["tags"]
                if carries(tags, inputs.get("tags")):
                    yield str(name)


def _query_definition(aws: Aws, inputs: Inputs) -> Iterator[str]:
    """By its name, which names the environment: it bears no tags, and two may have one name."""
    logs, name = aws.client("logs"), inputs["name"]
    page: dict[str, str] = {}
    while True:
        told = logs.describe_query_definitions(queryDefinitionNamePrefix=name, **page)
        for each in told["queryDefinitions"]:
            if each["name"] == name:
                yield str(each["queryDefinitionId"])
        if not told.get("nextToken"):
            return
        page = {"nextToken": told["nextToken"]}


def _function(aws: Aws, inputs: Inputs) -> Iterator[str]:
    told = aws.client("lambda").get_function(FunctionName=inputs["name"])
    if carries(told.get("Tags") or {}, inputs.get("tags")):
        yield str(told["Configuration"]["FunctionName"])


def _layer_version(aws: Aws, inputs: Inputs) -> Iterator[str]:
    pages = aws.client("lambda").get_paginator("list_layer_versions")
    for page in pages.paginate(LayerName=inputs["layerName"]):
        newest = sorted(page["LayerVersions"], key=lambda each: -int(each["Version"]))
        yield from (str(each["LayerVersionArn"]) for each in newest)


def _permission(aws: Aws, inputs: Inputs) -> Iterator[str]:
    qualifier = {"Qualifier": inputs["qualifier"]} if inputs.get("qualifier") else {}
    told = aws.client("lambda").get_policy(FunctionName=inputs["function"], **qualifier)
    for statement in json.loads(told["Policy"])["Statement"]:
        source = (statement.get("Condition") or {}).get("ArnLike", {}).get("AWS:SourceArn")
        principal = statement.get("Principal")
        service = principal.get("Service") if isinstance(principal, dict) else principal
        if inputs.get("statementId"):
            fits = statement["Sid"] == inputs["statementId"]
        else:
            fits = source == inputs.get("sourceArn") and service == inputs.get("principal")
        if fits:
            yield str(statement["Sid"])


def _http_api(aws: Aws, inputs: Inputs) -> Iterator[str]:
    for page in aws.client("apigatewayv2").get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"] == inputs["name"] and carries(api.get("Tags") or {}, inputs.get("tags")):
                yield str(api["ApiId"])


def _http_part(method: str, id_name: str, **same: str) -> Look:
    """Return a rule for a part of an HTTP API: `same` maps the API's field to the input."""

    def look(aws: Aws, inputs: Inputs) -> Iterator[str]:
        pages = aws.client("apigatewayv2").get_paginator(method)
        for page in pages.paginate(ApiId=inputs["apiId"]):
            for item in page["Items"]:
                if all(item.get(theirs) == inputs.get(ours) for theirs, ours in same.items()):
                    yield str(item[id_name])

    return look


def _rest_api(aws: Aws, inputs: Inputs) -> Iterator[str]:
    for page in aws.client("apigateway").get_paginator("get_rest_apis").paginate():
        for api in page.get("items", ()):
            if api["name"] == inputs["name"] and carries(api.get("tags") or {}, inputs.get("tags")):
                yield str(api["id"])


def _rest_authorizer(aws: Aws, inputs: Inputs) -> Iterator[str]:
    pages = aws.client("apigateway").get_paginator("get_authorizers")
    for page in pages.paginate(restApiId=inputs["restApi"]):
        for item in page.get("items", ()):
            if item["name"] == inputs["name"]:
                yield str(item["id"])


def _rest_resource(aws: Aws, inputs: Inputs) -> Iterator[str]:
    pages = aws.client("apigateway").get_paginator("get_resources")
    for page in pages.paginate(restApiId=inputs["restApi"]):
        for item in page.get("items", ()):
            place = (item.get("parentId"), item.get("pathPart"))
            if place == (inputs["parentId"], inputs["pathPart"]):
                yield str(item["id"])


def _rest_method(aws: Aws, inputs: Inputs) -> Iterator[str]:
    api, resource, verb = inputs["restApi"], inputs["resourceId"], inputs["httpMethod"]
    aws.client("apigateway").get_method(restApiId=api, resourceId=resource, httpMethod=verb)
    yield f"agm-{api}-{resource}-{verb}"


def _rest_deployment(aws: Aws, inputs: Inputs) -> Iterator[str]:
    pages = aws.client("apigateway").get_paginator("get_deployments")
    made = [
        (item["createdDate"], str(item["id"]))
        for page in pages.paginate(restApiId=inputs["restApi"])
        for item in page.get("items", ())
    ]
    yield from (each for _, each in sorted(made, reverse=True))


def _rest_stage(aws: Aws, inputs: Inputs) -> Iterator[str]:
    api, name = inputs["restApi"], inputs["stageName"]
    aws.client("apigateway").get_stage(restApiId=api, stageName=name)
    yield f"ags-{api}-{name}"


RULES: Final[Mapping[str, Look]] = {
    "aws:apigateway/authorizer:Authorizer": _rest_authorizer,
    "aws:apigateway/deployment:Deployment": _rest_deployment,
    "aws:apigateway/integration:Integration": _put_again,
    "aws:apigateway/method:Method": _rest_method,
    "aws:apigateway/resource:Resource": _rest_resource,
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigateway/stage:Stage": _rest_stage,
    "aws:apigatewayv2/api:Api": _http_api,
    "aws:apigatewayv2/authorizer:Authorizer": _http_part(
        "get_authorizers", "AuthorizerId", Name="name"
    ),
    "aws:apigatewayv2/integration:Integration": _http_part(
        "get_integrations", "IntegrationId", IntegrationUri="integrationUri"
    ),
    "aws:apigatewayv2/route:Route": _http_part("get_routes", "RouteId", RouteKey="routeKey"),
    "aws:apigatewayv2/stage:Stage": _http_part("get_stages", "StageName", StageName="name"),
    "aws:cloudwatch/dashboard:Dashboard": _put_again,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _put_again,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _put_again,
    "aws:cloudwatch/queryDefinition:QueryDefinition": _query_definition,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _put_again,
    "aws:kms/key:Key": _key,
    "aws:lambda/function:Function": _function,
    "aws:lambda/layerVersion:LayerVersion": _layer_version,
    "aws:lambda/permission:Permission": _permission,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _put_again,
    "aws:s3/bucketObjectv2:BucketObjectv2": _put_again,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _put_again,
    "aws:s3/bucketPolicy:BucketPolicy": _put_again,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _put_again,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _put_again
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _put_again,
    # SNS gives the ARN of what is there (`CreateTopic`, `Subscribe`).
    "aws:sns/topic:Topic": _put_again,
    "aws:sns/topicSubscription:TopicSubscription": _put_again,
}
