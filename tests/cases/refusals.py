"""What a validator must refuse, and what it must not: one table, one builder a case.

Each case has the number of its line in the list of refusals (0 for what must be allowed and for
faults of the batch format), a name, a builder and the expected status and reason.
"""

from . import (
    algorithm_and_key,
    allowed,
    claims,
    clock_and_format,
    encodings,
    key_choice,
    signatures,
    table,
)
from .table import Case

_MODULES = (
    allowed,
    algorithm_and_key,
    key_choice,
    signatures,
    encodings,
    claims,
    clock_and_format,
)

CASES: tuple[Case, ...] = tuple(sorted(table.cases, key=lambda case: case.number))
"""All cases that the batch format can express."""
