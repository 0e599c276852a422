"""Asks a running validator which code and settings it is: by invocation, which IAM guards."""

import json
from collections.abc import Mapping
from typing import Any

from components.aws import clients
from components.aws.settings import AwsSettings


def ask(settings: AwsSettings, function: str) -> Mapping[str, Any]:
    """Return the function's report. Raises botocore's own errors, ValueError for another answer."""
    answer = clients.lambda_(settings).invoke(
        FunctionName=function, Payload=json.dumps({"signet": "probe"}).encode()
    )
    told = json.loads(answer["Payload"].read())
    if not isinstance(told, dict) or told.get("signet") != "report":
        raise ValueError("the function answers something else than a report")
    return told
