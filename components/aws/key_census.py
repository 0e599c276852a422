"""Finds an environment's KMS keys by their tags, recorded or not."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from components.adoption import FoundKey
from components.aws import clients
from components.aws.settings import AwsSettings
from components.aws.tags import ENVIRONMENT, GENERATION, RING
from signet.errors import CouldNotCheck

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

MOST_KEYS: Final = 200
"""More keys than this for one environment is a runaway, and the run stops."""

_PAGE: Final = 100
_STATUS: Final[Mapping[str, str]] = {"Enabled": "enabled", "Disabled": "disabled"}


def find_keys(
    settings: AwsSettings,
    environment: str,
    kms: "Callable[[AwsSettings], KMSClient]" = clients.kms,
    tagging: "Callable[[AwsSettings], ResourceGroupsTaggingAPIClient]" = clients.tagging,
) -> tuple[FoundKey, ...]:
    """Return every signing key that carries this environment's tags, oldest first.

    The tagging service may lag behind by some seconds, so a key that an interrupted run made a
    moment ago can be missing from it; it is then found, and reported, by a later run.
    Raises CouldNotCheck when AWS does not answer or refuses.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        tagged = _tagged(tagging(settings), environment)
        client = kms(settings)
        found = [_described(client, arn, tags) for arn, tags in tagged.items()]
    except (BotoCoreError, ClientError) as error:
        raise CouldNotCheck(
            "which signing keys exist could not be found out, and making one more might repeat one",
            where=f"aws: {error}",
            remedy="check credentials and network; the deployer needs tag:GetResources and "
            "kms:DescribeKey",
        ) from error
    return tuple(sorted(found, key=lambda key: (key.created_at, key.id)))


def _tagged(
    client: "ResourceGroupsTaggingAPIClient", environment: str
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    pages = client.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": ENVIRONMENT, "Values": [environment]}, {"Key": GENERATION}],
        ResourceTypeFilters=["kms:key"],
        PaginationConfig={"PageSize": _PAGE},
    )
    for page in pages:
        for item in page["ResourceTagMappingList"]:
            found[item["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
        if len(found) > MOST_KEYS:
            raise CouldNotCheck(
                f"more than {MOST_KEYS} KMS keys carry the tags of {environment}",
                where="aws",
                remedy="remove the ones that no journal knows before going on",
            )
    return found


def _described(client: "KMSClient", arn: str, tags: Mapping[str, str]) -> FoundKey:
    told = client.describe_key(KeyId=arn)["KeyMetadata"]
    number = tags.get(GENERATION, "")
    status = _STATUS.get(told["KeyState"], "gone")
    return FoundKey(
        cloud="aws",
        id=told["KeyId"],
        ring=tags.get(RING, ""),
        generation=int(number) if number.isdecimal() else 0,
        status="enabled" if status == "enabled" else "disabled" if status == "disabled" else "gone",
        created_at=int(told["CreationDate"].timestamp()),
    )
