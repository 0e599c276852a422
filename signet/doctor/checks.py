"""The checks: facts in, findings out, one function for each area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from signet.doctor.facts import DocumentReading, Facts, FunctionReport, RecordedValidator
from signet.doctor.finding import Finding, Level
from signet.documents import (
    DISCOVERY_CONTENT_TYPE,
    DISCOVERY_PATH,
    JWKS_CONTENT_TYPE,
    JWKS_PATH,
)
from signet.key_ring import KeyRing
from signet.rotation_plan import AlarmCode
from signet.timings import duration

Check = Callable[[Facts], Iterator[Finding]]

_TYPES: Final = {JWKS_PATH: JWKS_CONTENT_TYPE, DISCOVERY_PATH: DISCOVERY_CONTENT_TYPE}
_OK: Final = 200
_UP: Final = "signet up STACK"

_NOT_KNOWN: Final = frozenset({AlarmCode.STORE_UNVERIFIED})
_REMEDIES: Final = {
    AlarmCode.STORE_UNVERIFIED: "see the stores below; then run it again",
    AlarmCode.STORE_ALTERED: f"find out who wrote there, then {_UP}, which writes it again",
    AlarmCode.NOT_COMPLETED: f"{_UP}: the last run did not get to its end",
    AlarmCode.VALIDATOR_UNCONFIRMED: f"{_UP} without --target",
    AlarmCode.OVERDUE: f"{_UP}, and mend the schedule that should run it",
    AlarmCode.RING_BEHIND: "an older state was restored: bring the newer one back (rotation.md)",
    AlarmCode.DENIAL_UNKNOWN: "signet keys taint, or signet keys reject-denial",
}


def examine(facts: Facts) -> list[Finding]:
    """Return every finding, area by area."""
    return [finding for check in CHECKS for finding in check(facts)]


def settings(facts: Facts) -> Iterator[Finding]:
    """The settings file against what the last run applied."""
    if facts.changed_settings:
        names = ", ".join(facts.changed_settings)
        yield Finding(
            level=Level.WARNING,
            area="settings",
            text=f"changed since the last run: {names}",
            remedy=f"signet preview STACK, then {_UP}",
        )
    else:
        yield Finding(
            level=Level.GOOD, area="settings", text="well-formed, and those of the last run"
        )


def identities(facts: Facts) -> Iterator[Finding]:
    """Who signs, and whether the KMSs let themselves be listed."""
    for cloud, why in sorted(facts.unlisted.items()):
        yield Finding(
            level=Level.UNKNOWN,
            area="identities",
            cloud=cloud,
            text=f"signing keys could not be listed: {why}",
            remedy="sign in to the cloud as who deploys, or check its network",
        )
    for ring in facts.rings:
        active = ring.active
        if active is None:
            continue
        named = facts.issuers.get(ring.name, {}).get(active.cloud, "")
        if named:
            text = f"{ring.name}: {named} signs"
            yield Finding(level=Level.GOOD, area="identities", cloud=active.cloud, text=text)
        else:
            yield Finding(
                level=Level.FAULT,
                area="identities",
                cloud=active.cloud,
                text=f"{ring.name}: nobody is recorded who may sign with its active key",
                remedy=_UP,
            )
    for cloud, key in facts.leftovers:
        yield Finding(
            level=Level.WARNING,
            area="identities",
            cloud=cloud,
            text=f"nothing records the KMS key {key}",
            remedy="signet keys leftovers STACK",
        )


def run(facts: Facts) -> Iterator[Finding]:
    """What the plan of the next run complains of."""
    for alarm in facts.alarms_of_plan:
        yield Finding(
            level=Level.UNKNOWN if alarm.code in _NOT_KNOWN else Level.FAULT,
            area="rotation",
            text=f"{alarm.ring}: {alarm.text}" if alarm.ring else alarm.text,
            remedy=_REMEDIES.get(alarm.code, f"docs/rotation.md; then {_UP}"),
        )


def key_ages(facts: Facts) -> Iterator[Finding]:
    """Each ring's signing key against the rotation period."""
    for ring in facts.rings:
        if ring.published:
            yield _age(ring, facts)


