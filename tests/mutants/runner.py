"""Tries every mutant: run inside the copied tree, never in the checkout.

mutmut writes all mutants of a function beside it, and a switch that chooses one at each call. So
one process collects the tests once, and forks for each mutant: the child flips the switch and runs
the tests that reach the function until one fails. The parent itself runs no test, so that nothing
that a test or the package remembers hides a mutant.
"""

import contextlib
import json
import os
import pickle
import re
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PACKAGE = "validator_functions/verification"
# Fewer tests are quicker and let more survive: good for a first look at one module.
TESTS = os.environ.get("MUTANT_TESTS", "tests/unit/verification tests/vectors").split()
SLOWEST_TEST = 0.5
LIMIT_SECONDS = 60
_BROKE_OFF = -1
"""In a test's place: the mutant hung, or took its process with it. That is noticed too."""


class Mutant(NamedTuple):
    """One change: where, what stood there, what stands there now."""

    name: str
    module: str
    function: str
    was: str
    now: str


def write_mutants(module: str) -> list[Mutant]:
    """Put the mutants of one module into the tree, and list them."""
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.format_utils import (
        get_mutant_name,
        orig_function_and_class_names_from_key,
    )

    path = Path(PACKAGE) / f"{module}.py"
    mutated = mutate_file_contents(str(path), path.read_text())
    path.write_text(mutated.code)
    functions = _functions(mutated.code)
    found = []
    for name in mutated.mutant_names:
        base = name.partition("__mutmut_")[0]
        was, now = _difference(functions[f"{base}__mutmut_orig"], functions[name])
        own, class_name = orig_function_and_class_names_from_key(name)
        function = f"{class_name}.{own}" if class_name else own
        found.append(Mutant(get_mutant_name(path, name), module, function, was, now))
    return found


def _functions(code: str) -> dict[str, list[str]]:
    """The lines of every generated function, by its name; its own name reads `f`."""
    import ast

    lines = code.splitlines()
    return {
        node.name: [
            line.strip().replace(node.name, "f")
            for line in lines[node.lineno - 1 : node.end_lineno]
        ]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "__mutmut_" in node.name
    }


def _difference(original: list[str], mutated: list[str]) -> tuple[str, str]:
    import difflib

    changed = [line for line in difflib.ndiff(original, mutated) if line[:2] in ("- ", "+ ")]
    return tuple(  # type: ignore[return-value]
        " ".join(re.sub(r"\s*# type: ignore # mutmut generated", "", line[2:]) for line in side)
        for side in (
            [line for line in changed if line[0] == "-"],
            [line for line in changed if line[0] == "+"],
        )
    )


_TELLING = (
    r"((raise|return) (TokenRefused|SettingsError|ValueError|TooLarge|segment_refusal)"
    r"|faults\.append)\("
)
_TEXT = re.compile(r'f?"(?:[^"\\]|\\.)*"')


def is_wording(mutant: Mutant) -> bool:
    """Whether only the words of a refusal's detail or of a fault changed, for logs and people."""
    if not re.match(_TELLING, mutant.was):
        return False
    was, now = _TEXT.sub("TEXT", mutant.was), _TEXT.sub("TEXT", mutant.now)
    return now in (was, was.replace("TEXT", "None"), was.replace(", TEXT", ", "))


