"""The confirmed record: which journal was completely applied, and what came of it.

Written last, after every store and every validator (a ``pulumi.Stash`` that depends on them), so
that a failed, killed or targeted run keeps the last one that was complete. Issuers sign with its
``active`` generation and never with the journal's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signet import strict_json as strict
from signet.journal import Journal

SCHEMA = 1

_FIELDS = (
    "schema", "journal_digest", "sequence", "kids", "key_resources", "active",
    "token_lifetime", "published_sha256", "validators",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyResource:
    """Where the KMS key of a generation is: its cloud and the cloud's own name for it."""

    cloud: str
    id: str


@dataclass(frozen=True, slots=True)
class ValidatorReport:
    """One validator after a run: what it was to run with, and what its resource reports."""

    rings: tuple[str, ...]
    """The rings that it trusts, sorted."""
    expected: str
    """SHA-256 of the settings that the run meant it to have."""
    reported: str
    """SHA-256 that the deployed resource itself reports; an old one if the run skipped it."""

    @property
    def agrees(self) -> bool:
        """Whether the validator runs with what it was meant to run with."""
        return self.expected == self.reported


@dataclass(frozen=True)
class Confirmed:
    """What the last completely applied run left behind. Every mapping is by ring name."""

    journal_digest: str
    sequence: Mapping[str, int] = field(default_factory=dict)
    kids: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    key_resources: Mapping[str, Mapping[int, KeyResource]] = field(default_factory=dict)
    active: Mapping[str, int] = field(default_factory=dict)
    token_lifetime: Mapping[str, int] = field(default_factory=dict)
    """Longest token lifetime that every validator accepts: what issuers may use."""
    published_sha256: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the published set's bytes; may be left out."""
    validators: Mapping[str, ValidatorReport] = field(default_factory=dict)

    def kid(self, ring: str, number: int) -> str | None:
        """Return the ``kid`` of a generation, or None if no run confirmed it yet."""
        return self.kids.get(ring, {}).get(number)

    def dumps(self) -> str:
        """Return the canonical JSON string."""
        return strict.dumps(
            {
                "schema": SCHEMA,
                "journal_digest": self.journal_digest,
                "sequence": dict(self.sequence),
                "kids": {r: {str(n): k for n, k in by.items()} for r, by in self.kids.items()},
                "key_resources": {
                    ring: {str(n): {"cloud": k.cloud, "id": k.id} for n, k in by.items()}
                    for ring, by in self.key_resources.items()
                },
                "active": dict(self.active),
                "token_lifetime": dict(self.token_lifetime),
                "published_sha256": dict(self.published_sha256),
                "validators": {name: _report_out(v) for name, v in self.validators.items()},
            }
        )

    @classmethod
    def parse(cls, text: str) -> Confirmed:
        """Read what ``dumps`` wrote; raises RecordError for anything else."""
        loaded = strict.loads(text, "confirmed")
        strict.schema(loaded, SCHEMA, "confirmed")
        top = strict.members(loaded, _FIELDS, "confirmed")
        return cls(
            journal_digest=strict.text(top["journal_digest"], "confirmed.journal_digest"),
            sequence=strict.mapping(top["sequence"], "confirmed.sequence", strict.count),
            kids=strict.mapping(top["kids"], "confirmed.kids", _kids_in),
            key_resources=strict.mapping(
                top["key_resources"], "confirmed.key_resources", _resources_in
            ),
            active=strict.mapping(top["active"], "confirmed.active", strict.count),
            token_lifetime=strict.mapping(
                top["token_lifetime"], "confirmed.token_lifetime", strict.count
            ),
            published_sha256=strict.mapping(
                top["published_sha256"], "confirmed.published_sha256", strict.text
            ),
            validators=strict.mapping(top["validators"], "confirmed.validators", _report_in),
        )


def _kids_in(value: object, where: str) -> dict[int, str]:
    return strict.numbered(value, where, strict.text)


def _resources_in(value: object, where: str) -> dict[int, KeyResource]:
    return strict.numbered(value, where, _resource_in)


def _resource_in(value: object, where: str) -> KeyResource:
    top = strict.members(value, ("cloud", "id"), where)
    return KeyResource(
        strict.text(top["cloud"], f"{where}.cloud"), strict.text(top["id"], f"{where}.id")
    )


def _report_out(report: ValidatorReport) -> dict[str, Any]:
    return {
        "rings": sorted(report.rings),
        "expected": report.expected,
        "reported": report.reported,
    }


def _report_in(value: object, where: str) -> ValidatorReport:
    top = strict.members(value, ("rings", "expected", "reported"), where)
    return ValidatorReport(
        tuple(sorted(strict.strings(top["rings"], f"{where}.rings"))),
        strict.text(top["expected"], f"{where}.expected"),
        strict.text(top["reported"], f"{where}.reported"),
    )


def confirm(
    journal: Journal,
    previous: Confirmed | None,
    *,
    token_lifetime: int,
    kids: Mapping[str, Mapping[int, str]],
    key_resources: Mapping[str, Mapping[int, KeyResource]],
    validators: Mapping[str, ValidatorReport],
    published_sha256: Mapping[str, str] | None = None,
) -> Confirmed:
    """Build the record of a run that got to its end.

    ``token_lifetime`` is T of the settings. While a validator reports older settings than it was
    meant to have (``--target`` skipped it), issuers keep the shorter of the old and the new T: it
    may not accept longer tokens yet.
    """
    lifetimes: dict[str, int] = {}
    for name, ring in journal.rings.items():
        if not ring.published:
            continue
        agree = all(report.agrees for report in validators.values() if name in report.rings)
        before = previous.token_lifetime.get(name) if previous is not None else None
        keep = before is not None and not agree
        lifetimes[name] = min(before or token_lifetime, token_lifetime) if keep else token_lifetime
    return Confirmed(
        journal_digest=journal.digest,
        sequence={name: ring.sequence for name, ring in journal.rings.items()},
        kids=kids,
        key_resources=key_resources,
        active={n: ring.active.number for n, ring in journal.rings.items() if ring.active},
        token_lifetime=lifetimes,
        published_sha256=published_sha256 or {},
        validators=validators,
    )
