"""What a run reads back from the clouds before it plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class StoreReading:
    """The published set of one ring as one cloud's store gave it back.

    ``read``: fetched and well-formed (every ``kid`` is the thumbprint of its key).
    ``absent``: the store answered, for certain, that there is none.
    ``unverified``: unreachable, slow, or what it gave is no well-formed set.
    """

    status: Literal["read", "absent", "unverified"]
    sequence: int | None = None
    kids: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    sha256: str = ""
    detail: str = ""
    """For the operator: why it is absent or unverified."""
    server_time: int | None = None
    """The store's own clock in epoch seconds (the ``Date`` of its answer), when it gave one."""
    malformed: bool = False
    """Unverified because of what the store itself gave: no well-formed set. It is written over."""


@dataclass(frozen=True, slots=True)
class KeyReading:
    """The KMS key of one generation as its cloud describes it."""

    status: Literal["enabled", "disabled", "gone", "unverified"]
    """``gone``: deleted or waiting for deletion."""
    kid: str = ""
    """RFC 7638 thumbprint of its public half, when that could be read."""


Stores = Mapping[str, Mapping[str, StoreReading]]
"""Ring name -> cloud -> reading."""

Keys = Mapping[str, Mapping[int, KeyReading]]
"""Ring name -> generation number -> reading; found by tag, so also numbers no journal knows."""
