"""The linter of GitHub's workflows, built once for a machine as the emulators are; for tests."""

from pathlib import Path

from tools.house import go_build
from tools.house.kept import built


def actionlint(root: Path, cache: Path) -> list[str]:
    """Return the command of actionlint, built first where it is missing."""
    program = go_build.Program(
        name="actionlint",
        module=root / "tools/linters/actionlint",
        package="github.com/rhysd/actionlint/cmd/actionlint",
        oldest=(1, 25, 0),
        needed=512 * 1024**2,
        remedy="run the tests without it (they say what they skip)",
    )
    return built("actionlint", program, root, cache)
