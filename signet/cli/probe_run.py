"""Puts good and bad tokens to a validator's gateways as callers do: for `probe` and `demo`."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signet.cli import output
from signet.cli.issuing_record import IssuingRecord
from signet.errors import CouldNotCheck

if TYPE_CHECKING:
    from signet.probing.comparison import CaseResult
    from signet.probing.decision_log import LogSource
    from signet.probing.forgery import Bench
    from signet.probing.gateway_call import Gateway
    from signet.probing.service_target import ProbeTarget


def probe(
    stack: str, found: IssuingRecord, service: str, *, quiet: bool
) -> "tuple[ProbeTarget, list[CaseResult]]":
    """Put every case to every gateway of a service (or of the environment itself).

    Raises SettingsError, CouldNotCheck.
    """
    from signet.probing.comparison import compare
    from signet.probing.service_target import target_of

    target = target_of(found.outputs, service)
    made = bench(stack, found, target)
    with output.progress(f"calling {len(target.gateways)} gateways", quiet=quiet):
        results = compare(
            made, target.gateways, logs(found.outputs, target.gateways, service), target.call
        )
    return target, [_fair(result, target) for result in results]


def bench(stack: str, found: IssuingRecord, target: "ProbeTarget") -> "Bench":
    """Return what tokens for a target are made from, signed by the stack's active key."""
    from signet.issuing.active import active_key
    from signet.issuing.issuer import confirmed_keys
    from signet.issuing.signers import signer_for
    from signet.probing.forgery import Bench

    key = active_key(stack, found.journal, found.confirmed, ring=target.ring)
    signer = signer_for(key.cloud, key.key_reference, key.algorithm, identity=found.identity(key))
    confirmed_keys(signer, key.kid)
    ring = found.journal.rings[key.ring] if found.journal else None
    return Bench(
        signer=signer,
        kid=key.kid,
        issuer=key.issuer,
        audience=target.audience,
        scope=target.scope,
        roles=target.roles,
        extra=dict.fromkeys(target.claims, "signet-probe"),
        longest_lifetime=min(key.longest_lifetime, target.longest_token or key.longest_lifetime),
        clock_skew=max((g.timings.clock_skew for g in ring.published), default=0) if ring else 0,
        clock=time.time,
    )


def logs(
    outputs: Mapping[str, Any], gateways: "Sequence[Gateway]", service: str
) -> "dict[str, LogSource]":
    """Return where each cloud's validator of a service logs, from now on."""
    clouds = {gateway.cloud for gateway in gateways}
    return {cloud: log_of(cloud, outputs, service) for cloud in clouds}


def log_of(
    cloud: str, outputs: Mapping[str, Any], service: str, *, from_now: bool = True
) -> "LogSource":
    """Return where a validator logs. Raises CouldNotCheck where that cannot be read from here."""
    told = (outputs.get("validators") or {}).get(f"{service}-{cloud}") or {}
    if not told.get("logGroup") or not told.get("function"):
        raise CouldNotCheck(
            f"the stack's outputs do not say where the validator of {service} in {cloud} logs",
            remedy="`signet outputs` shows them",
        )
    if cloud == "aws":
        return _lambda_log(str(told["logGroup"]), service, from_now=from_now)
    from signet.probing.decision_log import WrittenLog

    sandbox = os.environ.get("SIGNET_SANDBOX")
    if sandbox is None:
        raise CouldNotCheck(
            f"why a request was refused stands in the logs of {cloud}, which are not read from "
            "here yet",
            remedy="docs/audit.md has the query; its answers are what the table would show",
        )
    # The fakes of the other clouds have no log service: their functions' lines stand in files.
    place = Path(sandbox) / cloud / "logs" / f"{told['function']}.log"
    return WrittenLog.from_now(place) if from_now else WrittenLog(place)


def show(gateways: "Sequence[Gateway]", results: "Sequence[CaseResult]") -> bool:
    """Print the table, and return whether everything was as expected."""
    from signet.probing import report

    wrong = sum(not result.as_expected for result in results)
    one = report.one_bundle(results)
    rows = report.rows(results)
    output.print_table("What each gateway answered", report.columns(gateways), rows)
    for cloud, hashes in report.bundles(results).items():
        output.say(f"logged in {cloud}: bundle {', '.join(hashes) or '(none)'}", style="faint")
    count = len(gateways)
    if wrong:
        output.say(f"{wrong} of {len(results)} cases differ from what is expected", style="bad")
    elif not one:
        output.say("not one and the same bundle decided everywhere", style="bad")
    else:
        output.say(f"{len(results)} cases at {count} gateways: all as expected", style="good")
    return one and not wrong


def _fair(result: "CaseResult", target: "ProbeTarget") -> "CaseResult":
    """A backend of the team's own does not tell who was calling; then nobody can be compared."""
    if not target.own_backend:
        return result
    told = [
        replace(each, wanted_subject=each.subject) if each.gateway.cloud == "aws" else each
        for each in result.observations
    ]
    return replace(result, observations=told)


def _lambda_log(group: str, service: str, *, from_now: bool) -> "LogSource":
    import boto3

    from signet.probing.decision_log import CloudWatchLog

    # boto3 reads AWS_DEFAULT_REGION alone, and its default session keeps its first credentials.
    client = boto3.Session(region_name=os.environ.get("AWS_REGION")).client("logs")
    return (
        CloudWatchLog.from_now(client, group, service, time.time())
        if from_now
        else CloudWatchLog(client, group, service)
    )
