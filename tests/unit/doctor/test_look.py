"""How facts are gathered: what a silent or odd answer becomes, and that nothing raises."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from components.aws import alarm_census, attached, clients, validator_report
from components.azure import alarm_census as on_azure
from components.azure.manager import Manager
from components.bounded import Answer
from components.gcp import alarm_census as on_google
from components.gcp.rest import Google
from signet.cli import doctor_look
from signet.doctor.facts import DocumentReading, Ways
from signet.documents import JWKS_PATH
from signet.errors import CouldNotCheck
from signet.probing.declared_ways import Looked

REPORT = {
    "signet": "report",
    "ready": True,
    "bundle_sha256": "b",
    "settings_sha256": None,
    "time": 1_800_000_000,
}


def answered(question: Callable[[], Any]) -> Answer[Any]:
    answer = Answer(question)
    answer.ask()
    return answer


def failing() -> Any:
    raise ConnectionError("refused\nand more")


@pytest.fixture
def store() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(REPORT if self.path == "/health" else {"keys": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Cache-Control", "public, max-age=300")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_document_is_read_with_its_headers_and_the_stores_time(store: str) -> None:
    found = doctor_look._read("aws", f"{store}/{JWKS_PATH}", JWKS_PATH, in_sandbox=True)
    assert (found.status, found.content_type) == (200, "application/jwk-set+json")
    assert found.cache_control == "public, max-age=300"
    assert found.server_time is not None


@pytest.mark.parametrize("date", ["yesterday", "", "Wed, 99 Nov 2026 00:00:00 GMT"])
def test_a_date_that_is_none_is_no_time(date: str) -> None:
    assert doctor_look._moment(date) is None


def test_a_store_that_does_not_answer_is_not_known() -> None:
    found = doctor_look._document(f"gcp {JWKS_PATH}", answered(failing))
    assert found == DocumentReading(cloud="gcp", path=JWKS_PATH, status=None, detail="refused")
    never: Answer[DocumentReading] = Answer(failing)
    assert "in time" in doctor_look._document(f"gcp {JWKS_PATH}", never).detail


def test_plain_http_is_asked_in_the_sandbox_alone(store: str) -> None:
    url = f"{store}/{JWKS_PATH}"
    with pytest.raises(Exception, match="url_refused"):
        doctor_look._read("aws", url, JWKS_PATH, in_sandbox=False)


def test_a_function_tells_at_its_health_address_what_it_is(store: str) -> None:
    report = doctor_look._report(
        "environment-gcp", answered(lambda: doctor_look._health(f"{store}/health"))
    )
    assert (report.ready, report.cloud, report.bundle_sha256) == (True, "gcp", "b")
    assert (report.settings_sha256, report.time) == ("", 1_800_000_000)
    with pytest.raises(CouldNotCheck, match="/other answers 200"):
        doctor_look._health(f"{store}/other")


@pytest.mark.parametrize("told", [{}, {"ready": "yes"}, {"time": "noon"}])
def test_an_odd_report_is_not_ready(told: Mapping[str, Any]) -> None:
    report = doctor_look._report("environment-aws", answered(lambda: told))
    assert (report.ready, report.time) == (False, None)


def test_a_function_that_does_not_answer_is_not_known() -> None:
    assert doctor_look._report("environment-aws", answered(failing)).ready is None


class Lambda:
    """Answers an invocation with this payload."""

    def __init__(self, payload: object) -> None:
        self.payload = json.dumps(payload).encode()
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **told: Any) -> dict[str, Any]:
        self.asked.append(told)
        return {"Payload": io.BytesIO(self.payload)}


def test_a_lambda_is_asked_by_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Lambda(REPORT)
    monkeypatch.setattr(clients, "lambda_", lambda _: client)
    assert validator_report.ask(SimpleNamespace(), "f") == REPORT  # type: ignore[arg-type]
    assert client.asked == [{"FunctionName": "f", "Payload": b'{"signet": "probe"}'}]
    monkeypatch.setattr(clients, "lambda_", lambda _: Lambda({"errorMessage": "x"}))
    with pytest.raises(ValueError, match="something else"):
        validator_report.ask(SimpleNamespace(), "f")  # type: ignore[arg-type]


def test_cloudwatch_tells_which_alarms_are_there_and_go_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alarms = [
        {"AlarmName": "signet-prod-a", "StateValue": "ALARM"},
        {"AlarmName": "signet-prod-b", "StateValue": "INSUFFICIENT_DATA"},
    ]
    asked: list[str] = []

    class Pages:
        def paginate(self, **told: str) -> list[dict[str, Any]]:
            asked.append(told["AlarmNamePrefix"])
            return [{"MetricAlarms": alarms[:1]}, {"MetricAlarms": alarms[1:]}]

    client = SimpleNamespace(get_paginator=lambda _: Pages())
    monkeypatch.setattr(clients, "cloudwatch", lambda _: client)
    found = alarm_census.find_alarms(SimpleNamespace(), "prod")  # type: ignore[arg-type]
    assert found == {"signet-prod-a": True, "signet-prod-b": False}
    assert asked == ["signet-prod-"]


def test_what_could_not_be_listed_is_not_known() -> None:
    settings: Any = SimpleNamespace(aws=SimpleNamespace(alarm_topic="arn"), azure=None, gcp=None)
    found = doctor_look._alarms("aws", settings, answered(failing))
    assert (found.found, found.told, found.detail) == (None, True, "refused")


def test_what_the_last_run_had_otherwise_is_named() -> None:
    settings: Any = SimpleNamespace(
        issuer="https://i.test", audience="new", required_scope="s", clouds=("aws", "gcp")
    )
    outputs = {
        "issuer": "https://i.test",
        "audience": "old",
        "requiredScope": "s",
        "jwksUrls": {"aws": "u"},
    }
    assert doctor_look._changed(settings, outputs) == ["audience", "clouds"]


class Apis:
    """Two APIs of another team, in the shapes of boto3."""

    def __init__(self, pages: Mapping[str, list[dict[str, Any]]]) -> None:
        self.pages = pages

    def get_paginator(self, name: str) -> Any:
        key = "items" if name == "get_resources" else "Items"
        page = {key: self.pages[name]}
        return SimpleNamespace(paginate=lambda **_: [page])

    def get_authorizers(self, **_: Any) -> dict[str, Any]:
        return {"items": self.pages["get_authorizers"]}


def test_what_an_attached_api_leaves_open_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    http = Apis(
        {
            "get_routes": [
                {"RouteKey": "GET /a", "AuthorizationType": "CUSTOM", "AuthorizerId": "ours"},
                {"RouteKey": "$default", "AuthorizationType": "NONE"},
            ],
            "get_authorizers": [
                {
                    "AuthorizerId": "ours",
                    "Name": "signet",
                    "AuthorizerResultTtlInSeconds": 3600,
                    "IdentitySource": ["$request.header.Authorization"],
                },
                {"AuthorizerId": "theirs", "Name": "other", "AuthorizerResultTtlInSeconds": 9999},
            ],
        }
    )
    rest = Apis(
        {
            "get_resources": [
                {"path": "/b", "resourceMethods": {"GET": {"authorizationType": "NONE"}}}
            ],
            "get_authorizers": [
                {
                    "id": "rest-ours",
                    "name": "signet",
                    "authorizerResultTtlInSeconds": 0,
                    "identitySource": "method.request.header.Authorization",
                }
            ],
        }
    )
    monkeypatch.setattr(clients, "http_apis", lambda _: http)
    monkeypatch.setattr(clients, "rest_apis", lambda _: rest)
    told = {
        "http": {"apiId": "h1", "authorizers": {"http": "ours"}},
        "rest": {"apiId": "r1", "authorizers": {"rest-token": "rest-ours"}},
    }
    count, found = attached.open_ways(SimpleNamespace(), [told])  # type: ignore[arg-type]
    assert count == 2
    assert found[0] == "HTTP API h1: route $default: open, no authorizer"
    assert "keeps answers for 3600 s" in found[1]
    assert found[2:] == ["REST API r1: GET /b: open, no authorizer"]


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ({}, Ways(tried=None, declared=[])),
        (
            {"aws": lambda: Looked(2, ["open"]), "gcp": lambda: Looked(1, [])},
            Ways(tried=None, attached=3, declared=["open"]),
        ),
        (
            {"azure": failing, "gcp": lambda: Looked(1, ["open"])},
            Ways(tried=None, attached=1, declared=["open"], undeclared="azure: refused"),
        ),
    ],
)
def test_attached_apis_are_counted_and_judged(answers: dict[str, Any], wanted: Ways) -> None:
    told: Any = {cloud: answered(answer) for cloud, answer in answers.items()}
    assert doctor_look._with_attached(Ways(tried=None), told) == wanted


def test_nothing_is_asked_where_nothing_is_attached() -> None:
    settings: Any = SimpleNamespace(**dict.fromkeys(("aws", "azure", "gcp"), SimpleNamespace()))
    empty = {"attached": {"aws": {}, "azure": {}, "gcp": {}}, "services": None}
    assert doctor_look._attached_questions(settings, empty) == {}
    assert doctor_look._attached_questions(settings, {}) == {}


def test_what_services_were_attached_to_is_asked_about_too() -> None:
    outputs = {
        "attached": {"azure": {"apiManagement": {"service": "shared"}}},
        "services": {
            "orders": {"attached": {"azure": {"apiManagement": {"service": "own"}}, "aws": {}}}
        },
    }
    told = [each["apiManagement"]["service"] for each in doctor_look._attached(outputs, "azure")]
    assert told == ["shared", "own"]
    assert doctor_look._attached(outputs, "aws") == []
    settings: Any = SimpleNamespace(**dict.fromkeys(("aws", "azure", "gcp"), SimpleNamespace()))
    assert set(doctor_look._attached_questions(settings, outputs)) == {"azure"}


def test_the_token_service_is_asked_like_a_validator() -> None:
    service = {
        "cloud": "azure",
        "health": "https://app/health",
        "bundleSha256": "b",
        "settingsSha256": "s",
    }
    outputs = {"validators": {"environment-gcp": {"health": "https://x"}}, "tokenService": service}
    settings: Any = SimpleNamespace(aws=None)
    asked = doctor_look._function_questions(settings, doctor_look._functions(outputs))
    assert set(asked) == {"environment-gcp", "token-service-azure"}
    recorded = {each.name: each for each in doctor_look._recorded(outputs)}
    assert recorded["token-service-azure"].settings_sha256 == "s"
    assert doctor_look._functions({"tokenService": None}) == {}


def test_the_token_services_alarms_are_looked_for_where_it_runs() -> None:
    settings: Any = SimpleNamespace(
        environment="prod", clouds=("aws", "gcp"), alarm_refusals=1, alarm_unknown_keys=1
    )
    with_it = doctor_look._alarm_names(settings, {"tokenService": {"cloud": "gcp"}})
    without = doctor_look._alarm_names(settings, {"tokenService": None})
    assert with_it["aws"] == without["aws"] == without["gcp"]
    assert set(with_it["gcp"]) - set(without["gcp"]) == {
        "signet-prod-exchange-refusals",
        "signet-prod-exchange-limits",
        "signet-prod-exchange-failures",
    }


def test_a_services_own_alarms_are_looked_for_in_its_clouds_alone() -> None:
    settings: Any = SimpleNamespace(
        environment="prod", clouds=("aws", "gcp"), alarm_refusals=1, alarm_unknown_keys=1
    )
    without = doctor_look._alarm_names(settings, {})
    with_it = doctor_look._alarm_names(
        settings, {"services": {"orders": {"gateways": {"gcp": {}}}}}
    )
    assert with_it["aws"] == without["aws"]
    assert set(with_it["gcp"]) - set(without["gcp"]) == {
        "signet-prod-orders-refusals",
        "signet-prod-orders-could-not-check",
    }


def test_google_policies_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        "": {"alertPolicies": [{"displayName": "signet-prod-a"}], "nextPageToken": "t/2"},
        "&pageToken=t%2F2": {"alertPolicies": [{"displayName": "signet-prod-b"}]},
    }

    def get(_self: object, _host: str, path: str) -> object:
        _, mark, more = path.partition("&pageToken=")
        return pages[mark + more]

    monkeypatch.setattr(Google, "get", get)
    settings: Any = SimpleNamespace(project="p", endpoint=None)
    found = on_google.find_alarms(settings, "prod")
    assert found == {"signet-prod-a": None, "signet-prod-b": None}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("https://manager.test/rules?page=2", ["signet-prod-a", "signet-prod-b"]),
        ("https://elsewhere.test/rules?page=2", "goes on at another address"),
        ("https://manager.test.evil.test/rules", "goes on at another address"),
    ],
)
def test_azures_rules_are_listed_page_by_page_and_at_one_address(
    monkeypatch: pytest.MonkeyPatch, link: str, said: list[str] | str
) -> None:
    first = {"value": [{"name": "signet-prod-a"}, {"name": "another"}], "nextLink": link}
    pages = {"/rules": first, link: {"value": [{"name": "signet-prod-b"}]}}
    client: Any = SimpleNamespace(
        format_url=lambda url: url if url.startswith("https:") else f"https://manager.test{url}",
        send_request=lambda request, **_: SimpleNamespace(
            status_code=200,
            json=lambda: pages[request.url if request.url == link else "/rules"],
        ),
    )
    monkeypatch.setattr(Manager, "connect", lambda _: Manager(client))
    settings: Any = SimpleNamespace(endpoint=None, subscription="s", resource_group="g")
    if isinstance(said, str):
        with pytest.raises(AzureError, match=said):
            on_azure.find_alarms(settings, "prod")
    else:
        assert list(on_azure.find_alarms(settings, "prod")) == said
