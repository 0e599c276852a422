"""Rotation as one pure function: what the next journal is, and why.

Invariants. Each is a property test over simulated time, faults and skew (``tests/unit/rotation``,
``tests/simulation``), and each rule that keeps them is named in ``rotation_rules``:

1.  A ring has exactly one active generation. Its ``kid`` was first read back from every cloud,
    and every validator that trusts the ring confirmed it by its settings hash. A validator that
    does not holds the flip and raises an alarm with its name. No published set is ever empty.
2.  Additions may be partial; a flip needs all clouds; a removal needs time. Every transition is
    justified by the journal and by this run's own read-back, never by the last run's word alone.
3.  flip >= read back everywhere + W, W = max(A + C + E, F) + 2S. A ring's first key signs at once.
4.  unpublish >= start of the first later run that sees the flip completed + D + T + 2S, and not
    before the retention has passed since then.
5.  A ring publishes four keys at most.
6.  The number of the published set only grows, continues above the highest one observed, and
    changes with every change of the set. A ring behind an observed number stops an ordinary run.
7.  Taint outranks 1 to 3, is never stopped, and is for ever: ``denied`` only grows. A denial that
    nobody journaled is adopted only if its KMS key is observed disabled; otherwise the run stops.
8.  No private key material: nothing here ever holds a key, only its number and its ``kid``.
9.  A generation number is allotted in the journal before any effect and never used again.
10. An issuer never changes once it is in the journal.
11. While the last journal was not completely applied, the plan repeats it: nothing new starts,
    except a taint or an emergency rotation, and what was merely seen is noted.
12. No clock moves anything that the record (a time in the future) or a store contradicts.
13. The same journal, record and readings give the same plan; with nothing to do the journal is
    returned byte for byte.

A run that is silent for weeks makes one rotation, not several: a successor needs its own W.
"""

from __future__ import annotations

from collections.abc import Mapping

from signet.confirmed import Confirmed
from signet.journal import Journal
from signet.key_ring import KeyRing, State
from signet.observed import Keys, StoreReading, Stores
from signet.rotation_evidence import Evidence
from signet.rotation_plan import Alarm, AlarmCode, Hold, Plan, Request, Transition
from signet.rotation_policy import PolicyFault, RingSpec, RotationPolicy, check_policy
from signet.rotation_ring import RingPlanner
from signet.rotation_rules import ALL_RULES, Rule
from signet.timings import Timings, duration, moment

__all__ = [
    "ALL_RULES",
    "Alarm",
    "AlarmCode",
    "Hold",
    "Plan",
    "PolicyFault",
    "Request",
    "RingSpec",
    "RotationPolicy",
    "Rule",
    "StoreReading",
    "Timings",
    "Transition",
    "check_policy",
    "plan",
]

READ_BACK_LIMIT = 5
"""A read-back takes at most this long, so a store's clock may differ from ours by that much."""


def plan(
    journal: Journal | None,
    confirmed: Confirmed | None,
    observed: Stores,
    policy: RotationPolicy,
    now: int,
    *,
    keys: Keys | None = None,
    request: Request | None = None,
    rules: frozenset[Rule] = ALL_RULES,
) -> Plan:
    """Compute the next journal of every ring.

    ``journal`` and ``confirmed`` are the stack's own record (None on a first run), ``observed``
    and ``keys`` this run's read-back, ``now`` the epoch second at which the run started.
    ``policy`` must have passed ``check_policy``. ``rules`` is for simulations only. Raises nothing
    for anything that can be observed: what is wrong becomes an alarm, and stops the run if it must.
    """
    if journal is not None and journal.environment != policy.environment:
        text = (
            f"this state belongs to {journal.environment!r}, the settings to {policy.environment!r}"
        )
        return Plan(journal, alarms=(Alarm(AlarmCode.ENVIRONMENT, "", text, stop=True),))
    known = dict(journal.rings) if journal is not None else {}
    settled = _settled(journal, confirmed)
    planners: list[RingPlanner] = []
    alarms = _missing_rings(known, policy)
    for spec in _specs(known, policy):
        ring = known.get(spec.name)
        blank = KeyRing(
            name=spec.name, issuer=spec.issuer, sequence=0, next_generation=1, generations=()
        )
        evidence = Evidence(
            ring=ring or blank,
            confirmed=confirmed,
            settled=settled,
            clouds=policy.clouds,
            stores=observed.get(spec.name, {}),
            keys=(keys or {}).get(spec.name, {}),
        )
        mine = request if request is not None and request.ring == spec.name else None
        planner = RingPlanner(evidence, spec, policy, now, rules, mine)
        _plan_ring(planner)
        planners.append(planner)
    if request is not None and all(spec.ring.name != request.ring for spec in planners):
        text = f"there is no key ring {request.ring!r}"
        alarms.append(Alarm(AlarmCode.REQUEST_REFUSED, request.ring, text, stop=True))
    return _gather(journal, policy, known, planners, alarms)


