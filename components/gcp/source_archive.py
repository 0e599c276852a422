"""The bundle's tree as tar.gz, which is what Cloud Run is known to take as source.

Nothing but the zip's content decides the bytes; what is compared is the hash of the tree itself.
"""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

_MODE = 0o644


def source_archive(bundle: Path) -> Path:
    """Return the tar.gz beside a bundle, made if it is not there yet."""
    target = bundle.with_suffix(".tar.gz")
    if not target.is_file():
        draft = target.with_suffix(".draft")
        draft.write_bytes(pack(bundle.read_bytes()))
        draft.replace(target)
    return target


def pack(bundle: bytes) -> bytes:
    """Return the tar.gz of a zip's files; equal files give equal bytes."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(bundle)) as opened,
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(opened.namelist()):
            data = opened.read(name)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), _MODE
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