def _age(ring: KeyRing, facts: Facts) -> Finding:
    active = ring.active
    if active is None or active.activated_at is None:
        return Finding(
            level=Level.FAULT, area="keys", text=f"{ring.name}: no key signs", remedy=_UP
        )
    age = facts.now - active.activated_at
    told = f"{ring.name}: generation {active.number} signs since {duration(max(0, age))}"
    late = age - facts.rotation_period
    if late > 2 * facts.up_interval:
        remedy = "see why `up` does not run, or what it holds: signet keys status STACK"
        level, text = Level.FAULT, f"{told}, overdue by {duration(late)}"
    elif late > 0:
        remedy, level, text = "the next run rotates it", Level.WARNING, f"{told}, which is due"
    elif ring.prepared is None:
        remedy, level, text = _UP, Level.WARNING, f"{told}, and no successor is staged"
    else:
        remedy, level, text = "", Level.GOOD, told
    return Finding(level=level, area="keys", cloud=active.cloud, text=text, remedy=remedy)


def stores(facts: Facts) -> Iterator[Finding]:
    """Both documents: there, with their headers, and the same bytes in every cloud."""
    if not facts.documents:
        text = "private: read back by the rotation's plan alone, headers were not looked at"
        yield Finding(level=Level.GOOD, area="stores", text=text)
    for reading in facts.documents:
        yield from _document(reading, facts.max_age)
    for path in sorted({reading.path for reading in facts.documents}):
        known = {r.cloud: r.sha256 for r in facts.documents if r.path == path and r.status == _OK}
        if len(set(known.values())) > 1:
            shown = ", ".join(f"{cloud} {digest[:12]}" for cloud, digest in known.items())
            yield Finding(
                level=Level.FAULT,
                area="stores",
                text=f"{path} differs between clouds: {shown}",
                remedy=f"{_UP}; if it stays so, see who writes to these stores",
            )
        elif known:
            text = f"{path}: the same bytes in {', '.join(known)}"
            yield Finding(level=Level.GOOD, area="stores", text=text)


def _document(reading: DocumentReading, max_age: int) -> Iterator[Finding]:
    def finding(level: Level, text: str, remedy: str = _UP) -> Finding:
        where = f"{reading.path} {text}"
        return Finding(level=level, area="stores", cloud=reading.cloud, text=where, remedy=remedy)

    if reading.status is None:
        why = f"could not be read: {reading.detail}"
        yield finding(Level.UNKNOWN, why, "check the network; validators go on meanwhile")
        return
    if reading.status != _OK:
        yield finding(Level.FAULT, f"is answered with {reading.status}")
        return
    wanted = {
        "Content-Type": (reading.content_type, _type_of(reading.path)),
        "Cache-Control": (reading.cache_control, f"public, max-age={max_age}"),
    }
    for name, (found, right) in wanted.items():
        if found != right:
            yield finding(Level.FAULT, f"has {name} {found or 'not'}, and should have {right}")


def _type_of(path: str) -> str:
    """Return the content type that a document has to have, in whichever ring's folder it lies."""
    return next(kind for name, kind in _TYPES.items() if path.endswith(name))


def functions(facts: Facts) -> Iterator[Finding]:
    """What each running validator says it is, against what was recorded."""
    recorded = {validator.name: validator for validator in facts.validators}
    for report in facts.functions:
        yield from _function(report, recorded.get(report.name))
    for name in sorted(recorded.keys() - {report.name for report in facts.functions}):
        yield Finding(
            level=Level.UNKNOWN, area="functions", text=f"{name}: it was not asked", remedy=_UP
        )


def _function(report: FunctionReport, recorded: RecordedValidator | None) -> Iterator[Finding]:
    def finding(level: Level, text: str, remedy: str = "") -> Finding:
        told = f"{report.name}: {text}"
        return Finding(level=level, area="functions", cloud=report.cloud, text=told, remedy=remedy)

    if report.ready is None:
        remedy = "is it reachable from here? Where it is not (internal ingress), ask from inside"
        yield finding(Level.UNKNOWN, f"does not answer: {report.detail}", remedy)
        return
    wrong = []
    if not report.ready:
        wrong.append("refuses everything: it has no usable settings (line `settings_invalid`)")
    if recorded is not None and report.bundle_sha256 != recorded.bundle_sha256:
        wrong.append(f"runs other code than was deployed: {report.bundle_sha256[:12] or 'none'}")
    if recorded is not None and report.settings_sha256 != recorded.settings_sha256:
        wrong.append(f"has other settings than recorded: {report.settings_sha256[:12] or 'none'}")
    for text in wrong:
        yield finding(Level.FAULT, text, _UP)
    if not wrong:
        yield finding(Level.GOOD, f"ready, with the code {report.bundle_sha256[:12]}")


