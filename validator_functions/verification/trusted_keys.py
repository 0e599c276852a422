"""What one ring's keys are worth right now: a pure record, changed only by `offer`.

Invariants (each is tested, none depends on time or network):

1. A denied `kid` never verifies again in this instance, wherever the denial came from.
2. `trust: deployed`: a key that was not deployed never verifies, whatever is published.
3. `trust: published`: a `kid` that is new here counts only from a confirmed set (the own cloud's
   store, or two mirrors that agree byte for byte), and an unconfirmed set never replaces the key
   behind a known `kid`.
4. The sequence of the accepted set never falls, never grows by more than 1,000 at once, and one
   number never stands for two sets.
5. A set that breaks 4 changes nothing but the denials: those count from any well-formed set.

So whoever can write to a store can deny service, and cannot forge.
"""

from collections.abc import Iterable
from enum import StrEnum

from ._frozen import Frozen
from .keys import Key, KeySet

LARGEST_JUMP = 1_000
DENIED_KEPT = 8_192
"""Denials kept of a published set whose `kid`s this instance has never known; a bound on memory."""


class Change(StrEnum):
    """What an offered set did or was refused for; the ones in `ALARMS` need a person."""

    KID_ADDED = "kid_added"
    KID_WITHDRAWN = "kid_withdrawn"
    KID_DENIED = "kid_denied"
    KID_UNCONFIRMED = "kid_unconfirmed"
    SEQUENCE_MISSING = "sequence_missing"
    SEQUENCE_LOWER = "sequence_lower"
    SEQUENCE_JUMPED = "sequence_jumped"
    SEQUENCE_CONFLICT = "sequence_conflict"


ALARMS = frozenset(
    {
        Change.SEQUENCE_MISSING,
        Change.SEQUENCE_LOWER,
        Change.SEQUENCE_JUMPED,
        Change.SEQUENCE_CONFLICT,
    }
)


