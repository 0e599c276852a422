"""The three families of failure, which are never mixed up.

    VerificationError
    |-- TokenRefused     a decision: the caller may not pass (401 or 403)
    |-- KeysUnavailable  no decision was possible: could not check (503)
    `-- SettingsError    at start-up: settings, a policy or a key set that cannot be used

`detail` is for logs and people. It never holds a token or a part of one: it names a member or a
rule, not a value that a caller sent.
"""

from .reasons import Reason


class VerificationError(Exception):
    """Anything that this package raises on purpose: `VerificationError(reason, detail)`.

    `reason` is the code to answer with. Made entirely in C and put into words only when somebody
    asks, since to refuse must not cost more than to accept.
    """

    args: tuple[Reason, str] | tuple[Reason]

    @property
    def reason(self) -> Reason:
        """The code to answer with."""
        return self.args[0]

    @property
    def detail(self) -> str:
        """What exactly, for logs and people; may be empty."""
        return self.args[1] if len(self.args) > 1 else ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class TokenRefused(VerificationError):
    """The token, or what it may do, does not satisfy the policy."""


class KeysUnavailable(VerificationError):
    """Whether the token is good cannot be told now: no keys, stale keys, or no sane clock."""


class SettingsError(VerificationError):
    """Settings, a policy or a key set is wrong; `faults` lists every fault that was found."""

    def __init__(self, faults: list[str], reason: Reason = Reason.POLICY_INVALID) -> None:
        super().__init__(reason, "; ".join(faults))
        self.args = (reason, "; ".join(faults))
        self.faults = faults
