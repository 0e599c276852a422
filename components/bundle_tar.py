"""The bundle's tree as tar.gz: what Cloud Run is known to take as source, and an image's layer.

Nothing but the zip's content decides the bytes; what is compared is the hash of the tree itself.
"""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

_MODE = 0o644
_FOLDER_MODE = 0o755


def source_archive(bundle: Path) -> Path:
    """Return the tar.gz beside a bundle, made if it is not there yet."""
    target = bundle.with_suffix(".tar.gz")
    if not target.is_file():
        draft = target.with_suffix(".draft")
        draft.write_bytes(pack(bundle.read_bytes()))
        draft.replace(target)
    return target


def pack(bundle: bytes, below: str = "") -> bytes:
    """Return the tar.gz of a zip's files; equal files give equal bytes.

    With `below` everything is in that folder, and folders have entries of their own, as the layer
    of an image is to have them (OCI Image Layer Filesystem Changeset, "Creating").
    """
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(bundle)) as opened,
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        files = {str(PurePosixPath(below, name)): name for name in opened.namelist()}
        for folder in sorted(_folders(files) if below else ()):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER_MODE
            tar.addfile(entry)
        for path in sorted(files):
            data = opened.read(files[path])
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), _MODE
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _folders(files: dict[str, str]) -> set[str]:
    return {str(up) for path in files for up in PurePosixPath(path).parents if up.name}
