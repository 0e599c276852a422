"""The three families of failure, which are never mixed up.

    VerificationError
    |-- TokenRefused     a decision: the caller may not pass (401 or 403)
    |-- KeysUnavailable  no decision was possible: could not check (503)
    `-- SettingsError    at start-up: settings, a policy or a key set that cannot be used

`detail` is for logs and people. It never holds a token or a part of one: it names a member or a
rule, not a value that a caller sent.
"""

from collections.abc import Mapping
from typing import Any

from .reasons import Reason


class VerificationError(Exception):
    """Anything that this package raises on purpose; `reason` is the code to answer with."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class TokenRefused(VerificationError):
    """The token, or what it may do, does not satisfy the policy.

    `verified_members` are the payload's, when the signature had held before the refusal.
    """

    verified_members: Mapping[str, Any] | None = None


class KeysUnavailable(VerificationError):
    """Whether the token is good cannot be told now: no keys, stale keys, or no sane clock."""


class SettingsError(VerificationError):
    """Settings, a policy or a key set is wrong; `faults` lists every fault that was found."""

    def __init__(self, faults: list[str], reason: Reason = Reason.POLICY_INVALID) -> None:
        super().__init__(reason, "; ".join(faults))
        self.faults = faults