def clocks(facts: Facts) -> Iterator[Finding]:
    """Stores' and functions' clocks against this machine's."""
    times = {f"the store of {r.cloud}": r.server_time for r in facts.documents}
    times |= {f"the function {report.name}": report.time for report in facts.functions}
    known = {who: time for who, time in times.items() if time is not None}
    off = {who: time - facts.now for who, time in known.items()}
    wrong = {who: by for who, by in off.items() if abs(by) > facts.clock_skew}
    for who, by in wrong.items():
        which = "ahead" if by > 0 else "behind"
        yield Finding(
            level=Level.FAULT,
            area="clocks",
            text=f"{who} is {duration(abs(by))} {which} of this machine",
            remedy="set this machine's clock (NTP) if all others agree; else the other one's",
        )
    if known and not wrong:
        text = f"{len(known)} clocks within {duration(facts.clock_skew)} of this machine's"
        yield Finding(level=Level.GOOD, area="clocks", text=text)


def alarms(facts: Facts) -> Iterator[Finding]:
    """Each cloud's alarms: there, quiet, and somebody is told."""
    for seen in facts.alarms:
        if seen.found is None:
            text, remedy = f"could not be listed: {seen.detail}", "sign in as who deploys"
            yield Finding(
                level=Level.UNKNOWN, area="alarms", cloud=seen.cloud, text=text, remedy=remedy
            )
            continue
        wanted = facts.alarm_names.get(seen.cloud, ())
        missing = [name for name in wanted if name not in seen.found]
        loud = [name for name in wanted if seen.found.get(name)]
        if missing:
            yield _alarm(Level.FAULT, seen.cloud, f"missing: {', '.join(missing)}", _UP)
        for name in loud:
            yield _alarm(Level.FAULT, seen.cloud, f"{name} goes off", "docs/runbook.md, Alarms")
        if not seen.told:
            remedy = "set awsAlarmTopic, azureActionGroup or gcpNotificationChannel"
            yield _alarm(Level.WARNING, seen.cloud, "nobody is told of them", remedy)
        if not missing and not loud:
            yield _alarm(Level.GOOD, seen.cloud, f"{len(wanted)} are there")


def _alarm(level: Level, cloud: str, text: str, remedy: str = "") -> Finding:
    return Finding(level=level, area="alarms", cloud=cloud, text=text, remedy=remedy)


def ways_around(facts: Facts) -> Iterator[Finding]:
    """What got past a gateway without a good token."""
    ways = facts.ways
    if ways.detail:
        remedy = "is every gateway reachable from here?"
        yield _way(Level.UNKNOWN, f"could not be tried to the end: {ways.detail}", remedy)
    elif ways.tried is None:
        yield _way(Level.GOOD, "not tried (add --ways-around)")
    if ways.undeclared:
        text = f"what attached APIs leave open could not be found out: {ways.undeclared}"
        yield _way(Level.UNKNOWN, text, "sign in as who deploys")
    for text in ways.declared:
        yield _way(Level.FAULT, text, "tell the API's owner; docs/gateways.md")
    if ways.attached and not ways.declared and not ways.undeclared:
        yield _way(Level.GOOD, f"{ways.attached} attached APIs: everything is guarded")
    for text in ways.open:
        yield _way(Level.FAULT, text, "docs/gateways.md")
    if ways.tried is not None and not ways.open and not ways.detail:
        yield _way(Level.GOOD, f"{ways.tried} requests without a good token, all refused")


def _way(level: Level, text: str, remedy: str = "") -> Finding:
    return Finding(level=level, area="ways around", text=text, remedy=remedy)


CHECKS: Final[Iterable[Check]] = (
    settings,
    identities,
    run,
    key_ages,
    stores,
    functions,
    clocks,
    alarms,
    ways_around,
)
