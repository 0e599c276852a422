"""What the house promises in its Makefile and its index is there."""

import re
import subprocess

import pytest

from signet.paths import repo_root

ROOT = repo_root()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE)


def test_every_listed_target_is_declared_and_does_something() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert sorted(phony[1].split()) == sorted(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_every_command_of_a_target_is_there(target: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for module in re.findall(r"-m ([\w.]+)", planned):
        path = ROOT / module.replace(".", "/")
        assert (path / "__main__.py").is_file() or path.with_suffix(".py").is_file(), module
    for file in re.findall(r"(?:^|\s)((?:tests|tools)/[\w/.]+)", planned):
        assert (ROOT / file).exists(), file
    for command in re.findall(r"bin/signet ([a-z]+)", planned):
        assert (ROOT / "signet" / "cli" / f"{command}.py").is_file(), command


def test_every_drill_is_run_by_a_target() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "drills", "matrix"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    run = {ROOT / path for path in re.findall(r"\s(tests/[\w/.]+)", planned)}
    marked = [
        path
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"mark\.drill\b", path.read_text(encoding="utf-8"))
    ]
    assert len(marked) > 5
    assert [str(path) for path in marked if not run & {path, *path.parents}] == []


def test_every_target_but_help_and_clean_sets_up_by_itself() -> None:
    for target in set(TARGETS) - {"help", "clean", "setup"}:
        planned = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert planned.splitlines()[0].endswith("tools/setup.py"), target


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "make test " in (ROOT / "README.md").read_text()
    script = (ROOT / ".ci" / "run").read_text()
    assert script.rstrip().endswith("exec make test")
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0


def test_every_page_of_the_docs_stands_in_the_index_and_links_lead_somewhere() -> None:
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text()
    for page in docs.rglob("*.md"):
        name = page.relative_to(docs).as_posix()
        assert name == "README.md" or f"({name})" in index, f"{name} is not in docs/README.md"
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{name} links to {link}"
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link


def test_every_decision_is_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
