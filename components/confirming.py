"""What a run confirms of a key ring: which key each generation has, and what reports it. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from signet.confirmed import Confirmed, KeyResource, ValidatorReport, confirm
from signet.errors import RunFailed
from signet.journal import Journal
from signet.key_ring import KeyRing

Keys = Mapping[str, tuple[str, dict[str, str] | None]]
"""By generation number, as text because Pulumi's outputs take no other names: the KMS key's id and,
while it is published, its JWK."""


def confirm_run(
    journal: Journal,
    keys: Mapping[str, Keys],
    *,
    sets: Mapping[str, str],
    reports: Mapping[str, tuple[str, str, str]],
    token_lifetime: int,
    before: Confirmed | None,
) -> Confirmed:
    """Return what a run confirms. Pure.

    `keys` and `sets` (published sets as text) are by ring, `reports` by validator: the ring that it
    trusts, the settings hash that it was meant to have, and the one that it reports.
    `kid`s once confirmed are kept for good: a key that is no longer published shows none.
    """
    rings = {name: journal.rings[name] for name in keys}
    return confirm(
        journal,
        before,
        token_lifetime=token_lifetime,
        kids={**(before.kids if before is not None else {}), **_kids(keys, before)},
        key_resources={
            name: {
                int(number): KeyResource(_cloud(rings[name], int(number)), resource)
                for number, (resource, _) in by_number.items()
            }
            for name, by_number in keys.items()
        },
        validators={
            name: ValidatorReport((ring,), expected, reported)
            for name, (ring, expected, reported) in reports.items()
        },
        published_sha256={
            name: hashlib.sha256(jwks.encode()).hexdigest() for name, jwks in sets.items()
        },
    )


def _kids(keys: Mapping[str, Keys], before: Confirmed | None) -> dict[str, dict[int, str]]:
    told = {name: dict(before.kids.get(name, {})) if before is not None else {} for name in keys}
    for name, by_number in keys.items():
        told[name].update({int(n): jwk["kid"] for n, (_, jwk) in by_number.items() if jwk})
    return told


def _cloud(ring: KeyRing, number: int) -> str:
    return next(each.cloud for each in ring.generations if each.number == number)


def issuing(now: Confirmed, before: Confirmed | None) -> dict[str, int]:
    """Return which generation a deployed issuer signs with, by ring.

    What this run confirms counts once every validator of the ring reports the settings that it was
    meant to have. One that a run with `--target` skipped may not hold the new key: then what was
    confirmed before goes on signing.
    """
    chosen = {}
    for ring, number in now.active.items():
        earlier = before.active.get(ring, number) if before is not None else number
        reports = (r for r in now.validators.values() if ring in r.rings)
        chosen[ring] = number if all(report.agrees for report in reports) else earlier
    return chosen


def with_issuer(
    now: Confirmed, before: Confirmed | None, name: str, expected: str, reported: str
) -> Confirmed:
    """Return `now` with the report of a deployed issuer.

    An issuer that did not get its settings still signs with what it had. So does the record say,
    and no clock of that older key starts: it stays published for as long as it signs.
    """
    report = ValidatorReport(tuple(sorted(now.active)), expected, reported)
    active = dict(now.active)
    if not report.agrees and before is not None:
        active = {ring: before.active.get(ring, number) for ring, number in active.items()}
    return replace(now, active=active, validators={**now.validators, name: report})


def checked(ring: KeyRing, found: Mapping[str, list[Any]], confirmed: Confirmed | None) -> Keys:
    """Stop when a generation's key is not the one that was confirmed: its tokens would fail."""
    keys: dict[str, tuple[str, dict[str, str] | None]] = {}
    for number, (resource, jwk) in found.items():
        before = confirmed.kid(ring.name, int(number)) if confirmed is not None else None
        if jwk is not None and before is not None and jwk["kid"] != before:
            raise RunFailed(
                f"generation {number} of the key ring {ring.name} is another key than it was",
                where=f"{resource}: confirmed as {before}, now {jwk['kid']}",
                remedy="find out who replaced it; `signet keys taint` withdraws the old one",
            )
        keys[number] = (resource, jwk)
    return keys


def published(ring: KeyRing, keys: Keys) -> list[dict[str, str]]:
    """Return the JWKs of the ring's published generations, less any that is denied meanwhile.

    A denial that is not decided yet (`KeyRing.undecided`) leaves its generation where it is.
    """
    found = [keys[str(generation.number)][1] for generation in ring.published]
    return [jwk for jwk in found if jwk is not None and jwk["kid"] not in ring.denied]


def shown(ring: KeyRing, keys: Keys) -> dict[str, Any]:
    """Return what a stack's outputs show of a ring's keys."""
    told: dict[str, Any] = {}
    for generation in ring.generations:
        resource, jwk = keys.get(str(generation.number), ("", None))
        told[str(generation.number)] = {
            "cloud": generation.cloud,
            "resource": resource,
            "state": generation.state.value,
            "algorithm": generation.algorithm,
            "kid": jwk["kid"] if jwk is not None else None,
        }
    return told
