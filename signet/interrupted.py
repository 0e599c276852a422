"""A resource whose creation was interrupted, as the engine asks a cloud for it.

Here and not in the engine, because the components, which know their clouds, answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A resource whose creation was interrupted.

    `recorded` are the ids of its type that the state has already, which are no candidates, each
    with the inputs of those that bear it: in some types an id says nothing without what it is in.
    `provider` holds the settings of the provider that was making it.
    """

    type: str
    name: str
    inputs: Mapping[str, Any] = field(repr=False)
    recorded: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    provider: Mapping[str, Any] = field(default_factory=dict, repr=False)


Finder = Callable[[Wanted], Sequence[str] | None]
"""Returns the ids of unrecorded resources that fit, the likeliest first; None when it cannot look
for this type. Raises CouldNotCheck when the cloud does not answer."""
