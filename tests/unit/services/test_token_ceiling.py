"""How long tokens of a service whose lifetime changed are taken: tables, then many runs."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signet.rotation_policy import DEFAULT_TIMINGS
from signet.token_ceiling import Ceiling, following

TIMINGS = replace(DEFAULT_TIMINGS, issuer_lag=60, clock_skew=60)
NOW = 1_800_000_000
WAIT = 60 + 900 + 2 * 60
"""D + H + 2S of DESIGN.md's invariant 4, for tokens of 15 minutes."""

HIGH = Ceiling(offered=900, accepted=900)
LOWERED = Ceiling(offered=300, accepted=900)
ENDING = replace(LOWERED, ends=NOW + WAIT)


@pytest.mark.parametrize(
    ("before", "offered", "settled", "now", "after"),
    [
        pytest.param(None, 300, True, NOW, Ceiling(offered=300, accepted=300), id="first"),
        pytest.param(HIGH, 900, True, NOW, HIGH, id="nothing to do"),
        pytest.param(HIGH, 1_200, True, NOW, Ceiling(offered=1_200, accepted=1_200), id="raised"),
        pytest.param(HIGH, 300, True, NOW, LOWERED, id="lowered: both are remembered"),
        pytest.param(LOWERED, 300, False, NOW, LOWERED, id="not completed: no wait begins"),
        pytest.param(LOWERED, 300, True, None, LOWERED, id="clock not trusted: no wait begins"),
        pytest.param(LOWERED, 300, True, NOW, ENDING, id="seen completed: the wait begins"),
        pytest.param(ENDING, 300, True, NOW + WAIT - 1, ENDING, id="a second too early"),
        pytest.param(ENDING, 300, True, None, ENDING, id="clock not trusted: no wait ends"),
        pytest.param(
            ENDING, 300, True, NOW + WAIT, Ceiling(offered=300, accepted=300), id="all run out"
        ),
        pytest.param(
            ENDING, 200, True, NOW, Ceiling(offered=200, accepted=900), id="lowered again: anew"
        ),
        pytest.param(
            ENDING, 600, True, NOW, replace(ENDING, offered=600), id="raised below: it goes on"
        ),
        pytest.param(ENDING, 900, True, NOW, HIGH, id="raised to what it was"),
        pytest.param(
            replace(ENDING, ends=NOW + 9_000_000), 300, True, NOW, ENDING, id="an end too far away"
        ),
    ],
)
def test_a_lowered_lifetime_binds_validators_once_longer_tokens_have_run_out(
    before: Ceiling | None, offered: int, settled: bool, now: int | None, after: Ceiling
) -> None:
    known = {} if before is None else {"orders": before}
    found = following(known, {"orders": offered}, TIMINGS, now, settled=settled)
    assert found == {"orders": after}


def test_a_service_that_is_no_longer_there_is_forgotten_and_no_other() -> None:
    known = {"orders": HIGH, "bills": LOWERED}
    assert following(known, {"bills": 300}, TIMINGS, NOW, settled=False) == {"bills": LOWERED}


@dataclass
class World:
    """Runs at odd times, some of which fail; an issuer that lags; tokens that are checked."""

    now: int = NOW
    journal: dict[str, Ceiling] = field(default_factory=dict)
    complete: bool = True
    told: int | None = None
    """What the last complete run told issuers that they may give."""
    issued: list[tuple[int, int]] = field(default_factory=list)
    """Lifetime of tokens, and when the last of them expires."""

    def run(self, offered: int, *, fails: bool) -> None:
        self.journal = following(
            self.journal, {"orders": offered}, TIMINGS, self.now, settled=self.complete
        )
        if self.told is not None:
            # Until this run is complete, and D longer, issuers go on as they were told before.
            last = self.now + 30 + TIMINGS.issuer_lag
            self.issued.append((self.told, last + self.told))
        self.complete = not fails
        self.told = self.told if fails else offered
        self.check()

    def check(self) -> None:
        alive = [life for life, end in self.issued if end + TIMINGS.clock_skew > self.now]
        ceiling = self.journal["orders"]
        assert max([*alive, ceiling.offered]) <= ceiling.accepted


@given(
    st.lists(
        st.tuples(
            st.sampled_from([60, 300, 600, 900, 3_600]),
            st.integers(60, 5_000),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_no_live_token_is_longer_than_what_is_accepted_whatever_runs_fail(
    runs: list[tuple[int, int, bool]],
) -> None:
    world = World()
    world.run(900, fails=False)
    for offered, later, fails in runs:
        world.now += later
        world.run(offered, fails=fails)
    # It comes to an end, given runs that change nothing.
    last = world.journal["orders"].offered
    for _ in range(30):
        world.now += 3_600
        world.run(last, fails=False)
    assert world.journal["orders"] == Ceiling(offered=last, accepted=last)
