"""The key that signs for a ring, its public half from the settings, its signer made when needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from signet.issuing.signers import TokenSigner
from signet.token_service import SigningKey
from validator_functions.verification.keys import KeySet

_SIGNER_SECONDS: Final = 600.0
"""A signer holds a role's session of 15 minutes (AWS); it is made anew well before that ends."""

Connect = Callable[[SigningKey], TokenSigner]


class Signing:
    """One ring's key; thread-safe."""

    def __init__(self, key: SigningKey, connect: Connect) -> None:
        """Raises `verification.SettingsError` where the public half cannot be used."""
        self.key = key
        self.keys = KeySet.parse({"keys": [dict(key.jwk)]})
        self.kid = next(iter(self.keys.kids))
        self._connect = connect
        self._lock = threading.Lock()
        self._made: tuple[TokenSigner, float] | None = None

    def signer(self, monotonic: float) -> TokenSigner:
        """Return a signer whose credentials are good for minutes. Raises what `connect` raises."""
        with self._lock:
            if self._made is None or monotonic - self._made[1] > _SIGNER_SECONDS:
                self._made = (self._connect(self.key), monotonic)
            return self._made[0]

    def forget(self) -> None:
        """Make a new signer next time: this one's credentials were refused."""
        with self._lock:
            self._made = None


def signings(keys: Mapping[str, SigningKey], connect: Connect) -> dict[str, Signing]:
    """Return each ring's signing key by the ring's name."""
    return {ring: Signing(key, connect) for ring, key in keys.items()}
