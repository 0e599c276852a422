"""From facts to findings: one healthy environment, and each way in which it may not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from signet.doctor.checks import examine
from signet.doctor.facts import (
    AlarmsFound,
    DocumentReading,
    Facts,
    FunctionReport,
    RecordedValidator,
    Ways,
)
from signet.doctor.finding import Finding, Level, exit_code, sorted_by_weight
from signet.documents import DISCOVERY_PATH, JWKS_PATH
from signet.key_ring import Generation, KeyRing, State
from signet.rotation_plan import Alarm, AlarmCode
from signet.timings import Timings

NOW = 1_800_000_000
DAY = 86_400
TIMINGS = Timings(
    token_lifetime=900,
    jwks_max_age=300,
    cache_ceiling=300,
    stale_if_error=21_600,
    foreign_cache_age=86_400,
    clock_skew=60,
    issuer_lag=60,
)
BUNDLE, SETTINGS = "b" * 64, "a" * 64
ALARMS = ("signet-prod-refusals", "signet-prod-key-sets")


def generation(number: int, state: State, activated_at: int | None = None) -> Generation:
    return Generation(
        number=number,
        cloud="aws",
        algorithm="RS256",
        key_size=2048,
        state=state,
        timings=TIMINGS,
        prepared_at=NOW - 40 * DAY,
        activated_at=activated_at,
    )


def ring(age: int = DAY, *, staged: bool = True) -> KeyRing:
    made = [generation(1, State.ACTIVE, NOW - age)]
    if staged:
        made.append(generation(2, State.PREPARED))
    return KeyRing(
        name="environment",
        issuer="https://keys.example.com",
        sequence=7,
        next_generation=3,
        generations=tuple(made),
    )


def document(cloud: str, path: str = JWKS_PATH, **changes: Any) -> DocumentReading:
    good: dict[str, Any] = {
        "status": 200,
        "sha256": "c" * 64,
        "content_type": "application/jwk-set+json" if path == JWKS_PATH else "application/json",
        "cache_control": "public, max-age=300",
        "server_time": NOW + 1,
    }
    return DocumentReading(cloud=cloud, path=path, **{**good, **changes})


def function(cloud: str, **changes: Any) -> FunctionReport:
    good: dict[str, Any] = {
        "ready": True,
        "bundle_sha256": BUNDLE,
        "settings_sha256": SETTINGS,
        "time": NOW - 1,
    }
    return FunctionReport(name=f"environment-{cloud}", cloud=cloud, **{**good, **changes})


HEALTHY = Facts(
    now=NOW,
    clouds=("aws", "gcp"),
    rings=(ring(),),
    alarms_of_plan=(),
    documents=[document(c, p) for c in ("aws", "gcp") for p in (JWKS_PATH, DISCOVERY_PATH)],
    max_age=300,
    functions=[function("aws"), function("gcp")],
    validators=[
        RecordedValidator(name=f"environment-{c}", bundle_sha256=BUNDLE, settings_sha256=SETTINGS)
        for c in ("aws", "gcp")
    ],
    alarms=[
        AlarmsFound(cloud="aws", found=dict.fromkeys(ALARMS, False), told=True),
        AlarmsFound(cloud="gcp", found=dict.fromkeys(ALARMS, None), told=True),
    ],
    alarm_names={"aws": ALARMS, "gcp": ALARMS},
    issuers={"environment": {"aws": "arn:aws:iam::111122223333:role/issuer"}},
    rotation_period=30 * DAY,
    up_interval=DAY,
    clock_skew=60,
    ways=Ways(tried=200),
)


def worse(**changes: Any) -> list[Finding]:
    """The findings of a healthy environment but for these facts, without what is good."""
    found = examine(replace(HEALTHY, **changes))
    return [finding for finding in found if finding.level is not Level.GOOD]


def test_a_healthy_environment_has_something_good_in_every_area_and_nothing_else() -> None:
    found = examine(HEALTHY)
    assert [finding for finding in found if finding.level is not Level.GOOD] == []
    assert {finding.area for finding in found} == {
        *("settings", "identities", "keys", "stores", "functions", "clocks", "alarms"),
        "ways around",
    }
    assert exit_code(found) == 0


F, U, W = Level.FAULT, Level.UNKNOWN, Level.WARNING

CASES: list[tuple[str, dict[str, Any], Level, str, str]] = [
    ("a setting changed", {"changed_settings": ["audience"]}, W, "settings", "audience"),
    ("keys not listed", {"unlisted": {"gcp": "403"}}, U, "identities", "403"),
    ("nobody signs", {"issuers": {}}, F, "identities", "nobody is recorded"),
    ("a leftover key", {"leftovers": [("aws", "key-9")]}, W, "identities", "key-9"),
    (
        "a store altered",
        {"alarms_of_plan": [Alarm(AlarmCode.STORE_ALTERED, "environment", "aws holds others")]},
        F,
        "rotation",
        "environment: aws holds others",
    ),
    (
        "a store not verified",
        {"alarms_of_plan": [Alarm(AlarmCode.STORE_UNVERIFIED, "environment", "gcp: timeout")]},
        U,
        "rotation",
        "timeout",
    ),
    (
        "the whole environment",
        {"alarms_of_plan": [Alarm(AlarmCode.ENVIRONMENT, "", "it is another's")]},
        F,
        "rotation",
        "it is another's",
    ),
    ("a key is due", {"rings": (ring(30 * DAY + 1),)}, W, "keys", "which is due"),
    ("two runs missed", {"rings": (ring(32 * DAY),)}, W, "keys", "which is due"),
    ("a key is overdue", {"rings": (ring(32 * DAY + 1),)}, F, "keys", "overdue by 2 d"),
    ("no successor", {"rings": (ring(staged=False),)}, W, "keys", "no successor"),
    (
        "no key signs",
        {"rings": (replace(ring(), generations=(generation(2, State.PREPARED),)),)},
        F,
        "keys",
        "no key signs",
    ),
    (
        "a document differs",
        {"documents": [document("aws"), document("gcp", sha256="d" * 64)]},
        F,
        "stores",
        "differs between clouds: aws cccccccccccc, gcp dddddddddddd",
    ),
    ("a document is gone", {"documents": [document("aws", status=404)]}, F, "stores", "404"),
    (
        "a store is silent",
        {"documents": [document("aws", status=None, detail="timeout", server_time=None)]},
        U,
        "stores",
        "could not be read: timeout",
    ),
    (
        "a wrong type",
        {"documents": [document("aws", content_type="text/plain")]},
        F,
        "stores",
        "has Content-Type text/plain, and should have application/jwk-set+json",
    ),
    (
        "no cache header",
        {"documents": [document("aws", cache_control="")]},
        F,
        "stores",
        "has Cache-Control not, and should have public, max-age=300",
    ),
    (
        "another bundle",
        {"functions": [function("aws", bundle_sha256="e" * 64), function("gcp")]},
        F,
        "functions",
        "runs other code than was deployed: eeeeeeeeeeee",
    ),
    (
        "other settings",
        {"functions": [function("aws", settings_sha256=""), function("gcp")]},
        F,
        "functions",
        "other settings than recorded: none",
    ),
    (
        "no settings",
        {"functions": [function("aws", ready=False), function("gcp")]},
        F,
        "functions",
        "no usable settings",
    ),
    (
        "a silent function",
        {"functions": [function("aws"), FunctionReport(name="environment-gcp", cloud="gcp")]},
        U,
        "functions",
        "environment-gcp: does not answer",
    ),
    ("not asked", {"functions": [function("aws")]}, U, "functions", "was not asked"),
    (
        "a store's clock ahead",
        {"documents": [document("aws", server_time=NOW + 61)]},
        F,
        "clocks",
        "the store of aws is 1 min 1 s ahead",
    ),
    (
        "a function's clock behind",
        {"functions": [function("aws", time=NOW - 61), function("gcp")]},
        F,
        "clocks",
        "the function environment-aws is 1 min 1 s behind",
    ),
    (
        "an alarm missing",
        {"alarms": [AlarmsFound(cloud="aws", found={ALARMS[0]: None}, told=True)]},
        F,
        "alarms",
        "missing: signet-prod-key-sets",
    ),
    (
        "an alarm goes off",
        {"alarms": [AlarmsFound(cloud="aws", found=dict.fromkeys(ALARMS, True), told=True)]},
        F,
        "alarms",
        "signet-prod-refusals goes off",
    ),
    (
        "nobody is told",
        {"alarms": [AlarmsFound(cloud="aws", found=dict.fromkeys(ALARMS, None), told=False)]},
        W,
        "alarms",
        "nobody is told",
    ),
    (
        "alarms not listed",
        {"alarms": [AlarmsFound(cloud="aws", found=None, told=True, detail="403")]},
        U,
        "alarms",
        "403",
    ),
    ("a way around", {"ways": Ways(tried=9, open=["GET / passes"])}, F, "ways around", "GET /"),
    (
        "an attached API is open",
        {"ways": Ways(tried=9, attached=1, declared=["HTTP API a: route GET /x: open"])},
        F,
        "ways around",
        "route GET /x: open",
    ),
    (
        "an attached API is not known",
        {"ways": Ways(tried=9, attached=1, undeclared="403")},
        U,
        "ways around",
        "attached APIs leave open could not be found out: 403",
    ),
    ("ways not tried out", {"ways": Ways(tried=9, detail="no answer")}, U, "ways around", "answer"),
]


@pytest.mark.parametrize(
    ("changes", "level", "area", "text"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_wrong_is_found_with_its_remedy(
    changes: dict[str, Any], level: Level, area: str, text: str
) -> None:
    found = worse(**changes)
    first = found[0]
    assert (first.level, first.area) == (level, area)
    assert text in first.text
    assert all(finding.remedy for finding in found)
    assert {finding.area for finding in found} == {area}
    assert exit_code(found) == {F: 1, U: 3, W: 0}[level]


def test_a_fault_outweighs_what_is_not_known() -> None:
    found = sorted_by_weight(worse(issuers={}, unlisted={"gcp": "403"}, changed_settings=["x"]))
    assert [finding.level for finding in found] == [F, U, W]
    assert exit_code(found) == 1


def test_private_documents_are_left_to_the_plan() -> None:
    found = [
        finding for finding in examine(replace(HEALTHY, documents=())) if "stores" in finding.area
    ]
    assert [finding.level for finding in found] == [Level.GOOD]
    assert "private" in found[0].text


def test_ways_that_were_not_tried_are_said_so() -> None:
    found = examine(replace(HEALTHY, ways=Ways(tried=None)))
    assert any("add --ways-around" in finding.text for finding in found)


def test_a_ring_that_is_closed_has_no_age() -> None:
    closed = replace(ring(), generations=())
    assert worse(rings=(ring(), closed)) == []


def test_a_finding_is_told_as_json() -> None:
    told = Finding(level=F, area="keys", text="t", remedy="r").as_dict()
    assert told == {"level": "fault", "area": "keys", "text": "t", "cloud": "", "remedy": "r"}
