"""The rules of a rotation, each by name, so that a simulation can switch one off.

``plan`` applies all of them; only ``tests/simulation`` ever passes fewer, to show the failure
that each one prevents.
"""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """One rule of the plan; the value is what it says, for people."""

    COMPLETE_FIRST = "nothing new starts until the last journal was completely applied"
    READ_BACK_EVERYWHERE = "a key signs only after every cloud's store gave it back"
    READ_BACK_NOW = "a flip needs this run's own read-back, not only an earlier one"
    READ_BACK_RESTARTS = "a key that vanished from a store starts its waiting time again"
    PUBLISH_WAIT = "a key signs no sooner than W after its read-back"
    VALIDATORS_CONFIRM = "a key signs only after every validator's settings hash confirms it"
    HANDOVER_SEEN = "the old key's clock starts when a later run sees the flip completed"
    RETIRE_WAIT = "an old key stays published for D + T + 2S, and for the retention"
    HIGH_WATER = "a key's waits use the largest timings in force while it was published"
    SEQUENCE_GUARD = "a journal behind the published sequence stops an ordinary run"
    CONTINUE_ABOVE = "a new set is numbered above the highest number observed"
    REPAIR = "a store that gives back something else is rewritten under a new number"
    DENIALS_NEED_KMS = "a denial nobody journaled counts only if its KMS key is disabled"
    DENIALS_ADOPTED = "a denial whose KMS key is disabled is journaled for ever"
    KMS_AGREES = "a published key that its KMS disabled, and nobody denied, stops a run"
    STAGE_NEXT = "a successor is always staged"
    FOUR_PUBLISHED = "a ring publishes four keys at most"
    NUMBERS_NEVER_REUSED = "a generation number is never used again"
    ISSUER_FROZEN = "a ring's issuer never changes"
    CLOCK_GUARD = "a clock that the record or the stores contradict moves nothing"


ALL_RULES: frozenset[Rule] = frozenset(Rule)
"""What every real plan applies."""
