"""What a shared library asks of the system that loads it, read from its ELF sections.

Source: System V ABI, AMD64 supplement (section headers) and the Linux Standard Base, "Symbol
Versioning" (`Elf64_Verneed`, `Elf64_Vernaux`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

X86_64 = 62
_NEEDED_VERSIONS = 0x6FFFFFFE
_SECTION = struct.Struct("<IIQQQQII")
_NEED = struct.Struct("<HHIII")
_VERSION = struct.Struct("<IHHII")


@dataclass(frozen=True)
class Library:
    """A shared library: its machine, and the symbol versions that it needs, by library."""

    machine: int
    versions: dict[str, set[str]]

    def highest(self, family: str) -> tuple[int, ...]:
        """The highest version of a family such as `GLIBC` that it needs; (0,) for none."""
        found = (each for needed in self.versions.values() for each in needed)
        numbers = [each.removeprefix(f"{family}_") for each in found if each.startswith(family)]
        return max((tuple(map(int, each.split("."))) for each in numbers), default=(0,))


def read(data: bytes) -> Library:
    """Read a 64-bit little-endian library."""
    assert data[:6] == b"\x7fELF\x02\x01"
    (machine,) = struct.unpack_from("<H", data, 18)
    (start,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    sections = [_SECTION.unpack_from(data, start + size * number) for number in range(count)]
    versions: dict[str, set[str]] = {}
    for _, kind, _, _, offset, _, link, entries in sections:
        if kind == _NEEDED_VERSIONS:
            names = sections[link][4]
            for library, version in _needs(data, offset, entries):
                versions.setdefault(_text(data, names + library), set()).add(
                    _text(data, names + version)
                )
    return Library(machine, versions)


def _needs(data: bytes, offset: int, entries: int) -> Iterator[tuple[int, int]]:
    """Give library and version as places in the string table."""
    for _ in range(entries):
        _, count, library, first, following = _NEED.unpack_from(data, offset)
        place = offset + first
        for _ in range(count):
            _, _, _, version, after = _VERSION.unpack_from(data, place)
            yield library, version
            place += after
        offset += following


def _text(data: bytes, place: int) -> str:
    return data[place : data.index(b"\0", place)].decode()
