"""The steps of the plan for one ring; ``rotation.plan`` runs them in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from signet.confirmed import ValidatorReport
from signet.key_ring import MOST_PUBLISHED, Generation, KeyRing, State
from signet.rotation_evidence import LARGEST_JUMP, Evidence
from signet.rotation_plan import Alarm, AlarmCode, Hold, Request, Transition, command
from signet.rotation_policy import RingSpec, RotationPolicy
from signet.rotation_rules import Rule
from signet.timings import Timings, duration, moment

DELETED_KEPT = 4
"""How many deleted generations stay in the journal, for people to see."""


@dataclass
class RingPlanner:
    """One ring on its way from the journal's state to the next. Methods are the steps."""

    evidence: Evidence
    spec: RingSpec
    policy: RotationPolicy
    now: int
    rules: frozenset[Rule]
    request: Request | None = None
    clock_trusted: bool = True
    """False: the stores contradict this run's clock, so that it may move nothing."""
    clock_proven: bool = False
    """True: a store confirmed this run's clock, so a recorded time in the future is wrong."""

    ring: KeyRing = field(init=False)
    transitions: list[Transition] = field(default_factory=list)
    held: list[Hold] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    follow_up: bool = False
    tainting: bool = False

    def __post_init__(self) -> None:
        self.ring = self.evidence.ring

    # --- words -----------------------------------------------------------------------------

    def alarm(self, code: AlarmCode, text: str, *, stop: bool = False) -> None:
        """Add an alarm about this ring."""
        self.alarms.append(Alarm(code, self.ring.name, text, stop))

    def command(self, action: str, kid: str = "") -> str:
        """Return the command by which an operator decides about this ring."""
        return command(self.policy.environment, self.ring.name, action, kid)

    def hold(self, number: int | None, what: str, why: str, until: int | None = None) -> None:
        """Add something that is held back."""
        self.held.append(Hold(self.ring.name, number, what, why, until))

    def asked(self, kind: str) -> bool:
        """Whether the operator's request is of this kind, and about this ring."""
        return self.request is not None and self.request.kind == kind

    # --- changing the ring -----------------------------------------------------------------

    def change(self, number: int, **fields: Any) -> None:
        """Replace fields of one generation."""
        self.ring = replace(
            self.ring,
            generations=tuple(
                replace(g, **fields) if g.number == number else g for g in self.ring.generations
            ),
        )

    def move(self, generation: Generation, after: State, why: str) -> None:
        """Move one generation to another state, now."""
        named = {
            State.ACTIVE: "activated_at",
            State.RETIRING: "retiring_at",
            State.RETIRED: "retired_at",
            State.TAINTED: "tainted_at",
            State.DELETED: "deleted_at",
        }[after]
        self.change(generation.number, state=after, **{named: self.now})
        self.transitions.append(
            Transition(self.ring.name, generation.number, generation.state, after, why)
        )

    def allot(self, state: State, why: str) -> None:
        """Give the next number to a new generation with the settings of today."""
        algorithm, key_size = self.policy.key_of(self.spec)
        number = self.ring.next_generation
        if Rule.NUMBERS_NEVER_REUSED in self.rules:
            number = max(number, *(n + 1 for n in self.evidence.keys), 1)
        fresh = Generation(
            number=number,
            cloud=self.policy.home,
            algorithm=algorithm,
            key_size=key_size,
            state=state,
            timings=self.policy.timings,
            prepared_at=self.now,
            activated_at=self.now if state is State.ACTIVE else None,
        )
        self.ring = replace(
            self.ring,
            next_generation=number + 1,
            generations=(*self.ring.generations, fresh),
        )
        self.transitions.append(Transition(self.ring.name, number, None, state, why))

    # --- a ring's first keys ---------------------------------------------------------------

    def start(self) -> None:
        """First keys: the first signs at once, because nobody holds a token yet."""
        trusting = self.asked("trust_journal") or self.asked("taint")
        unknown = self.evidence.ahead if self.ring.sequence else self.evidence.read
        if unknown and not trusting and Rule.SEQUENCE_GUARD in self.rules:
            clouds = ", ".join(sorted(unknown))
            self.alarm(
                AlarmCode.NO_JOURNAL,
                f"a set is published in {clouds}, but no journal knows of it: this state is new or"
                " was lost. Bring the right state back, or give the ring another issuer",
                stop=True,
            )
            return
        self.allot(State.ACTIVE, "first key of the ring: it has no consumers, so it signs at once")
        self.allot(State.PREPARED, "staged as successor")

    # --- denials and taint -----------------------------------------------------------------

    def weigh_denials(self) -> None:
        """Adopt denials whose KMS key is disabled; stop on any other that nobody decided."""
        if Rule.DENIALS_ADOPTED not in self.rules:
            return
        for kid in sorted(self.evidence.new_denials):
            number = self.evidence.number_of(kid)
            disabled = number is not None and self.evidence.key(number).status in (
                "disabled",
                "gone",
            )
            asked = self.request is not None and self.request.kid == kid
            if asked and self.asked("taint"):
                continue
            if disabled or Rule.DENIALS_NEED_KMS not in self.rules:
                self.deny(kid, "denied in a published set, and its KMS key is disabled")
                self.alarm(AlarmCode.DENIAL_ADOPTED, f"the denial of {kid} was adopted")
            elif asked and self.asked("reject_denial"):
                self.ring = replace(
                    self.ring,
                    denied=self.ring.denied - {kid},
                    undecided=self.ring.undecided - {kid},
                    rejected=self.ring.rejected | {kid},
                )
            elif kid not in self.ring.rejected:
                self.undecided(kid, number)

    def undecided(self, kid: str, number: int | None) -> None:
        """Stop: a store denies a key, and nothing proves who wrote that.

        A taint of another key goes on, and carries the denial along: it may be a true one.
        """
        if self.asked("taint"):
            self.ring = replace(
                self.ring,
                denied=self.ring.denied | {kid},
                undecided=self.ring.undecided | {kid},
            )
        if number is None:
            whose = "which is no key of this journal"
        else:
            whose = f"generation {number}, whose KMS key reads {self.evidence.key(number).status}"
        clouds = [c for c, found in sorted(self.evidence.read.items()) if kid in found.denied]
        self.alarm(
            AlarmCode.DENIAL_UNKNOWN,
            f"the set in {', '.join(clouds) or 'no store'} denies {kid} ({whose}), and nothing"
            " proves that we did."
            f" Decide: {self.command('taint', kid)}; if it was forged,"
            f" {self.command('reject-denial', kid)}."
            f" {'Until then it stays denied' if self.asked('taint') else 'Nothing is done before'}",
            stop=not self.asked("taint"),
        )

    def taint_requested(self) -> None:
        """Taint the key that the operator named."""
        if self.request is None or not self.asked("taint"):
            return
        self.deny(self.request.kid, "tainted by request")
        if self.evidence.number_of(self.request.kid) is None:
            self.alarm(
                AlarmCode.WILL_BREAK,
                f"no generation of this ring is known to have {self.request.kid}:"
                " it is denied everywhere, but no KMS key was found to disable",
            )

    def deny(self, kid: str, why: str) -> None:
        """Deny a ``kid`` for ever and take its generation out (invariant 7)."""
        self.tainting = True
        self.ring = replace(
            self.ring,
            denied=self.ring.denied | {kid},
            undecided=self.ring.undecided - {kid},
            rejected=self.ring.rejected - {kid},
        )
        number = self.evidence.number_of(kid)
        found = self.ring.generation(number) if number is not None else None
        if found is None or found.state in (State.TAINTED, State.DELETED):
            return
        self.move(found, State.TAINTED, why)
        self.alarm(
            AlarmCode.WILL_BREAK,
            f"every token of generation {found.number} is refused from now on",
        )
        if found.state is State.ACTIVE:
            self.succeed("takes over from the tainted key at once")

    def succeed(self, why: str) -> None:
        """Let the staged successor sign at once; make one if there is none."""
        successor = self.ring.prepared
        if successor is None or self.evidence.kids.get(successor.number) in self.ring.denied:
            self.allot(State.ACTIVE, f"{why}; no other is staged, so it is made now")
            self.warn_of_caches(None)
            return
        self.move(successor, State.ACTIVE, why)
        self.warn_of_caches(successor)

    def warn_of_caches(self, successor: Generation | None) -> None:
        """Say whose tokens may be refused because a key signs before its waiting time."""
        confirmed = self.evidence.confirmed
        unsure = successor is not None and (
            confirmed is None
            or confirmed.kid(self.ring.name, successor.number) is None
            or any(
                self.ring.name in report.rings and not report.agrees
                for report in confirmed.validators.values()
            )
        )
        if successor is not None and unsure:
            self.alarm(
                AlarmCode.WILL_BREAK,
                f"not every validator is known to hold generation {successor.number}: one that this"
                " run cannot deploy refuses its tokens",
            )
        wait = self.waits().publish_wait
        ready = None if successor is None else self.readable_since(successor)
        if successor is not None and ready is not None and ready + wait <= self.now:
            return
        which = "the new key" if successor is None else f"generation {successor.number}"
        since = (
            "not yet read back everywhere" if ready is None else f"published since {moment(ready)}"
        )
        self.alarm(
            AlarmCode.WILL_BREAK,
            f"{which} is {since}: caches that do not hold it may refuse its tokens for up to"
            f" {duration(wait)}",
        )

    def warn_pending(self) -> None:
        """Repeat the warning while a hasty flip is in the journal and not yet completed."""
        active, confirmed = self.ring.active, self.evidence.confirmed
        flipped = any(step.after is State.ACTIVE for step in self.transitions)
        if active is None or confirmed is None or flipped:
            return
        if confirmed.active.get(self.ring.name) not in (None, active.number):
            self.warn_of_caches(active)

    def replace_undecided(self) -> None:
        """Let another key sign while the denial of the active one is undecided.

        Nothing is tainted: rejected, the old key is back as a retiring one.
        """
        active = self.ring.active
        if active is None or self.evidence.kids.get(active.number) not in self.ring.undecided:
            return
        self.move(active, State.RETIRING, "its denial is undecided, and no denied key signs")
        self.succeed("takes over while the denial of the active key is undecided")

    # --- the sequence ----------------------------------------------------------------------

    def guard_sequence(self) -> None:
        """Stop if a store or the KMS is ahead of the journal and no decided denial explains it."""
        if Rule.SEQUENCE_GUARD not in self.rules:
            return
        unknown = [n for n in self.evidence.keys if n >= self.ring.next_generation]
        if self.asked("trust_journal") or self.asked("taint"):
            if unknown and Rule.NUMBERS_NEVER_REUSED in self.rules:
                self.ring = replace(self.ring, next_generation=max(unknown) + 1)
            return
        if unknown:
            self.alarm(
                AlarmCode.RING_BEHIND,
                f"the KMS holds generation {max(unknown)}, which this journal never allotted: this"
                " state is older than that key. Bring the newest state back",
                stop=True,
            )
        adopted = self.ring.denied - self.evidence.ring.denied
        for cloud, found in sorted(self.evidence.ahead.items()):
            rejected = self.request is not None and self.request.kid in found.denied
            if self.evidence.explained_by(adopted, found):
                continue
            if rejected and self.asked("reject_denial"):
                continue
            self.alarm(
                AlarmCode.RING_BEHIND,
                f"{cloud} publishes number {found.sequence}, the journal is at"
                f" {self.evidence.ring.sequence}: this state is older than what was published, or"
                " somebody else wrote to the store. Bring the newest state back; or, if you know"
                f" that the set was forged, run {self.command('trust-journal')}",
                stop=True,
            )

    def number_the_set(self) -> None:
        """Give the set a new number if its content changes or a store has to be rewritten."""
        before, after = self.evidence.ring, self.ring
        fresh = not before.generations
        changed = fresh or _content(before) != _content(after)
        repair = self.evidence.altered if Rule.REPAIR in self.rules else ()
        self.tell_altered(repair)
        above = self.evidence.highest if Rule.CONTINUE_ABOVE in self.rules else 0
        climbing = max(above, after.sequence_floor) > after.sequence
        if not changed and not repair and not climbing:
            return
        wanted = max(max(after.sequence, above) + 1, after.sequence_floor)
        number = min(wanted, after.sequence + LARGEST_JUMP) if after.sequence else wanted
        floor = wanted if number < wanted else 0
        self.ring = replace(after, sequence=number, sequence_floor=floor)

    def tell_altered(self, clouds: tuple[str, ...]) -> None:
        """Alarm for each store that holds something else than was left there."""
        for cloud in clouds:
            found = self.evidence.store(cloud)
            known = any(cloud in g.read_back for g in self.evidence.ring.published)
            denied = self.ring.denied - self.evidence.ring.denied
            if found.status == "absent" and not known:
                continue
            if self.evidence.explained_by(denied, found):
                continue
            if found.malformed:
                gave = f"something that is no key set ({found.detail}), other"
            elif found.status == "absent":
                gave = "no set, other"
            else:
                gave = f"another set (number {found.sequence})"
            strange = found.kids - (self.evidence.expected_kids or found.kids)
            keys = f", with keys that are not ours: {', '.join(sorted(strange))}" if strange else ""
            self.alarm(
                AlarmCode.STORE_ALTERED,
                f"{cloud} gives back {gave} than the last run left there{keys}."
                " It is rewritten under a new number; find out who changed it",
            )

    # --- records ---------------------------------------------------------------------------

    def keep_high_water(self) -> None:
        """Raise each published generation's timings to the settings of today."""
        for generation in self.ring.published:
            joined = generation.timings.joined(self.policy.timings)
            if joined != generation.timings:
                self.change(generation.number, timings=joined)

    def mend_future_times(self) -> None:
        """Restart waits that a wrong clock of an earlier run recorded in the future."""
        for generation in self.ring.generations:
            marks = {c: min(at, self.now) for c, at in generation.read_back.items()}
            times = {
                name: min(at, self.now)
                for name in ("activated_at", "handed_over_at", "retired_at", "tainted_at")
                if (at := getattr(generation, name)) is not None
            }
            if marks != dict(generation.read_back) or any(
                getattr(generation, name) != at for name, at in times.items()
            ):
                self.change(generation.number, read_back=marks, **times)

    def future_time(self) -> int | None:
        """Return the latest recorded time that lies ahead of this run's clock, or None."""
        latest = max((_latest(g) for g in self.ring.generations), default=0)
        return latest if latest > self.now + self.policy.timings.clock_skew else None

    def record_read_back(self) -> None:
        """Note when each published key was first read back in each cloud."""
        for generation in self.ring.published:
            marks = {c: at for c, at in generation.read_back.items() if c in self.policy.clouds}
            kid = self.evidence.kids.get(generation.number)
            for cloud in self.policy.clouds:
                found = self.evidence.store(cloud)
                if found.status == "unverified" or kid is None:
                    continue
                if kid in found.kids and kid not in found.denied:
                    marks.setdefault(cloud, self.now)
                elif Rule.READ_BACK_RESTARTS in self.rules:
                    marks.pop(cloud, None)
            if marks != dict(generation.read_back):
                self.change(generation.number, read_back=marks)

    def record_handover(self) -> None:
        """Start the old keys' clocks once a completed run is seen to have flipped."""
        confirmed = self.evidence.confirmed
        signing = confirmed.active.get(self.ring.name) if confirmed is not None else None
        for generation in self.ring.published:
            if generation.state is not State.RETIRING or generation.handed_over_at is not None:
                continue
            if Rule.HANDOVER_SEEN not in self.rules:
                self.change(generation.number, handed_over_at=generation.retiring_at)
            elif signing is not None and signing > generation.number:
                self.change(generation.number, handed_over_at=self.now)
            else:
                self.hold(generation.number, "retirement", "no completed run has flipped yet")

    def tell_unverified(self) -> None:
        """Alarm for each store that this run could not read back."""
        for cloud in self.policy.clouds:
            found = self.evidence.store(cloud)
            # One that is malformed is told of, and written over (`tell_altered`).
            if found.status == "unverified" and not found.malformed and self.evidence.settled:
                detail = f" ({found.detail})" if found.detail else ""
                text = f"{cloud} could not be read back{detail}: no rotation until it can"
                self.alarm(AlarmCode.STORE_UNVERIFIED, text)

    def tell_clouds(self) -> None:
        """Alarm for clouds that still hold a published set and that settings no longer name."""
        held = {cloud for g in self.ring.published for cloud in g.read_back}
        for cloud in sorted(held - set(self.policy.clouds)):
            text = f"clouds no longer names {cloud}, where the set is published: it ends there"
            self.alarm(AlarmCode.CLOUD_MISSING, text)

    def forget_rejected(self) -> None:
        """Drop rejections that no store can show any more."""
        if not self.ring.rejected or not self.evidence.settled:
            return
        if all(self.evidence.as_recorded(cloud) for cloud in self.policy.clouds):
            self.ring = replace(self.ring, rejected=frozenset())

    # --- the schedule ----------------------------------------------------------------------

    def retire(self) -> None:
        """Unpublish keys whose last token is long dead (invariant 4)."""
        for generation in self.ring.published:
            if generation.state is not State.RETIRING or generation.handed_over_at is None:
                continue
            wait = max(self.own_timings(generation).retire_wait, self.policy.retention)
            if Rule.RETIRE_WAIT not in self.rules:
                wait = 0
            until = generation.handed_over_at + wait
            if until > self.now:
                self.hold(generation.number, "retirement", "its tokens and the retention", until)
            elif not self.removal_is_backed():
                why = "no store gave the set back as recorded, or one contradicts the record"
                self.hold(generation.number, "retirement", why)
            else:
                self.move(generation, State.RETIRED, "no token of it can be alive")

    def removal_is_backed(self) -> bool:
        """Whether this run's read-back bears the record out, without a contradiction."""
        backed = [self.evidence.as_recorded(cloud) for cloud in self.policy.clouds]
        return any(backed) and not self.evidence.altered

    def flip(self) -> None:
        """Let the staged successor sign, when it is time and every condition holds."""
        active = self.ring.active
        if active is None or active.activated_at is None:
            return
        due = active.activated_at + self.policy.rotation_period
        successor = self.ring.prepared
        emergency, requested = self.asked("rotate_emergency"), self.asked("rotate")
        if emergency:
            self.flip_at_once(active)
            return
        if due > self.now and not requested:
            number = successor.number if successor else None
            self.hold(number, "activation", "the rotation period", due)
            return
        reasons = self.reasons_against(successor)
        late = self.now - due
        if late > 2 * self.policy.up_interval and not requested:
            self.alarm(
                AlarmCode.OVERDUE,
                f"the rotation was due {moment(due)}, {duration(late)} ago: runs were missed or the"
                " flip was held back. One rotation is made, not several",
            )
        if reasons or successor is None:
            for why, until in reasons:
                self.hold(successor.number if successor else None, "activation", why, until)
            return
        why = "the operator asked for it" if requested else f"generation {active.number} is due"
        self.exchange(active, successor, f"{why}; read back everywhere and confirmed")
        if Rule.STAGE_NEXT in self.rules:
            self.allot(State.PREPARED, "staged as successor")

    def exchange(self, active: Generation, successor: Generation, why: str) -> None:
        """Make the successor active and the active one retiring."""
        self.move(active, State.RETIRING, f"generation {successor.number} takes over")
        self.move(successor, State.ACTIVE, why)

    def flip_at_once(self, active: Generation) -> None:
        """Emergency: flip without the waits, and say what that may break."""
        published = len(self.ring.published) + (self.ring.prepared is None)
        if published > MOST_PUBLISHED and Rule.FOUR_PUBLISHED in self.rules:
            self.refuse("the ring publishes four keys already: taint one, or wait for a retirement")
            return
        self.move(active, State.RETIRING, "emergency rotation by request")
        self.succeed("emergency rotation by request")

    def refuse(self, why: str) -> None:
        """Refuse the operator's request; nothing is to be applied."""
        self.alarm(AlarmCode.REQUEST_REFUSED, why, stop=True)

    def reasons_against(self, successor: Generation | None) -> list[tuple[str, int | None]]:
        """Return every reason why the successor may not sign yet, with a time where one helps."""
        if successor is None:
            return [("no successor is staged yet", None)]
        reasons: list[tuple[str, int | None]] = []
        reasons += [(why, None) for why in self.unread(successor)]
        if Rule.PUBLISH_WAIT in self.rules:
            ready = self.readable_since(successor)
            wait = self.waits().publish_wait
            if ready is not None and ready + wait > self.now:
                reasons.append(("every cache has to see it first", ready + wait))
        reasons += [(why, None) for why in self.unconfirmed(successor)]
        if len(self.ring.published) >= MOST_PUBLISHED and Rule.FOUR_PUBLISHED in self.rules:
            reasons.append(("the ring publishes four keys already", None))
            self.alarm(AlarmCode.TOO_MANY_KEYS, "four keys are published: the rotation waits")
        return reasons

    def unread(self, successor: Generation) -> list[str]:
        """Return why the read-back does not allow the successor to sign."""
        if self.evidence.kids.get(successor.number) is None:
            return ["no completed run has confirmed its kid"]
        against: list[str] = []
        for cloud in self.policy.clouds:
            found = self.evidence.store(cloud)
            if Rule.READ_BACK_EVERYWHERE in self.rules and cloud not in successor.read_back:
                against.append(f"{cloud} has not given it back")
            elif Rule.READ_BACK_NOW in self.rules and not self.evidence.as_recorded(cloud):
                detail = f" ({found.detail})" if found.detail else ""
                against.append(f"{cloud} did not give the recorded set back in this run{detail}")
            else:
                continue
        return against

    def unconfirmed(self, successor: Generation) -> list[str]:
        """Return the validators whose own report does not show the successor's settings."""
        if Rule.VALIDATORS_CONFIRM not in self.rules or self.evidence.confirmed is None:
            return []
        against: list[str] = []
        for name, report in sorted(self.evidence.confirmed.validators.items()):
            if self.ring.name not in report.rings or report.agrees:
                continue
            against.append(f"validator {name} does not run with the settings that hold it")
            self.alarm(AlarmCode.VALIDATOR_UNCONFIRMED, _lagging(name, report, successor))
        return against

    def stage(self) -> None:
        """Stage a successor where none is."""
        if self.ring.prepared is not None or Rule.STAGE_NEXT not in self.rules:
            return
        if len(self.ring.published) >= MOST_PUBLISHED and Rule.FOUR_PUBLISHED in self.rules:
            self.hold(None, "staging a successor", "the ring publishes four keys already")
            return
        self.allot(State.PREPARED, "staged as successor")

    def delete(self) -> None:
        """Give up KMS keys whose hold is over, and forget the oldest deleted ones."""
        for generation in self.ring.generations:
            ended = {
                State.RETIRED: generation.retired_at,
                State.TAINTED: generation.tainted_at,
            }.get(generation.state)
            if ended is None:
                continue
            until = ended + self.policy.hold
            if until <= self.now:
                self.move(generation, State.DELETED, f"disabled for {duration(self.now - ended)}")
            else:
                self.hold(generation.number, "deletion of the KMS key", "the hold", until)
        gone = [g for g in self.evidence.ring.generations if g.state is State.DELETED]
        drop = {g.number for g in gone[:-DELETED_KEPT]}
        if drop:
            kept = tuple(g for g in self.ring.generations if g.number not in drop)
            self.ring = replace(self.ring, generations=kept)

    def remove(self) -> None:
        """Withdraw every key of a ring whose service is gone; each is given up after its hold.

        Its number and its denials stay in the journal: should the ring come back, it goes on.
        """
        self.taint_requested()
        for generation in self.ring.published:
            self.move(generation, State.RETIRED, "its service is gone, and its tokens with it")
        if self.evidence.ring.published:
            self.number_the_set()
            self.alarm(AlarmCode.WILL_BREAK, "every token of this ring is refused from now on")
        elif self.clock_trusted:
            self.delete()

    # --- helpers ---------------------------------------------------------------------------

    def waits(self) -> Timings:
        """Timings for a flip: the largest that any cache of a published set may still follow."""
        if Rule.HIGH_WATER not in self.rules:
            return self.policy.timings
        return reduce(Timings.joined, (g.timings for g in self.ring.published), self.policy.timings)

    def own_timings(self, generation: Generation) -> Timings:
        """Timings for a removal: the largest in force while this very key was published."""
        if Rule.HIGH_WATER not in self.rules:
            return self.policy.timings
        return generation.timings.joined(self.policy.timings)

    def readable_since(self, generation: Generation) -> int | None:
        """Return when the last cloud first gave the key back; None if one has not."""
        marks = [generation.read_back.get(cloud) for cloud in self.policy.clouds]
        seen = [at for at in marks if at is not None]
        if Rule.READ_BACK_EVERYWHERE not in self.rules:
            return min(seen, default=None)
        return None if len(seen) < len(marks) else max(seen)


def _content(ring: KeyRing) -> tuple[frozenset[int], frozenset[str]]:
    return frozenset(g.number for g in ring.published), ring.denied


def _latest(generation: Generation) -> int:
    times = (
        generation.activated_at,
        generation.handed_over_at,
        generation.retired_at,
        generation.tainted_at,
        *generation.read_back.values(),
    )
    return max((at for at in times if at is not None), default=0)


def _lagging(name: str, report: ValidatorReport, successor: Generation) -> str:
    return (
        f"validator {name} reports settings {report.reported[:12]}, not {report.expected[:12]}:"
        f" it does not hold generation {successor.number}. The rotation waits for its deployment"
    )
