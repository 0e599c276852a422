"""The log of all validators, through the real boto3 client with its answers stubbed."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from signet.probing.decision_log import CloudWatchLog

GROUP = "/signet/test/validators"


def line(text: str, service: str = "orders") -> str:
    return f'{{"signet":"decision","service":"{service}","detail":"{text}"}}'


def event(time: int, text: str, **more: Any) -> dict[str, Any]:
    return {"logStreamName": "s", "timestamp": time, "message": text, **more}


def stubbed(*answers: list[dict[str, Any]]) -> tuple[Any, Stubber]:
    client = boto3.client(
        "logs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stubber = Stubber(client)
    for events in answers:
        asked = {
            "logGroupName": GROUP,
            "startTime": ANY,
            "filterPattern": '{ $.service = "orders" }',
        }
        stubber.add_response("filter_log_events", {"events": events}, asked)
    stubber.activate()
    return client, stubber


def test_each_line_is_given_once_even_without_event_ids() -> None:
    one, two = event(1_000, line("one")), event(2_000, line("two"), eventId="e-2")
    client, _ = stubbed([one], [one, two], [one, two])
    log = CloudWatchLog(client, GROUP, "orders")
    told = [[each.text for each in log.new_lines()] for _ in range(3)]
    assert told == [[line("one")], [line("two")], []]


def test_what_stands_there_already_belongs_to_earlier_requests() -> None:
    old, new = event(1_700_000_000_000, line("old")), event(1_700_000_001_000, line("new"))
    client, _ = stubbed([old], [old, new])
    log = CloudWatchLog.from_now(client, GROUP, "orders", 1_700_000_000.5)
    assert [(each.time, each.text) for each in log.new_lines()] == [(1_700_000_001, line("new"))]


@pytest.mark.parametrize(
    "other",
    [
        line("a pass that is logged late", "bills"),
        line("one whose name begins alike", "orders-old"),
        json.dumps({"signet": "decision", "service": "bills", "detail": '"service":"orders"'}),
        '{"signet":"settings_invalid","service":null,"faults":["no issuer"]}',
        "START RequestId: 1 Version: $LATEST",
    ],
)
def test_what_another_validator_logs_is_nobodys_answer_here(other: str) -> None:
    # As from a CloudWatch that applies no pattern.
    client, _ = stubbed([event(1_000, other), event(1_000, line("ours"))])
    log = CloudWatchLog(client, GROUP, "orders")
    assert [each.text for each in log.new_lines()] == [line("ours")]


def test_a_group_that_is_gone_holds_nothing() -> None:
    client, stubber = stubbed()
    stubber.add_client_error("filter_log_events", "ResourceNotFoundException")
    assert list(CloudWatchLog(client, GROUP, "orders").new_lines()) == []