class TrustedKeys(Frozen):
    """One ring's keys as this instance trusts them.

    Attributes:
        keys: the set to verify with: what is trusted, still published and not denied. The object
            stays the same for as long as nothing changed (a cache may compare by identity).
        known: every key that may come back into `keys`: the deployed ones, or under
            `trust: published` those of the accepted set that are confirmed.
        published: the `kid`s of the last accepted set; None before the first.
        sequence: of the last accepted set, or the deployed one's; None before either.
        digest: SHA-256 of the accepted set's bytes; None while it is the deployed object's.
    """

    __slots__ = (
        "denied",
        "digest",
        "fixed",
        "keys",
        "known",
        "published",
        "sequence",
        "sequenced",
    )
    keys: KeySet
    known: dict[str, Key]
    denied: frozenset[str]
    published: frozenset[str] | None
    sequence: int | None
    digest: str | None
    fixed: bool
    sequenced: bool

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def start(
        cls, deployed: KeySet | None, *, fixed: bool, sequenced: bool = True
    ) -> "TrustedKeys":
        """What an instance trusts before it has heard of any published set.

        Args:
            deployed: the set that came with the settings.
            fixed: `trust: deployed`; no published set can add to `deployed`.
            sequenced: whether sets carry `sequence` and `denied` (a foreign issuer's do not).

        Raises:
            ValueError: `trust: deployed` without a deployed set.
        """
        if deployed is None:
            if fixed:
                raise ValueError("trust in deployed keys needs deployed keys")
            deployed = KeySet({})
        made = cls.__new__(cls)
        made._fill(
            keys=_effective({key.kid: key for key in deployed}, None, deployed.denied, None),
            known={key.kid: key for key in deployed},
            denied=deployed.denied,
            published=None,
            sequence=deployed.sequence,
            digest=None,
            fixed=fixed,
            sequenced=sequenced,
        )
        return made

    def deny(self, offered: KeySet) -> "Outcome":
        """Take only the denials of a well-formed set, whatever else is wrong with it."""
        denied, changes = self._deny(offered)
        state = self._with(denied=denied) if changes else self
        return Outcome(state, accepted=False, changes=changes)

    def offer(self, offered: KeySet, *, confirmed: bool) -> "Outcome":
        """Take from a well-formed published set what may be taken.

        Args:
            offered: the set, parsed from bytes (`sha256` is there).
            confirmed: it came from the own cloud's store, or two mirrors agree on its bytes.
        """
        denied, changes = self._deny(offered)
        refusal = self._sequence_fault(offered)
        if refusal is not None:
            state = self._with(denied=denied)
            return Outcome(state, accepted=False, changes=(*changes, (refusal, None)))
        known = dict(self.known)
        if not self.fixed:
            known, additions = self._add(offered, denied, confirmed=confirmed)
            changes += additions
        changes += [
            (Change.KID_WITHDRAWN, kid)
            for kid in sorted(self.keys.kids - offered.kids - offered.denied)
        ]
        state = self._with(
            known=known,
            denied=denied,
            published=offered.kids,
            sequence=offered.sequence,
            digest=offered.sha256,
        )
        return Outcome(state, accepted=True, changes=tuple(changes))

    def _deny(self, offered: KeySet) -> tuple[frozenset[str], list[tuple[Change, str | None]]]:
        fresh = offered.denied - self.denied
        if self.fixed:
            fresh &= self.known.keys()
        elif len(self.denied) + len(fresh) > DENIED_KEPT:
            fresh &= self.known.keys() | offered.kids
        changes: list[tuple[Change, str | None]] = [
            (Change.KID_DENIED, kid) for kid in sorted(fresh)
        ]
        return (self.denied | fresh if fresh else self.denied), changes

    def _sequence_fault(self, offered: KeySet) -> Change | None:
        if not self.sequenced:
            return None
        if offered.sequence is None:
            return Change.SEQUENCE_MISSING
        step = 0 if self.sequence is None else offered.sequence - self.sequence
        if step < 0:
            return Change.SEQUENCE_LOWER
        if step > LARGEST_JUMP:
            return Change.SEQUENCE_JUMPED
        conflict = step == 0 and self.sequence is not None and not self._same(offered)
        return Change.SEQUENCE_CONFLICT if conflict else None

    def _same(self, offered: KeySet) -> bool:
        if self.digest is not None:
            return offered.sha256 == self.digest
        # The deployed set came as an object: there are no bytes to compare, but every kid of ours
        # is its key's thumbprint.
        return offered.kids == self.known.keys()

    def _add(
        self, offered: KeySet, denied: frozenset[str], *, confirmed: bool
    ) -> tuple[dict[str, Key], list[tuple[Change, str | None]]]:
        fresh = sorted(offered.kids - self.known.keys() - denied)
        if confirmed:
            added: list[tuple[Change, str | None]] = [(Change.KID_ADDED, kid) for kid in fresh]
            return {key.kid: self._keep(key) for key in offered}, added
        # Invariant 3: the key that stands behind a known kid stays the confirmed one.
        kept = {kid: key for kid, key in self.known.items() if kid in offered}
        return kept, [(Change.KID_UNCONFIRMED, kid) for kid in fresh]

    def _keep(self, key: Key) -> Key:
        """The known object for the same key, so that an unchanged set stays the same object."""
        known = self.known.get(key.kid)
        if known is None or known.algorithm != key.algorithm:
            return key
        return known if known.public_key == key.public_key else key

    def _with(
        self,
        *,
        denied: frozenset[str],
        known: dict[str, Key] | None = None,
        published: frozenset[str] | None = None,
        sequence: int | None = None,
        digest: str | None = None,
    ) -> "TrustedKeys":
        accepted = known is not None
        now_known = self.known if known is None else known
        now_published = published if accepted else self.published
        now_sequence = sequence if accepted else self.sequence
        made = type(self).__new__(type(self))
        made._fill(
            keys=_reuse(self.keys, _effective(now_known, now_published, denied, now_sequence)),
            known=now_known,
            denied=denied,
            published=now_published,
            sequence=now_sequence,
            digest=digest if accepted else self.digest,
            fixed=self.fixed,
            sequenced=self.sequenced,
        )
        return made


class Outcome(Frozen):
    """What became of an offered set: the next state, whether it was accepted, and what to log."""

    __slots__ = ("accepted", "changes", "state")
    state: TrustedKeys
    accepted: bool
    changes: tuple[tuple[Change, str | None], ...]

    def __init__(
        self,
        state: TrustedKeys,
        *,
        accepted: bool,
        changes: Iterable[tuple[Change, str | None]],
    ) -> None:
        self._fill(state=state, accepted=accepted, changes=tuple(changes))


def _effective(
    known: dict[str, Key],
    published: frozenset[str] | None,
    denied: frozenset[str],
    sequence: int | None,
) -> KeySet:
    usable = {
        kid: key
        for kid, key in known.items()
        if kid not in denied and (published is None or kid in published)
    }
    return KeySet(usable, sequence=sequence, denied=denied)


def _reuse(old: KeySet, new: KeySet) -> KeySet:
    """The old object where both verify alike, so that caches keep what they verified."""
    same = old.denied == new.denied and len(old) == len(new)
    return old if same and all(old.get(key.kid) is key for key in new) else new
