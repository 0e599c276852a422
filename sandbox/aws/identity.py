"""The function that asks who the deployer is."""

from __future__ import annotations

from sandbox.aws.cloud import Aws
from sandbox.plugin.spec import STR, Call, Function, opt
from sandbox.plugin.values import Props


def _caller(call: Call, args: Props) -> Props:
    cloud: Aws = call.cloud
    told = cloud.client("sts").get_caller_identity()
    account = str(told["Account"])
    return {"accountId": account, "arn": told["Arn"], "id": account, "userId": told["UserId"]}


GET_CALLER_IDENTITY = Function(
    "aws:index/getCallerIdentity:getCallerIdentity",
    inputs={"id": opt(STR)},
    outputs=frozenset({"accountId", "arn", "id", "userId"}),
    invoke=_caller,
)
