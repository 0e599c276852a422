"""Gathers the doctor's facts: everything is asked at once, for ten seconds at most."""

import hashlib
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from signet.doctor.facts import (
    AlarmsFound,
    DocumentReading,
    Facts,
    FunctionReport,
    RecordedValidator,
    Ways,
)
from signet.documents import DISCOVERY_PATH, JWKS_PATH
from signet.errors import CouldNotCheck

if TYPE_CHECKING:
    from components.bounded import Answer
    from components.settings import Settings
    from signet.cli.keys_look import Known, Look
    from signet.probing.declared_ways import Looked

_SECONDS = 10.0
_LARGEST = 256 * 1024


def facts(look: "Look", outputs: Mapping[str, Any], *, try_ways: bool) -> Facts:
    """Ask stores, functions and clouds about a stack of which the plan was looked at."""
    from components.bounded import ask_all, wait_for

    settings, record = look.known.settings, look.known.record
    names = _alarm_names(settings, outputs)
    with look.known.stack.place.applied():
        documents = ask_all(_document_questions(settings, outputs))
        functions = ask_all(_function_questions(settings, _functions(outputs)))
        alarms = ask_all(_alarm_questions(settings))
        attached = ask_all(_attached_questions(settings, outputs))
        until = time.monotonic() + _SECONDS
        wait_for(documents.values(), _SECONDS)
        wait_for(functions.values(), until - time.monotonic())
        wait_for(alarms.values(), until - time.monotonic())
        wait_for(attached.values(), until - time.monotonic())
        ways = _try_ways(outputs) if try_ways else Ways(tried=None)
    rotation = settings.rotation
    return Facts(
        now=int(time.time()),
        clouds=settings.clouds,
        rings=tuple(record.journal.rings.values()) if record.journal else (),
        alarms_of_plan=look.planned.plan.alarms,
        leftovers=[(key.cloud, key.id) for key in look.planned.adoption.leftovers],
        unlisted=look.seen.unlisted,
        documents=[_document(key, answer) for key, answer in documents.items()],
        max_age=settings.timings.jwks_max_age,
        functions=[_report(name, answer) for name, answer in functions.items()],
        validators=_recorded(outputs),
        alarms=[_alarms(cloud, settings, answer) for cloud, answer in alarms.items()],
        alarm_names=names,
        issuers=outputs.get("issuers") or {},
        changed_settings=_changed(settings, outputs),
        rotation_period=rotation.rotation_period,
        up_interval=rotation.up_interval,
        clock_skew=settings.timings.clock_skew,
        ways=_with_attached(ways, attached),
    )


def _changed(settings: "Settings", outputs: Mapping[str, Any]) -> list[str]:
    """Settings that stand in the outputs, where the last run had another value."""
    now = {
        "issuer": settings.issuer,
        "audience": settings.audience,
        "requiredScope": settings.required_scope,
        "clouds": sorted(settings.clouds),
    }
    then = {**outputs, "clouds": sorted(outputs.get("jwksUrls") or {})}
    return [name for name, value in now.items() if then.get(name) != value]


def _document_questions(
    settings: "Settings", outputs: Mapping[str, Any]
) -> dict[str, Callable[[], DocumentReading]]:
    if settings.publish != "public":
        return {}

    def question(cloud: str, url: str, path: str) -> Callable[[], DocumentReading]:
        return lambda: _read(cloud, url, path, in_sandbox=settings.in_sandbox)

    own = {
        name: told.get("jwksUrls") or {}
        for name, told in (outputs.get("services") or {}).items()
        if told.get("ring") == name
    }
    folders = {
        "": outputs.get("jwksUrls") or {},
        **{f"{name}/": urls for name, urls in own.items()},
    }
    return {
        f"{cloud} {folder}{path}": question(
            cloud, f"{url.removesuffix(JWKS_PATH)}{path}", f"{folder}{path}"
        )
        for folder, urls in folders.items()
        for cloud, url in urls.items()
        for path in (JWKS_PATH, DISCOVERY_PATH)
    }


