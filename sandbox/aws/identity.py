"""The functions that ask who and where the deployer is."""

from __future__ import annotations

from typing import Any

from sandbox.aws.cloud import Aws
from sandbox.plugin.spec import STR, Call, Function, opt
from sandbox.plugin.values import Props


def _sts(call: Call) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("sts")


def _caller(call: Call, args: Props) -> Props:
    told = _sts(call).get_caller_identity()
    account = str(told["Account"])
    return {"accountId": account, "arn": told["Arn"], "id": account, "userId": told["UserId"]}


def _region(call: Call, args: Props) -> Props:
    region = args.get("region") or call.cloud.region
    return {
        "id": region,
        "name": region,
        "region": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
        "description": f"{region} (sandbox)",
    }


def _partition(call: Call, args: Props) -> Props:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


FUNCTIONS = (
    Function(
        "aws:index/getCallerIdentity:getCallerIdentity",
        inputs={"id": opt(STR)},
        outputs=frozenset({"accountId", "arn", "id", "userId"}),
        invoke=_caller,
    ),
    Function(
        "aws:index/getRegion:getRegion",
        inputs={"region": opt(STR), "name": opt(STR), "endpoint": opt(STR), "id": opt(STR)},
        outputs=frozenset({"description", "endpoint", "id", "name", "region"}),
        invoke=_region,
    ),
    Function(
        "aws:index/getPartition:getPartition",
        inputs={"id": opt(STR)},
        outputs=frozenset({"dnsSuffix", "id", "partition", "reverseDnsPrefix"}),
        invoke=_partition,
    ),
)
