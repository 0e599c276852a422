"""Finds the environment's alarms in CloudWatch."""

from collections.abc import Mapping

from components.aws import clients
from components.aws.settings import AwsSettings


def find_alarms(settings: AwsSettings, environment: str) -> Mapping[str, bool | None]:
    """Return by name whether each alarm of the environment goes off now.

    Raises botocore's own errors.
    """
    pages = clients.cloudwatch(settings).get_paginator("describe_alarms")
    return {
        alarm["AlarmName"]: alarm["StateValue"] == "ALARM"
        for page in pages.paginate(AlarmNamePrefix=f"signet-{environment}-")
        for alarm in page["MetricAlarms"]
    }
