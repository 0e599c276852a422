"""Verdicts on tokens that were verified before, so that a repeated one costs a look-up.

A verdict counts only

- for the token's exact text,
- under the very same key set and policy objects: any change of keys, denied `kid`s, denied `jti`s
  or policy makes other objects, and two policies never share,
- while the token's own dates hold, by the rule that verified it.

What a route asks for (scopes, roles) is not in it: that is checked on every request. The cache is
bounded in entries and in bytes and drops the oldest verdict first, which is about the next to
expire, since tokens are short-lived. It can be left out altogether (`TokenCache.of` answers None).

Tokens are kept as they are, not hashed: the process that verifies them holds them anyway, a hash
costs more than the look-up saves, and Python's string hash is keyed per process (PEP 456), so that
no sender can make entries collide.
"""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from .claims import Claims
from .keys import KeySet
from .policy import Policy

if TYPE_CHECKING:
    from .settings import ValidatorSettings

_FIXED_BYTES = 2_048
_BYTES_PER_CHARACTER = 6
"""Claims as Python objects take more room than their text; a test compares with what is used."""

_Entry = tuple[KeySet, Policy, Claims, int, int]


def entry_bytes(token: str) -> int:
    """What one entry counts for: the token, its claims as objects, and the table's own part."""
    return _FIXED_BYTES + _BYTES_PER_CHARACTER * len(token)


class TokenCache:
    """The `VerifiedTokens` of an `Authorizer`. Thread-safe; reading takes no lock.

    Args:
        entries: the most verdicts that are kept.
        size: the most bytes that they may take together.
    """

    def __init__(self, entries: int, size: int) -> None:
        self._most_entries = entries
        self._most_bytes = size
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: "ValidatorSettings") -> "TokenCache | None":
        """The cache that settings ask for, or None where they turn it off."""
        if not settings.cache_entries or not settings.cache_bytes:
            return None
        return cls(settings.cache_entries, settings.cache_bytes)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes_used(self) -> int:
        """What the entries count for together."""
        return self._bytes

    def find(self, token: str) -> tuple[str, str] | None:
        """The issuer and the `kid` under which this very token passed before.

        Enough to ask for its keys without reading it again; whether it still passes, `get` tells.
        """
        entry = self._entries.get(token)
        if entry is None or entry[1].issuer is None:
            return None
        return entry[1].issuer, entry[2].kid

    def get(self, token: str, keys: KeySet, policy: Policy, now: int) -> Claims | None:
        """The claims of a token that these keys and this policy let pass before, if still so."""
        entry = self._entries.get(token)
        if entry is None:
            return None
        for_keys, for_policy, claims, begins, ends = entry
        if for_keys is keys and for_policy is policy and begins <= now < ends:
            return claims
        if for_policy is policy:
            self._drop(token)
        return None

    def put(self, token: str, keys: KeySet, policy: Policy, claims: Claims, now: int) -> None:
        """Remember a verdict for as long as the token's dates hold.

        The dates are those of `claims.claims_fault`: `exp`, `iat` and `nbf` with the policy's skew.
        """
        skew = policy.clock_skew
        ends = claims.expires_at + skew
        size = entry_bytes(token)
        if now >= ends or size > self._most_bytes:
            return
        begins = max(claims.issued_at, claims.get("nbf", 0)) - skew
        with self._lock:
            if self._entries.pop(token, None) is None:
                self._bytes += size
            self._entries[token] = (keys, policy, claims, begins, ends)
            while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
                oldest, _ = self._entries.popitem(last=False)
                self._bytes -= entry_bytes(oldest)

    def _drop(self, token: str) -> None:
        with self._lock:
            if self._entries.pop(token, None) is not None:
                self._bytes -= entry_bytes(token)
