"""Bundles: the validators' one zip, the same bytes for all three clouds, and the token service's.

Our code and hash-locked manylinux wheels for one target Python. Built by our own code so that
nothing but the inputs decides the bytes: names sorted, times and permissions fixed, no caches.
The zip's SHA-256 also depends on the deflate library of the machine that built it (zlib against
zlib-ng); `tree_sha256` does not, so that is what builders on different machines compare.
"""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch, fnmatchcase
from pathlib import Path, PurePosixPath

from signet.errors import Fault, RunFailed, SettingsError
from signet.paths import repo_root, state_dir

TARGETS = ("3.11", "3.12", "3.13")
"""Pythons for which the bundle's wheels were tried; a deployment picks one all its clouds offer."""

MAX_BYTES = 12 * 1024 * 1024
PLATFORM = "x86_64-manylinux_2_28"

_FORMAT = "2"  # raise it when the way of packing changes, so that no cached bundle survives that
_KEPT = 8
_INSTALL_LIMIT = 300.0
_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
_MODE = 0o100644 << 16
_LEVEL = 6  # 9 takes four times as long for the cryptography library, and saves 0.7 %
# What installers leave behind, which differs between machines or serves nobody at run time.
_LEFT_OUT = frozenset(
    {"__pycache__", "tests", "bin", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
)


@dataclass(frozen=True)
class Recipe:
    """What goes into a bundle.

    Of `folders` only what fits a pattern of `only` is taken, all where there is none; `at_root`
    puts copies where a platform looks for them. Of the locked packages, files that fit `trimmed`
    and not `kept` are left out.
    """

    name: str
    lock: PurePosixPath
    folders: tuple[str, ...]
    only: tuple[str, ...] = ()
    at_root: Mapping[str, str] = field(default_factory=dict)
    trimmed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def sources(self, home: Path) -> dict[str, bytes]:
        """Return our own files, by their name in the zip."""
        found = {
            name: data
            for folder in self.folders
            for name, data in _files(home / folder, PurePosixPath(folder))
            if not self.only or _fits(name, self.only)
        }
        roots = {name: found[where] for name, where in self.at_root.items() if where in found}
        return found | roots

    def packages(self, wheels: Path) -> dict[str, bytes]:
        """Return the locked packages' files."""
        return {
            name: data
            for name, data in _files(wheels, PurePosixPath())
            if not _fits(name, self.trimmed) or _fits(name, self.kept)
        }


_AZURE = "validator_functions/azure_function"
VALIDATOR = Recipe(
    name="validator",
    lock=PurePosixPath("requirements/bundle.txt"),
    folders=("validator_functions",),
    at_root={"function_app.py": f"{_AZURE}/function_app.py", "host.json": f"{_AZURE}/host.json"},
)
_EXCHANGE = "signet/issuing/exchange"
_EXCHANGE_ON_AZURE = f"{_EXCHANGE}/azure_function"
_EXCHANGED = (
    # By name, so that a change of anything else does not deploy it anew; a test runs it alone.
    *("signet/__init__.py", "signet/caller_faults.py", "signet/callers.py"),
    *("signet/claim_match.py", "signet/documents.py", "signet/errors.py"),
    *("signet/identities.py", "signet/standard_claims.py", "signet/strict_json.py"),
    "signet/token_service.py",
    *("signet/issuing/__init__.py", "signet/issuing/claims.py", "signet/issuing/errors.py"),
    *("signet/issuing/issuer.py", "signet/issuing/pyjwt_algorithm.py"),
    "signet/issuing/signature_format.py",
    *("signet/issuing/signers/__init__.py", "signet/issuing/used_tokens/__init__.py"),
    *(f"{_EXCHANGE}/{name}.py" for name in ("__init__", "entry", "form", "limits", "lines")),
    *(f"{_EXCHANGE}/{name}.py" for name in ("policy", "refusal", "replay", "service")),
    *(f"{_EXCHANGE}/{name}.py" for name in ("signing", "subjects")),
    *("validator_functions/__init__.py", "validator_functions/verification/*"),
)
TOKEN_SERVICE = Recipe(
    name="token-service",
    lock=PurePosixPath("requirements/token_service.txt"),
    folders=("signet", "validator_functions"),
    only=(
        *_EXCHANGED,
        f"{_EXCHANGE}/aws_lambda.py",
        *("signet/issuing/signers/aws.py", "signet/issuing/used_tokens/aws.py"),
    ),
    # The models of 400 services, of which three are called; without them it is a third as large.
    trimmed=("botocore/data/*/*", "boto3/examples/*"),
    kept=("botocore/data/kms/*", "botocore/data/sts/*", "botocore/data/s3/*"),
)
TOKEN_SERVICE_BY_REST = Recipe(
    name="token-service-rest",
    lock=PurePosixPath("requirements/token_service_rest.txt"),
    folders=("signet", "validator_functions"),
    only=(
        *_EXCHANGED,
        *(f"{_EXCHANGE}/cloud_run.py", f"{_EXCHANGE_ON_AZURE}/*", "signet/issuing/cloud_api.py"),
        *(f"signet/issuing/signers/{name}.py" for name in ("rest", "cloud_kms_rest")),
        "signet/issuing/signers/key_vault_rest.py",
        "signet/issuing/used_tokens/conditional_write.py",
    ),
    at_root={
        "function_app.py": f"{_EXCHANGE_ON_AZURE}/function_app.py",
        "host.json": f"{_EXCHANGE_ON_AZURE}/host.json",
    },
)
"""For Azure and Google Cloud, which are asked by plain requests: no SDK is in it."""


@dataclass(frozen=True)
class Bundle:
    """A built bundle.

    `sha256` is the hex digest of the file's bytes; `tree_sha256` that of its content (see
    `tree_sha256`), which every function states of its own unpacked files; `size` is in bytes.
    """

    path: Path
    sha256: str
    tree_sha256: str
    size: int


def default_target() -> str:
    """Return the running interpreter's version, for which the sandbox needs its bundle."""
    major, minor, _ = platform.python_version_tuple()
    return f"{major}.{minor}"


def build_bundle(
    target_python: str,
    out_dir: Path | None = None,
    root: Path | None = None,
    recipe: Recipe = VALIDATOR,
) -> Bundle:
    """Return the bundle for `target_python` ("3.12"), building it if its inputs changed.

    It is kept in `out_dir` (default: `bundles` in the state folder) under the hash of its inputs:
    lock, sources, target. The network is needed only when the lock or the target is new.
    Raises `SettingsError` for a target we do not know, `RunFailed` when wheels cannot be had or
    the bundle is too large.
    """
    if target_python not in TARGETS:
        raise SettingsError(
            [
                Fault(
                    key="signet:python",
                    value=target_python,
                    problem=f"the {recipe.name} bundle is not built for this Python",
                    remedy=f"write one of {', '.join(TARGETS)}",
                )
            ]
        )
    home = repo_root() if root is None else root
    out = state_dir() / "bundles" if out_dir is None else out_dir
    out.mkdir(parents=True, exist_ok=True)
    sources = recipe.sources(home)
    lock = (home / recipe.lock).read_bytes()
    name = f"{recipe.name}-py{target_python}-{_inputs_hash(target_python, lock, sources)}"
    built = _cached(out, name)
    if built is None:
        wheels = _wheels(home, out, target_python, recipe, lock)
        built = _write(out, name, pack(sources | recipe.packages(wheels)), recipe)
        _prune(out, recipe)
    return built


def build_settings_layer(settings_json: str, out_dir: Path) -> Path:
    """Write the settings artefact as a Lambda layer's zip, found on `sys.path` as it is laid out.

    The text's exact bytes are kept: their SHA-256 is the settings hash that a validator reports.
    """
    data = pack({"python/signet_settings.json": settings_json.encode()})
    out_dir.mkdir(parents=True, exist_ok=True)
    target = out_dir / f"settings-{hashlib.sha256(data).hexdigest()[:16]}.zip"
    if not target.is_file() or target.read_bytes() != data:
        _replace(target, data)
    return target


def pack(files: dict[str, bytes]) -> bytes:
    """Return the zip of `files` (name in the zip -> content); equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=_LEVEL)
    return buffer.getvalue()


def tree_sha256(archive: Path | bytes) -> str:
    """Hash a zip's content: SHA-256 over a line `<sha256>  <name>` for each file, by name.

    The same number comes from `sha256sum` over the unpacked files, sorted in the C locale, and from
    `validator_functions.verification.own_files` in the function.
    """
    source = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    digest = hashlib.sha256()
    with zipfile.ZipFile(source) as opened:
        for name in sorted(opened.namelist()):
            digest.update(f"{hashlib.sha256(opened.read(name)).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _files(folder: Path, prefix: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    """Give every file that belongs into the bundle, by its name there."""
    for path in folder.rglob("*"):
        inside = PurePosixPath(path.relative_to(folder).as_posix())
        hidden = any(part.startswith(".") for part in inside.parts)
        if hidden or _LEFT_OUT & set(inside.parts) or path.suffix == ".pyc" or not path.is_file():
            continue
        yield str(prefix / inside), path.read_bytes()


def _inputs_hash(target: str, lock: bytes, sources: dict[str, bytes]) -> str:
    digest = hashlib.sha256(f"{_FORMAT}\0{target}\0{PLATFORM}\0".encode() + lock)
    for name in sorted(sources):
        digest.update(name.encode() + b"\0" + hashlib.sha256(sources[name]).digest())
    return digest.hexdigest()[:16]


def _cached(out: Path, name: str) -> Bundle | None:
    """Return the bundle that is there already, if its bytes are those that were built."""
    try:
        note = json.loads((out / f"{name}.json").read_text())
        data = (out / f"{name}.zip").read_bytes()
        bundle = Bundle(out / f"{name}.zip", note["sha256"], note["tree_sha256"], len(data))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return bundle if hashlib.sha256(data).hexdigest() == bundle.sha256 else None


def _write(out: Path, name: str, data: bytes, recipe: Recipe) -> Bundle:
    if len(data) > MAX_BYTES:
        raise RunFailed(
            f"the {recipe.name} bundle is {len(data) / 1024**2:.1f} MB; at most "
            f"{MAX_BYTES // 1024**2} MB are allowed, because cold starts grow with it",
            where=recipe.lock.as_posix(),
            remedy=f"take out of {recipe.lock.with_suffix('.in')} what it can do without",
        )
    path = out / f"{name}.zip"
    bundle = Bundle(path, hashlib.sha256(data).hexdigest(), tree_sha256(data), len(data))
    _replace(path, data)
    note = {key: value for key, value in asdict(bundle).items() if key != "path"}
    _replace(out / f"{name}.json", json.dumps(note, indent=1, sort_keys=True).encode())
    return bundle


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    handle, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _prune(out: Path, recipe: Recipe) -> None:
    """Keep the newest few bundles: each change of our code makes another."""
    with os.scandir(out) as entries:
        bundles = [e for e in entries if fnmatch(e.name, f"{recipe.name}-py*.zip")]
        newest = sorted(bundles, key=lambda entry: entry.stat().st_mtime, reverse=True)
    for old in newest[_KEPT:]:
        Path(old.path[: -len(".zip")] + ".json").unlink(missing_ok=True)
        Path(old.path).unlink(missing_ok=True)


def _wheels(home: Path, out: Path, target: str, recipe: Recipe, lock: bytes) -> Path:
    """Return a folder with the locked wheels unpacked for `target`, installing them once."""
    key = hashlib.sha256(PLATFORM.encode() + lock).hexdigest()[:16]
    folder = out / f"wheels-py{target}-{key}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=out) as work:
        place = Path(work) / "packages"
        _install(home / recipe.lock, place, target)
        try:
            place.rename(folder)
        except OSError:  # another run was first with the same wheels
            if not folder.is_dir():
                raise
    return folder


def _install(lock: Path, place: Path, target: str) -> None:
    what = [_uv(), "pip", "install", "--quiet", "--target", str(place), "--link-mode", "copy"]
    wheels = ["--python-platform", PLATFORM, "--python-version", target, "--only-binary", ":all:"]
    exact = ["--no-deps", "--require-hashes", "--requirement", str(lock)]
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    try:
        done = subprocess.run(
            [*what, *wheels, *exact],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_LIMIT,
            check=False,
        )
        said = done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired:
        said = f"uv did not end within {_INSTALL_LIMIT:.0f} s"
    if said:
        raise RunFailed(
            f"the wheels of {lock.stem} (Python {target}) could not be had",
            where=f"{lock.parent.name}/{lock.name}",
            remedy="check the network, or the mirror that UV_DEFAULT_INDEX and HTTPS_PROXY name, "
            "and run it again; they are fetched once for each target Python",
            details=[line for line in said.strip().splitlines() if line.strip()][-6:],
        )


def _uv() -> str:
    """Find uv: it is locked into our own environment, so beside the running Python."""
    try:
        from uv import find_uv_bin
    except ImportError:
        found = shutil.which("uv")
    else:
        try:
            found = str(find_uv_bin())
        except FileNotFoundError:
            found = shutil.which("uv")
    if not found:
        raise RunFailed(
            "uv, which fetches the validator bundle's wheels, is missing",
            remedy="run `make setup`, and run it again with .venv/bin/signet",
        )
    return found


def wheel_tags(archive: Path) -> dict[str, list[str]]:
    """Return the compatibility tags of every wheel in a bundle, by the wheel's name (PEP 425)."""
    tags = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            match = re.fullmatch(r"([^/]+)\.dist-info/WHEEL", name)
            if match:
                lines = opened.read(name).decode().splitlines()
                tags[match[1]] = [line[5:] for line in lines if line.startswith("Tag: ")]
    return tags
