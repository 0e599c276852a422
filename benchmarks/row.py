"""One measurement."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: a figure, its unit, and the most (or least) that it may be.

    `limit` is None where nothing was promised. `more_is_better` turns the limit into a floor.
    `note` says how it was measured, briefly: samples, sizes, what was warm.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def kept(self) -> bool:
        """True when there is no limit, or the figure keeps it."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.more_is_better else self.value <= self.limit
