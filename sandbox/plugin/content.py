"""The bytes of assets and archives.

An archive is rebuilt as a zip with sorted names and fixed times, so that equal content gives equal
bytes and the hash that a cloud reports moves only with the content.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.plugin.values import Archive, Asset

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644 << 16


class ContentGone(ValueError):
    """Only the hash is known: the content itself is no longer to be had."""


def asset_bytes(asset: Asset) -> bytes:
    """The content of one file. Plugins are started where the program's relative paths begin."""
    if asset.path is not None:
        return Path(asset.path).read_bytes()
    if asset.text is not None:
        return asset.text.encode()
    if asset.uri is not None:
        msg = f"the sandbox fetches nothing: an asset by URI ({asset.uri}) is refused"
        raise ValueError(msg)
    msg = "the state holds only this asset's hash"
    raise ContentGone(msg)


def archive_zip(archive: Archive) -> bytes:
    """The archive as a zip. A file that is a zip already is taken byte for byte."""
    if archive.path is not None and Path(archive.path).is_file() and _is_zip(archive.path):
        return Path(archive.path).read_bytes()
    files = dict(_files(archive, ""))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _FILE_MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, files[name])
    return buffer.getvalue()


def _is_zip(path: str) -> bool:
    return zipfile.is_zipfile(path)


def _files(content: Asset | Archive, prefix: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(content, Asset):
        yield prefix, asset_bytes(content)
    elif content.members is not None:
        for name, member in content.members.items():
            yield from _files(member, f"{prefix}/{name}" if prefix else name)
    elif content.path is not None:
        for name, data in _files_at(Path(content.path)):
            yield (f"{prefix}/{name}" if prefix else name), data
    elif content.uri is not None:
        msg = f"the sandbox fetches nothing: an archive by URI ({content.uri}) is refused"
        raise ValueError(msg)
    else:
        msg = "the state holds only this archive's hash"
        raise ContentGone(msg)


def _files_at(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), file.read_bytes()
    elif _is_zip(str(path)):
        with zipfile.ZipFile(path) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield info.filename, packed.read(info)
    else:
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                data = tar.extractfile(member)
                if data is not None:
                    yield member.name.removeprefix("./"), data.read()