def _gather(
    journal: Journal | None,
    policy: RotationPolicy,
    known: dict[str, KeyRing],
    planners: list[RingPlanner],
    alarms: list[Alarm],
) -> Plan:
    for planner in planners:
        alarms.extend(planner.alarms)
    held = tuple(hold for planner in planners for hold in planner.held)
    if any(alarm.stop for alarm in alarms):
        return Plan(journal, held=held, alarms=tuple(alarms))
    following = Journal(
        policy.environment,
        {**known, **{planner.ring.name: planner.ring for planner in planners}},
        journal.services if journal is not None else {},
    )
    return Plan(
        journal if journal is not None and following.text == journal.text else following,
        tuple(step for planner in planners for step in planner.transitions),
        held,
        tuple(alarms),
        any(planner.follow_up for planner in planners),
    )


def _settled(journal: Journal | None, confirmed: Confirmed | None) -> bool:
    return (
        journal is not None and confirmed is not None and confirmed.journal_digest == journal.digest
    )


def _specs(known: Mapping[str, KeyRing], policy: RotationPolicy) -> list[RingSpec]:
    """Return the rings to plan: those of the settings, and those that end and still have keys."""
    ending = [s for s in policy.ending if s.name in known and not known[s.name].closed]
    return [*policy.rings, *ending]


def _missing_rings(known: Mapping[str, KeyRing], policy: RotationPolicy) -> list[Alarm]:
    asked = {spec.name for spec in (*policy.rings, *policy.ending)}
    return [
        Alarm(
            AlarmCode.RING_MISSING,
            name,
            "the journal has this ring, the settings have not: an older checkout, or its service"
            " lost its manifest before a run was complete. Nothing is done until that is settled",
            stop=True,
        )
        for name, ring in known.items()
        if name not in asked and not ring.closed
    ]


def _plan_ring(planner: RingPlanner) -> None:
    ring = planner.ring
    if planner.spec in planner.policy.ending:
        _judge_clock(planner)
        planner.remove()
        return
    if not ring.published:
        _judge_clock(planner)
        if not planner.clock_trusted:
            planner.alarm(AlarmCode.CLOCK, "the first key waits for a right clock", stop=True)
            return
        planner.start()
        planner.number_the_set()
        return
    if not _may_go_on(planner):
        return
    _judge_clock(planner)
    planner.weigh_denials()
    planner.taint_requested()
    planner.replace_undecided()
    planner.guard_sequence()
    planner.keep_high_water()
    planner.tell_unverified()
    planner.tell_clouds()
    if planner.clock_trusted:
        planner.record_read_back()
        planner.record_handover()
    planner.forget_rejected()
    _watch_keys(planner)
    _schedule(planner)
    planner.number_the_set()


def _schedule(planner: RingPlanner) -> None:
    """Run the steps that time and the record have to allow."""
    if planner.tainting:
        planner.warn_pending()
        planner.follow_up = planner.ring.prepared is None
        return
    if planner.asked("rotate_emergency"):
        planner.flip()
        planner.follow_up = planner.ring.prepared is None
        return
    if not planner.evidence.settled and Rule.COMPLETE_FIRST in planner.rules:
        planner.hold(None, "every new step", "the last run was not completed; it is repeated first")
        planner.alarm(
            AlarmCode.NOT_COMPLETED,
            "the last journal was not completely applied (a run failed, was targeted or was ended)."
            " This run repeats it; nothing new starts before it is complete",
        )
        planner.warn_pending()
        _refuse_rotate(planner)
        return
    if not planner.clock_trusted:
        planner.hold(None, "every timed step", "the clock of this run cannot be right")
        _refuse_rotate(planner)
        return
    planner.retire()
    planner.flip()
    planner.stage()
    planner.delete()
    _refuse_rotate(planner)


