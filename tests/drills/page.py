"""The commands of a page as a reader runs them, with what the page says comes of each.

A block of `sh` is run as one script. Behind a command, `# 200` is the HTTP status that it shows and
`# exit code 1` how it ends; any other comment is for the reader, and the command ends well. A block
of `text` below shows lines of what the block before it printed, in their order; `...` in a line
stands for anything.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"(?ms)^```(sh|text)\n(.*?)^```$")
_STATUS = re.compile(r"#\s+([1-5][0-9][0-9])\b")
_ANSWERED = re.compile(r"(?m)^HTTP/[0-9.]+ ([0-9]{3})\b")
_EXITS = re.compile(r"#\s+exit code ([0-9])\b")


@dataclass(frozen=True)
class Block:
    """Commands that share a shell, and the lines that the page shows of their output."""

    commands: tuple[str, ...]
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ran:
    """One command that was run."""

    command: str
    code: int
    output: str

    def kept(self) -> list[str]:
        """Return what the page says of it and what came instead; empty: all as it says."""
        exits, status = _EXITS.search(self.command), _STATUS.search(self.command)
        wanted = int(exits[1]) if exits else 0
        wrong = [] if self.code == wanted else [f"exit code {self.code}, not {wanted}"]
        if status and self.status != status[1]:
            wrong.append(f"status {self.status}, not {status[1]}")
        return wrong

    @property
    def status(self) -> str | None:
        """The HTTP status that the output shows first (curl's progress may stand before it)."""
        found = _ANSWERED.search(self.output)
        return found[1] if found else None


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in their order."""
    found: list[Block] = []
    for kind, text in _FENCED.findall(page):
        if kind == "sh":
            found.append(Block(tuple(_commands(text))))
        else:
            found[-1] = Block(found[-1].commands, tuple(text.splitlines()))
    return found


def run(block: Block, folder: Path, env: Mapping[str, str], notes: Path) -> list[Ran]:
    """Run a block in `folder`; `notes` is where outputs are kept. Each has ten minutes."""
    notes.mkdir()
    script = "".join(
        f"{{ {command}\n}} > '{notes}/{number}.out' 2>&1\necho $? > '{notes}/{number}.code'\n"
        for number, command in enumerate(block.commands)
    )
    subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        timeout=600,
        check=False,
    )
    return [
        Ran(
            command,
            int((notes / f"{number}.code").read_text()),
            (notes / f"{number}.out").read_text(),
        )
        for number, command in enumerate(block.commands)
    ]


def missing(block: Block, output: str) -> str | None:
    """Return the first line that the page shows and the output has not, from there on."""
    rest = output.splitlines()
    for line in block.shown:
        wanted = re.compile(".*".join(re.escape(part) for part in line.split("...")))
        at = next((i for i, each in enumerate(rest) if wanted.fullmatch(each.rstrip())), None)
        if at is None:
            return line
        rest = rest[at + 1 :]
    return None


def _commands(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip()]
