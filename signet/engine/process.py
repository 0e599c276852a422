"""How the engine's command is run: streamed, in a session of its own, calm under Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

from signet.engine.command import Found

OnLine = Callable[[str], object]


class EngineCommand(PulumiCommand):
    """The Automation API's command, by its own path, and calm under Ctrl-C.

    The engine runs in a session of its own, by which its plugins are found even when it was
    killed (`signet.engine.locks.remnants`). The first Ctrl-C asks it to stop once the
    operations under way have ended, so that its state stays whole; the second stops it at once.
    """

    def __init__(self, found: Found) -> None:
        # The parent's constructor insists on <root>/bin/pulumi and asks for the version again.
        self.command = str(found.path)
        self.version = found.version
        self.interrupted = False
        self.pid: int | None = None
        self.said = ""
        self.killed_by = 0

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnLine | None = None,
        on_error: OnLine | None = None,
    ) -> CommandResult:
        """Run one pulumi command; see `pulumi.automation.PulumiCommand.run`.

        Raises the CommandError that fits what the command said when it fails.
        """
        environment = {
            **os.environ,
            **additional_env,
            "PULUMI_AUTOMATION_API": "true",
            # What the launcher of dynamic resources, which set-up writes, starts them with.
            "SIGNET_PYTHON": sys.executable,
        }
        folder = str(Path(self.command).parent)
        environment["PATH"] = os.pathsep.join([folder, environment.get("PATH", "")])
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args, *_leave_settings_to_the_program(args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self.pid = process.pid
        with process, self._interrupts(process):
            assert process.stdout is not None and process.stderr is not None  # noqa: S101,PT018
            out, err = _Reader(process.stdout, on_output), _Reader(process.stderr, on_error)
            for reader in (out, err):
                reader.join()
            process.wait()
        result = CommandResult(stdout=out.text, stderr=err.text, code=process.returncode)
        self.said = f"{out.text}\n{err.text}"
        self.killed_by = -process.returncode if process.returncode < 0 else 0
        if process.returncode != 0:
            raise create_command_error(result)
        return result

    @contextmanager
    def _interrupts(self, process: "subprocess.Popen[str]") -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def forward(_number: int, _frame: FrameType | None) -> None:
            if self.interrupted:
                print("stopping at once", file=sys.stderr)
            else:
                print(
                    "\nstopping after the operations under way; Ctrl-C again to stop at once",
                    file=sys.stderr,
                )
            self.interrupted = True
            if process.poll() is None:
                process.send_signal(signal.SIGINT)

        previous = {number: signal.signal(number, forward) for number in _FORWARDED}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


_FORWARDED = (signal.SIGINT, signal.SIGTERM)


def _leave_settings_to_the_program(args: list[str]) -> list[str]:
    """Return the flag by which the engine does not judge settings.

    It would stop at the first one of a wrong type; the program reports every fault at once.
    """
    return ["--skip-config-validation"] if args[:1] in (["up"], ["preview"]) else []


class _Reader(threading.Thread):
    """Reads one stream to its end, line by line."""

    def __init__(self, stream: IO[str], on_line: OnLine | None) -> None:
        super().__init__(name="engine-output", daemon=True)
        self._stream = stream
        self._on_line = on_line
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        """Collect the lines, and hand each on."""
        for line in self._stream:
            stripped = _CONTROL.sub("", line.rstrip())
            self._lines.append(stripped)
            if self._on_line:
                self._on_line(stripped)

    @property
    def text(self) -> str:
        """Return all that was read."""
        return "\n".join(self._lines)


_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
