"""The linter of GitHub's workflows, built once for a machine as the emulators are; for tests."""

from pathlib import Path

from tools.house import go_build
from tools.house.emulators import obtained

_MODULE = Path("tools/linters/actionlint")


def actionlint(root: Path, cache: Path) -> list[str]:
    """Return the command of actionlint, built first where it is missing."""
    program = go_build.Program(
        name="actionlint",
        module=root / _MODULE,
        package="github.com/rhysd/actionlint/cmd/actionlint",
        oldest=(1, 25, 0),
        needed=512 * 1024**2,
        remedy="run the tests without it (they say what they skip)",
    )
    names = tuple(str(_MODULE / name) for name in ("go.mod", "go.sum"))

    def fill(work: Path) -> None:
        caches = cache / "emulators" / "go-actionlint"
        go_build.build(program, root, cache, caches, work / "actionlint")

    return [str(obtained("actionlint", names, root, cache, fill) / "actionlint")]
