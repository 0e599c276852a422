"""The log of a Lambda function, through the real boto3 client with its answers stubbed."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from signet.probing.decision_log import CloudWatchLog

GROUP = "/aws/lambda/validator"


def event(time: int, text: str, **more: Any) -> dict[str, Any]:
    return {"logStreamName": "s", "timestamp": time, "message": text, **more}


def stubbed(*answers: list[dict[str, Any]]) -> tuple[Any, Stubber]:
    client = boto3.client(
        "logs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stubber = Stubber(client)
    for events in answers:
        asked = {"logGroupName": GROUP, "startTime": ANY}
        stubber.add_response("filter_log_events", {"events": events}, asked)
    stubber.activate()
    return client, stubber


def test_each_line_is_given_once_even_without_event_ids() -> None:
    one, two = event(1_000, "one"), event(2_000, "two", eventId="e-2")
    client, _ = stubbed([one], [one, two], [one, two])
    log = CloudWatchLog(client, GROUP)
    assert [[line.text for line in log.new_lines()] for _ in range(3)] == [["one"], ["two"], []]


def test_what_stands_there_already_belongs_to_earlier_requests() -> None:
    old, new = event(1_700_000_000_000, "old"), event(1_700_000_001_000, "new")
    client, _ = stubbed([old], [old, new])
    log = CloudWatchLog.from_now(client, GROUP, 1_700_000_000.5)
    assert [(line.time, line.text) for line in log.new_lines()] == [(1_700_000_001, "new")]


def test_a_function_that_never_ran_has_logged_nothing() -> None:
    client, stubber = stubbed()
    stubber.add_client_error("filter_log_events", "ResourceNotFoundException")
    assert list(CloudWatchLog(client, GROUP).new_lines()) == []