class Record:
    """What became of each mutant, kept as it is learnt: a run that breaks off is taken up again.

    One line of JSON a mutant. The caller names a file of its own for each state of the tree.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        self._survived: dict[str, bool] = {}
        for line in lines:
            with contextlib.suppress(ValueError):  # the last line, where a run was killed
                self._survived.update(json.loads(line))

    def __contains__(self, mutant: Mutant) -> bool:
        return mutant.name in self._survived

    def note(self, mutant: Mutant, survived: bool) -> None:
        """Write down what became of one."""
        self._survived[mutant.name] = survived
        with self._path.open("a") as file:
            file.write(json.dumps({mutant.name: survived}) + "\n")

    def survivors(self, mutants: list[Mutant]) -> list[Mutant]:
        """Those that no test noticed."""
        return [mutant for mutant in mutants if self._survived.get(mutant.name)]


class Trial:
    """The pytest plugin that runs mutants instead of tests."""

    def __init__(self, mutants: list[Mutant], jobs: int, record: Record) -> None:
        self._mutants = mutants
        self._jobs = jobs
        self._record = record
        self.untouched: list[Mutant] = []
        self.left_out = 0

    def pytest_configure(self) -> None:
        """Take the first failing example as it is: shrinking would cost minutes a mutant."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutants", phases=phases, derandomize=True, database=None, deadline=None
        )
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn which test reaches what, then try every mutant."""
        items = session.items
        reached, seconds, passed = _in_child(partial(_learn, items))
        if not passed:
            raise SystemExit("the tests fail without a mutant")
        quick = {at for at, taken in enumerate(seconds) if taken <= SLOWEST_TEST}
        self.left_out = len(items) - len(quick)
        killers: dict[str, list[int]] = defaultdict(list)
        running: dict[int, tuple[Mutant, int]] = {}
        waiting = list(reversed(self._mutants))
        done = 0
        while waiting or running:
            while waiting and len(running) < self._jobs:
                mutant = waiting.pop()
                own = mutant.name.partition("__mutmut_")[0]
                tests = sorted(quick & reached.get(own, set()), key=seconds.__getitem__)
                if not tests:
                    self.untouched.append(mutant)
                    continue
                first = killers[own][-5:][::-1]
                order = [*dict.fromkeys([*first, *tests])]
                process, reader = _fork(partial(_try, items, order, mutant))
                running[process] = (mutant, reader)
            if not running:
                break
            process, status = os.wait()
            if process not in running:
                continue
            mutant, reader = running.pop(process)
            with os.fdopen(reader, "rb") as pipe:
                data = pipe.read()
            done += 1
            killer = pickle.loads(data) if status == 0 and data else _BROKE_OFF  # noqa: S301
            self._record.note(mutant, survived=killer is None)
            if killer != _BROKE_OFF:
                if killer is None:
                    print(f"  survived: {mutant.module}.{mutant.function}", flush=True)
                    print(f"    was: {mutant.was}\n    now: {mutant.now}", flush=True)
                else:
                    killers[mutant.name.partition("__mutmut_")[0]].append(killer)
            if done % 100 == 0:
                print(f"  {done} of {len(self._mutants)} tried", flush=True)
        return True


def _learn(items: list[pytest.Item]) -> tuple[dict[str, set[int]], list[float], bool]:
    from mutmut.mutation.trampoline import set_mutant_under_test
    from mutmut.state import state

    set_mutant_under_test("stats")
    reached: dict[str, set[int]] = defaultdict(set)
    seconds = []
    for at, item in enumerate(items):
        state()._stats.clear()
        started = time.perf_counter()
        passed = _passes(item)
        seconds.append(time.perf_counter() - started)
        if not passed:
            print(f"fails: {item.nodeid}", file=sys.stderr, flush=True)
            return {}, [], False
        for function in state()._stats:
            reached[function].add(at)
    return dict(reached), seconds, True


def _try(items: list[pytest.Item], order: list[int], mutant: Mutant) -> int | None:
    from mutmut.mutation.trampoline import set_mutant_under_test

    signal.alarm(LIMIT_SECONDS)  # a mutant that hangs is killed, and counts as such
    set_mutant_under_test(mutant.name)
    return next((at for at in order if not _passes(items[at])), None)


def _passes(item: pytest.Item) -> bool:
    from _pytest.runner import runtestprotocol

    item._initrequest()  # type: ignore[attr-defined]
    return not any(report.failed for report in runtestprotocol(item, log=False))


def _fork(work: Callable[[], Any]) -> tuple[int, int]:
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.close(reader)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            data = pickle.dumps(work())
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(data)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    return process, reader


def _in_child(work: Callable[[], Any]) -> Any:
    process, reader = _fork(work)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(process, 0)
    if not data:
        raise SystemExit("the run without a mutant broke off")
    return pickle.loads(data)  # noqa: S301 - our own child's


def _fresh(mutant: Mutant) -> bool:
    """Try a mutant of what runs only when a module is loaded; whether it survives."""
    import subprocess

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", TESTS[0]),
            *("-k", "test_values or test_refusals or test_foreign or test_settings"),
        ],
        env=os.environ | {"MUTANT_UNDER_TEST": mutant.name, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=False,
    )
    return run.returncode == 0


def main(modules: list[str]) -> None:
    """Try all mutants of `modules`; the result goes to `mutants.json`."""
    mutants = [mutant for module in modules for mutant in write_mutants(module)]
    worth = [mutant for mutant in mutants if not is_wording(mutant)]
    record = Record(Path(os.environ["MUTANT_RECORD"]))
    left = [mutant for mutant in worth if mutant not in record]
    print(f"{len(worth)} mutants of {len(modules)} modules, {len(left)} to be tried", flush=True)
    trial = Trial(left, int(os.environ["MUTANT_JOBS"]), record)
    options = ["-q", "-W", "ignore", "--no-header", "-p", "no:cacheprovider", "-qq", "-s"]
    code = pytest.main([*options, *TESTS], plugins=[trial])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(f"pytest ended with {code}")
    for mutant in trial.untouched:
        record.note(mutant, survived=_fresh(mutant))
    survivors = record.survivors(worth)
    result = {
        "tried": {name: sum(1 for one in worth if one.module == name) for name in modules},
        "wording": len(mutants) - len(worth),
        "survivors": [mutant._asdict() for mutant in survivors],
        "tests_left_out": trial.left_out,
    }
    Path("mutants.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    sys.path.append(os.environ["MUTMUT_PACKAGES"])
    main(sys.argv[1:])
