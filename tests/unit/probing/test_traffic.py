"""Traffic under rotations, and times to refusal: what is counted, and against what it is held."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from signet.denial import RefusalTimes
from signet.documents import jwk_from_pem, render_jwks
from signet.errors import CouldNotCheck, NegativeAnswer
from signet.probing.refusal_times import Cuttable, Measured, refuses, until
from signet.probing.rotation_report import RotationReport
from signet.probing.traffic import Issued, Tally, Traffic
from tests.unit.issuing.local_keys import LocalSigner
from validator_functions.verification.fetch import Fetched, FetchFailed
from validator_functions.verification.key_source import KeySource
from validator_functions.verification.keys import KeySet
from validator_functions.verification.refresh_timing import Timing
from validator_functions.verification.ring_source import RingSource

LIFETIME = 15.0
MARGIN = 2.0


@dataclass
class World:
    """One issuer, two gateways, and a clock that a test moves."""

    now: float = 1_000.0
    kid: str = "first"
    answers: dict[str, int | None] = field(default_factory=dict)
    """Status by `kid`; 200 unless a test says otherwise, None for no answer."""
    cannot_issue: bool = False

    def issue(self) -> Issued:
        if self.cannot_issue:
            raise NegativeAnswer("the KMS key is disabled")
        return Issued(token=self.kid, kid=self.kid, at=self.now, expires=self.now + LIFETIME)

    def check(self, token: str) -> int:
        status = self.answers.get(token, 200)
        if status is None:
            raise CouldNotCheck("no answer")
        return status


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def traffic(world: World) -> Traffic:
    checks = {"aws": world.check, "gcp": world.check}
    return Traffic(world.issue, checks, lambda: world.now, margin=MARGIN)


def drain(traffic: Traffic) -> None:
    for cloud in ("aws", "gcp"):
        while traffic.check_one(cloud):
            pass


def test_every_token_is_checked_in_every_cloud_at_once_and_before_it_expires(
    world: World, traffic: Traffic
) -> None:
    traffic.issue_one()
    drain(traffic)
    assert traffic.tally().accepted == {"aws": 1, "gcp": 1}
    world.now += LIFETIME - MARGIN - 0.5
    drain(traffic)
    assert traffic.tally().checks == 2
    world.now += 0.5
    drain(traffic)
    told = traffic.tally()
    assert (told.issued, told.accepted, told.refused) == (1, {"aws": 2, "gcp": 2}, [])


@pytest.mark.parametrize("status", [401, 403, 503, None])
def test_a_good_token_that_does_not_pass_is_a_refusal(
    world: World, traffic: Traffic, status: int | None
) -> None:
    world.answers["first"] = status
    traffic.issue_one()
    drain(traffic)
    refused = traffic.tally().refused
    assert [(each.cloud, each.status) for each in refused] == [("aws", status), ("gcp", status)]
    assert "first" in str(refused[0])


def test_a_tainted_key_may_be_refused_and_no_other(world: World, traffic: Traffic) -> None:
    traffic.issue_one()
    world.kid = "second"
    traffic.issue_one()
    world.answers = {"first": 401, "second": 401}
    traffic.except_for("first")
    drain(traffic)
    assert {each.kid for each in traffic.tally().refused} == {"second"}


def test_a_token_that_expired_before_it_was_checked_proves_nothing(
    world: World, traffic: Traffic
) -> None:
    world.answers["first"] = 401
    traffic.issue_one()
    world.now += LIFETIME
    drain(traffic)
    assert traffic.tally() == Tally(issued=1, keys=["first"])


def test_a_token_that_cannot_be_issued_is_told(world: World, traffic: Traffic) -> None:
    world.cannot_issue = True
    traffic.issue_one()
    assert traffic.tally().unissued == ["the KMS key is disabled"]


def test_traffic_runs_until_it_is_stopped(world: World) -> None:
    made = Traffic(world.issue, {"aws": world.check}, lambda: world.now, every=0.01)
    made.start()
    made.stop()
    assert made.tally().issued >= 1


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("accepted", "settled", "limit", "expected"),
    [
        ([(0, 3)], 0.0, 10, 2.75),
        ([(0, 3), (4, 6)], 2.0, 10, 5.75),
        ([(0, 3), (4, 6)], 0.5, 10, 2.75),
        ([(0, 99)], 0.0, 10, None),
        ([], 2.0, 10, 0),
    ],
)
def test_the_time_to_refusal_ends_with_the_last_acceptance(
    accepted: list[tuple[float, float]], settled: float, limit: float, expected: float | None
) -> None:
    clock = Clock()

    def refused() -> bool:
        return not any(start <= clock.now < end for start, end in accepted)

    took = until(refused, 0.0, limit, settled=settled, clock=clock, sleep=clock.sleep, every=0.25)
    assert took == expected


PROMISED = RefusalTimes(store_reachable=4, out_of_contact=5, foreign=0, token_lifetime=15)


def measured(
    store: float | None = 3.0, run: float | None = 9.0, cut: float | None = 5.0
) -> Measured:
    return Measured(cloud="aws", store_reachable=store, redeployed=run, out_of_contact=cut)


@pytest.mark.parametrize(
    ("found", "late"),
    [
        (measured(), []),
        (measured(store=5.0, cut=6.0), []),
        (measured(store=5.1), ["aws, its store reachable: 5.1 s, promised 4 s"]),
        (measured(run=320.0), []),
        (measured(run=None), ["aws, settings redeployed: never"]),
        (measured(cut=None), ["aws, neither: never, promised 5 s"]),
    ],
)
def test_what_takes_longer_than_promised_is_late(found: Measured, late: list[str]) -> None:
    assert found.late(PROMISED) == late


def report(tally: Tally, found: Measured) -> RotationReport:
    return RotationReport(
        seconds=300.0,
        runs=9,
        rotations=2,
        tally=tally,
        unissued_while_rotating=0,
        measured=[found],
        promised=PROMISED,
    )


def test_the_verdict_is_good_only_without_a_refusal_and_without_a_late_one(
    world: World, traffic: Traffic
) -> None:
    traffic.issue_one()
    drain(traffic)
    good = report(traffic.tally(), measured())
    assert good.faults() == []
    assert good.verdict().endswith("within what the settings promise")
    assert good.token_rows()[0] == ["accepted", 1, 1]
    assert good.time_rows()[1] == ["aws", "3.0 s", "9.0 s", "5.0 s"]
    assert good.document()["measured"]["aws"]["neither"] == 5.0
    late = report(traffic.tally(), measured(store=60.0))
    assert late.verdict().endswith("not as promised")
    world.answers["first"] = 401
    traffic.issue_one()
    drain(traffic)
    bad = report(traffic.tally(), measured())
    assert len(bad.faults()) == 2
    assert bad.token_rows()[1] == ["refused", (1, "bad"), (1, "bad")]


def test_an_instance_that_is_cut_off_refuses_after_its_last_contact_is_too_old() -> None:
    jwk = jwk_from_pem(LocalSigner("ES256").public_key_pem(), "ES256")
    body = render_jwks([jwk], 1, []).encode()

    def fetch(url: str, *, etag: str | None, timeout: float) -> Fetched:
        assert timeout > 0
        assert etag is None or etag
        return Fetched(body, None, None, 200, url)

    clock = Clock()
    fetcher = Cuttable(fetch)
    source = KeySource(
        RingSource(
            issuer="https://i.example",
            urls=["https://s.example/jwks.json"],
            deployed=KeySet.parse(body),
            fixed=True,
            timing=Timing(max_age=2, ceiling=2, stale=5),
        ),
        fetcher,
        clock,
        spawn=lambda work: work(),
    )
    assert not refuses(source, "https://i.example", jwk["kid"], clock)
    fetcher.cut = True
    with pytest.raises(FetchFailed):
        fetcher("https://s.example", etag=None, timeout=1.0)
    clock.now += 4.9
    assert not refuses(source, "https://i.example", jwk["kid"], clock)
    clock.now += 0.2
    assert refuses(source, "https://i.example", jwk["kid"], clock)