def _refuse_rotate(planner: RingPlanner) -> None:
    """Refuse a rotation by request that the rules held back, with what is missing."""
    if not planner.asked("rotate") or any(
        step.after is State.ACTIVE for step in planner.transitions
    ):
        return
    reasons = [str(hold) for hold in planner.held if hold.what in ("activation", "every new step")]
    left = [h.until - planner.now for h in planner.held if h.what == "activation" and h.until]
    wait = f" ({duration(max(left))} left)" if left else ""
    planner.refuse(f"it cannot rotate yet{wait}: {'; '.join(reasons) or 'see what waits'}")


def _may_go_on(planner: RingPlanner) -> bool:
    """Check what never changes while a ring lives: its issuer, and the clouds of its keys."""
    ring, policy = planner.ring, planner.policy
    if ring.issuer != planner.spec.issuer and Rule.ISSUER_FROZEN in planner.rules:
        planner.alarm(
            AlarmCode.ISSUER_CHANGED,
            f"the issuer is {ring.issuer} for good; the settings say {planner.spec.issuer}."
            " Set it back, or make a new ring",
            stop=not planner.asked("taint"),
        )
        if not planner.asked("taint"):
            return False
    away = [g for g in ring.generations if g.exists and g.cloud not in policy.clouds]
    if away and not planner.asked("taint"):
        planner.alarm(
            AlarmCode.CLOUD_MISSING,
            f"generation {away[0].number} has its KMS key in {away[0].cloud}, which clouds no"
            " longer names. Keep that cloud until the key is deleted",
            stop=True,
        )
        return False
    return True


def _judge_clock(planner: RingPlanner) -> None:
    """Weigh this run's clock against the stores' and against the record."""
    if Rule.CLOCK_GUARD not in planner.rules:
        return
    now, allowed = planner.now, planner.policy.timings.clock_skew + READ_BACK_LIMIT
    times = [r.server_time for r in planner.evidence.stores.values() if r.server_time is not None]
    wrong = [at for at in times if abs(at - now) > allowed]
    planner.clock_proven = bool(times) and not wrong
    if wrong:
        planner.clock_trusted = False
        planner.alarm(
            AlarmCode.CLOCK,
            f"this run's clock says {moment(now)}, a store says {moment(wrong[0])}:"
            " no timed step is made until they agree",
        )
        return
    ahead = planner.future_time()
    if ahead is None:
        return
    if planner.clock_proven:
        planner.mend_future_times()
        text = (
            f"an earlier run's clock was wrong (it noted {moment(ahead)}); those waits start again"
        )
        planner.alarm(AlarmCode.CLOCK, text)
        return
    planner.clock_trusted = False
    planner.alarm(
        AlarmCode.CLOCK,
        f"the journal holds {moment(ahead)}, which is ahead of this run's clock ({moment(now)}):"
        " one of the two clocks was wrong, so no timed step is made",
    )


_DESPITE_A_DISABLED_KEY = ("taint", "rotate_emergency", "trust_journal")


def _watch_keys(planner: RingPlanner) -> None:
    """Alarm for KMS keys that are not what the record says."""
    confirmed = planner.evidence.confirmed
    for generation in planner.evidence.ring.published:
        kid = confirmed.kid(planner.ring.name, generation.number) if confirmed else None
        found = planner.evidence.key(generation.number).kid
        if kid and found and kid != found:
            planner.alarm(
                AlarmCode.KMS,
                f"the KMS key of generation {generation.number} is not the one that was confirmed"
                f" ({kid}): it was replaced by {found}. {planner.command('taint', kid)}"
                " gives it up",
                stop=not planner.asked("taint"),
            )
    for generation in planner.ring.published:
        status = planner.evidence.key(generation.number).status
        if status not in ("disabled", "gone"):
            continue
        kid = planner.evidence.kids.get(generation.number, "its kid")
        signs = ": no token can be issued" if generation.state is State.ACTIVE else ""
        planner.alarm(
            AlarmCode.KMS,
            f"the KMS key of generation {generation.number} ({generation.state}) reads {status},"
            f" and nobody denied it{signs}. Either somebody disabled it, or a taint was broken off:"
            f" enable it, or {planner.command('taint', kid)}. Or this state is older than its"
            " retirement:"
            " bring the newest state back",
            stop=Rule.KMS_AGREES in planner.rules
            and not any(map(planner.asked, _DESPITE_A_DISABLED_KEY)),
        )
