"""The questions that operators ask of the log, as files in each cloud's own query language.

`components/<cloud>/queries/` holds them; the first line of each is a comment with its title. They
are provisioned with the environment and printed in `docs/audit.md`, which a test compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_COMMENT: Final = "#/- "


@dataclass(frozen=True)
class Query:
    """One question: its title, and the text without it."""

    title: str
    text: str


def load(cloud: str, names: Sequence[str]) -> tuple[Query, ...]:
    """Read a cloud's queries by their names, in that order."""
    folder = Path(__file__).parent / cloud / "queries"
    return tuple(_read(next(folder.glob(f"{name}.*"))) for name in names)


def _read(path: Path) -> Query:
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    return Query(title.lstrip(_COMMENT), text.strip())