def _read(cloud: str, url: str, path: str, *, in_sandbox: bool) -> DocumentReading:
    from validator_functions.verification.fetch import get, parse_url

    target = parse_url(url, loopback_http=in_sandbox)
    answer = get(target, {"cache-control": "no-cache"}, time.monotonic() + _SECONDS, _LARGEST)
    date = answer.headers.get("date")
    return DocumentReading(
        cloud=cloud,
        path=path,
        status=answer.status,
        sha256=hashlib.sha256(answer.body).hexdigest(),
        content_type=answer.headers.get("content-type", ""),
        cache_control=answer.headers.get("cache-control", ""),
        server_time=_moment(date) if date else None,
    )


def _moment(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (TypeError, ValueError):
        return None


def _document(key: str, answer: "Answer[DocumentReading]") -> DocumentReading:
    try:
        return answer.result()
    except Exception as error:  # noqa: BLE001 - whatever hindered it: not known
        cloud, _, path = key.partition(" ")
        return DocumentReading(cloud=cloud, path=path, status=None, detail=_said(error))


def running_functions(look_at: "Known", outputs: Mapping[str, Any]) -> list[FunctionReport]:
    """Ask every recorded validator which bundle and settings it runs."""
    from components.bounded import ask_all, wait_for

    with look_at.stack.place.applied():
        validators = outputs.get("validators") or {}
        answers = ask_all(_function_questions(look_at.settings, validators))
        wait_for(answers.values(), _SECONDS)
    return [_report(name, answer) for name, answer in answers.items()]


def _recorded(outputs: Mapping[str, Any]) -> list[RecordedValidator]:
    return [
        RecordedValidator(
            name=name,
            bundle_sha256=str(told.get("bundleSha256", "")),
            settings_sha256=str(told.get("settingsSha256", "")),
        )
        for name, told in _functions(outputs).items()
    ]


def _functions(outputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What runs, by `<name>-<cloud>`: the validators, and the token service where there is one."""
    service = outputs.get("tokenService") or {}
    found = dict(outputs.get("validators") or {})
    return found | ({f"token-service-{service['cloud']}": service} if "cloud" in service else {})


def _function_questions(
    settings: "Settings", functions: Mapping[str, Any]
) -> dict[str, Callable[[], Mapping[str, Any]]]:
    """One question for each of them: at its health address, or by its cloud's API."""

    def question(told: Mapping[str, Any]) -> Callable[[], Mapping[str, Any]]:
        health, aws = str(told.get("health") or ""), settings.aws
        if health:
            return lambda: _health(health)
        if aws is None:
            raise CouldNotCheck("the stack's outputs do not say where to ask it")
        from components.aws.validator_report import ask

        return lambda: ask(aws, str(told.get("function", "")))

    return {name: question(told) for name, told in functions.items()}


def _health(url: str) -> Mapping[str, Any]:
    from signet.probing.gateway_call import call

    answer = call(url, None)
    told = json.loads(answer.body)
    if not isinstance(told, dict) or told.get("signet") != "report":
        raise CouldNotCheck(f"{urllib.parse.urlsplit(url).path} answers {answer.status}")
    return told


def _report(name: str, answer: "Answer[Mapping[str, Any]]") -> FunctionReport:
    cloud = name.rpartition("-")[2]
    try:
        told = answer.result()
    except Exception as error:  # noqa: BLE001 - whatever hindered it: not known
        return FunctionReport(name=name, cloud=cloud, detail=_said(error))
    clock = told.get("time")
    return FunctionReport(
        name=name,
        cloud=cloud,
        ready=told.get("ready") is True,
        bundle_sha256=str(told.get("bundle_sha256") or ""),
        settings_sha256=str(told.get("settings_sha256") or ""),
        time=clock if isinstance(clock, int) else None,
    )


def _alarm_names(settings: "Settings", outputs: Mapping[str, Any]) -> dict[str, list[str]]:
    """By cloud: the environment's alarms, each service's own, and the token service's where it
    runs."""
    from signet.signals import exchange_signals, of_service, signals

    refusals = settings.alarm_refusals
    common = signals(refusals=refusals, unknown_keys=settings.alarm_unknown_keys)
    runs_in = (outputs.get("tokenService") or {}).get("cloud")
    services = outputs.get("services") or {}
    return {
        cloud: [
            signal.alarm_name(settings.environment)
            for signal in (
                *common,
                *(
                    own
                    for name, told in services.items()
                    if cloud in told["gateways"]
                    for own in of_service(name, common)
                ),
                *(exchange_signals(refusals=refusals) if cloud == runs_in else ()),
            )
        ]
        for cloud in settings.clouds
    }


def _alarm_questions(
    settings: "Settings",
) -> dict[str, Callable[[], Mapping[str, bool | None]]]:
    asked: dict[str, Callable[[], Mapping[str, bool | None]]] = {}
    if (aws := settings.aws) is not None:
        from components.aws import alarm_census as on_aws

        asked["aws"] = lambda: on_aws.find_alarms(aws, settings.environment)
    if (azure := settings.azure) is not None:
        from components.azure import alarm_census as on_azure

        asked["azure"] = lambda: on_azure.find_alarms(azure, settings.environment)
    if (gcp := settings.gcp) is not None:
        from components.gcp import alarm_census as on_gcp

        asked["gcp"] = lambda: on_gcp.find_alarms(gcp, settings.environment)
    return asked


def _alarms(
    cloud: str, settings: "Settings", answer: "Answer[Mapping[str, bool | None]]"
) -> AlarmsFound:
    told = {
        "aws": settings.aws.alarm_topic if settings.aws else "",
        "azure": settings.azure.action_group if settings.azure else "",
        "gcp": settings.gcp.notification_channel if settings.gcp else "",
    }
    try:
        found = answer.result()
    except Exception as error:  # noqa: BLE001 - whatever hindered it: not known
        return AlarmsFound(cloud=cloud, found=None, told=bool(told[cloud]), detail=_said(error))
    return AlarmsFound(cloud=cloud, found=found, told=bool(told[cloud]))


def _try_ways(outputs: Mapping[str, Any]) -> Ways:
    from signet.probing.gateway_call import send
    from signet.probing.ways_around import attempts, try_all

    listed = attempts(outputs)
    try:
        openings = try_all(listed, send)
    except CouldNotCheck as error:
        return Ways(tried=len(listed), detail=error.what)
    shown = [
        f"{each.attempt.gateway}: {each.attempt.what} is answered with {each.status}"
        for each in openings
    ]
    return Ways(tried=len(listed), open=shown)


def _attached_questions(
    settings: "Settings", outputs: Mapping[str, Any]
) -> dict[str, Callable[[], "Looked"]]:
    """By cloud: what APIs of other teams leave open that are guarded by us."""
    asked: dict[str, Callable[[], Looked]] = {}
    if (aws := settings.aws) is not None and (on_aws := _attached(outputs, "aws")):
        from components.aws import attached as aws_apis

        asked["aws"] = lambda: aws_apis.open_ways(aws, on_aws)
    services = [each["apiManagement"] for each in _attached(outputs, "azure")]
    if (azure := settings.azure) is not None and services:
        from components.azure import attached as azure_apis

        asked["azure"] = lambda: azure_apis.open_ways(azure, services)
    if (gcp := settings.gcp) is not None and _attached(outputs, "gcp"):
        from components.gcp import attached as gcp_apis

        asked["gcp"] = lambda: gcp_apis.open_ways(gcp, str(outputs["issuer"]))
    return asked


def _attached(outputs: Mapping[str, Any], cloud: str) -> list[Mapping[str, Any]]:
    """What is told of a cloud's attached APIs: by the environment, then by each service."""
    services = (outputs.get("services") or {}).values()
    told = [outputs.get("attached"), *(service.get("attached") for service in services)]
    return [found for each in told if (found := (each or {}).get(cloud))]


def _with_attached(ways: Ways, answers: "Mapping[str, Answer[Looked]]") -> Ways:
    """Add what was found of attached APIs, and why some could not be looked at."""
    count, faults, unknown = 0, [], []
    for cloud, answer in sorted(answers.items()):
        try:
            looked = answer.result()
        except Exception as error:  # noqa: BLE001 - whatever hindered it: not known
            unknown.append(f"{cloud}: {_said(error)}")
            continue
        count += looked.apis
        faults += looked.faults
    return replace(ways, attached=count, declared=faults, undeclared="; ".join(unknown))


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
