"""One stack on the Automation API: the same program as `__main__.py`, inline, on the real engine.

The engine runs in a folder of its own below the state folder, with copies of `Pulumi.yaml` and of
the stack's settings file: it may write a salt there, and the checkout stays as it is.
"""

import datetime
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError

from signet.engine import command, failures
from signet.engine.guarded import Guarded, Program
from signet.engine.light_sdk import light
from signet.engine.place import Place, state_file
from signet.engine.process import EngineCommand
from signet.engine.watch import Change, Tell, Watch
from signet.errors import NegativeAnswer, SignetError

_CHECKPOINT_VERSION = 3

_SPECIAL_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks a special value in a state (Pulumi's `sdk/go/common/resource/sig`)."""


class StackLocked(NegativeAnswer):
    """Another run holds the stack; `said` is what the engine says about its locks."""

    kind = "locked"

    def __init__(self, said: str) -> None:
        super().__init__("another run holds this stack")
        self.said = said


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one run did."""

    changes: tuple[Change, ...]
    counts: Mapping[str, int]
    seconds: float

    @property
    def changed(self) -> tuple[Change, ...]:
        """Return the changes that were carried out."""
        return tuple(change for change in self.changes if not change.failed)


class EngineStack:
    """A stack at its place. Every method applies the place's environment for as long as it runs."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with place.applied():
            self._command = EngineCommand(command.find())
        _copy_settings(place)
        self._stack = _QuietStack(place, self._command)

    @property
    def name(self) -> str:
        """Return the stack's name."""
        return self.place.stack

    @property
    def interrupted(self) -> bool:
        """Return whether a person stopped a run of this stack."""
        return self._command.interrupted

    def exists(self) -> bool:
        """Return whether the backend knows this stack."""
        folder = self.place.backend_folder
        if folder is not None:
            return state_file(folder, self.name) is not None
        try:
            with self.place.applied():
                self._stack.workspace.select_stack(self.name)
        except StackNotFoundError:
            return False
        except CommandError as error:
            raise self._failure("the state backend does not answer", Watch(), error) from error
        return True

    def create(self) -> None:
        """Make the stack in its backend, empty."""
        folder = self.place.backend_folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            with self.place.applied():
                self._stack.workspace.create_stack(self.name)
        except CommandError as error:
            raise self._failure(f"{self.name} could not be made", Watch(), error) from error

    def remove(self, *, force: bool = False) -> None:
        """Forget the stack. It must be empty; `force` forgets what it records as well."""
        try:
            with self.place.applied():
                self._stack.workspace.remove_stack(self.name, force=force or None)
        except CommandError as error:
            raise self._failure(f"{self.name} could not be removed", Watch(), error) from error
        shutil.rmtree(self.place.work_dir, ignore_errors=True)

    def up(
        self,
        program: Program,
        *,
        tell: Tell | None = None,
        targets: Sequence[str] = (),
        refresh: bool = False,
        preview: bool = False,
    ) -> RunResult:
        """Run the program and apply what it asks for; with `preview`, only find out what that is.

        A resource that fails holds up only what depends on it: a cloud does not wait for another.
        Raises what the program raised, when that was one of our errors; StackLocked; RunFailed.
        """
        guarded = Guarded(program)
        verb: Callable[..., object] = self._stack.preview if preview else self._stack.up
        more = {} if preview else {"continue_on_error": True}
        return self._run(
            "preview" if preview else "up",
            lambda watch: verb(
                **more,
                program=guarded,
                target=list(targets) or None,
                refresh=refresh or None,
                on_event=watch,
                on_output=watch.tell.raw,
                on_error=watch.tell.raw,
                color="never",
            ),
            tell,
            guarded,
        )

    def destroy(self, *, tell: Tell | None = None, targets: Sequence[str] = ()) -> RunResult:
        """Destroy what the state records. Raises StackLocked or RunFailed."""
        return self._run(
            "down",
            lambda watch: self._stack.destroy(
                target=list(targets) or None,
                target_dependents=True if targets else None,
                on_event=watch,
                on_output=watch.tell.raw,
                on_error=watch.tell.raw,
                color="never",
            ),
            tell,
        )

    def refresh(self, *, tell: Tell | None = None, targets: Sequence[str] = ()) -> RunResult:
        """Read what the cloud has into the state. Raises StackLocked or RunFailed."""
        return self._run(
            "refresh",
            lambda watch: self._stack.refresh(
                target=list(targets) or None,
                on_event=watch,
                on_output=watch.tell.raw,
                on_error=watch.tell.raw,
                color="never",
            ),
            tell,
        )

    def export(self) -> dict[str, Any]:
        """Return the deployment as the state has it, its secrets still encrypted."""
        folder = self.place.backend_folder
        kept = _checkpoint(folder, self.name) if folder is not None else None
        if kept is not None:
            return kept
        try:
            with self.place.applied():
                text = self._stack.command(["stack", "export"]).stdout
        except CommandError as error:
            raise self._failure(
                f"the state of {self.name} is out of reach", Watch(), error
            ) from error
        deployment = json.loads(text).get("deployment")
        return deployment if isinstance(deployment, dict) else {}

    def replace_state(self, deployment: Mapping[str, Any]) -> None:
        """Write a whole deployment, for repairs. The engine checks that it is sound."""
        path = self.place.work_dir / "repaired.json"
        path.write_text(json.dumps({"version": 3, "deployment": deployment}), encoding="utf-8")
        try:
            with self.place.applied():
                self._stack.command(["stack", "import", "--file", str(path)])
        except CommandError as error:
            raise self._failure("the state could not be repaired", Watch(), error) from error
        finally:
            path.unlink(missing_ok=True)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs; a secret one is shown as `[secret]`."""
        return outputs_of(self.export())

    def cancel(self) -> None:
        """Take the locks away, whoever holds them."""
        try:
            with self.place.applied():
                self._stack.command(["cancel", "--yes"])
        except CommandError as error:
            raise self._failure("the lock could not be taken away", Watch(), error) from error

    def _run(
        self,
        verb: str,
        operate: Callable[[Watch], object],
        tell: Tell | None,
        guarded: "Guarded | None" = None,
    ) -> RunResult:
        watch = Watch(tell=tell or Tell())
        begun = time.monotonic()
        self._command.interrupted = False
        try:
            with self.place.applied(), light():
                operate(watch)
        except ConcurrentUpdateError:
            raise StackLocked(self._command.said) from None
        except (CommandError, RuntimeError) as error:
            # Automation raises a bare RuntimeError for a preview that ended before its summary.
            if guarded and guarded.error:
                raise guarded.error from None
            raise self._failure(f"signet {verb} {self.name} failed", watch, error) from error
        return RunResult(
            changes=tuple(watch.changes),
            counts=watch.counts(),
            seconds=time.monotonic() - begun,
        )

    def _failure(self, what: str, watch: Watch, error: Exception) -> SignetError:
        hint = ""
        if self.interrupted:
            what = f"{what}: it was interrupted"
            hint = "run it again: what was done is recorded"
        elif self._command.killed_by:
            what = f"{what}: the engine was killed (signal {self._command.killed_by})"
            hint = "run it again: it clears up first, and finds what was made"
        said = self._command.said if isinstance(error, CommandError) else str(error)
        if self._command.killed_by:
            said = ""
        return failures.summarise(what, watch.errors, said=said, hint=hint)


class _QuietStack(automation.Stack):
    """A stack that starts the engine once for each run.

    The parent selects the stack first and asks for outputs (twice) and history after each run:
    four more starts of the command, a third of a second each, for answers that nobody reads here.
    """

    def __init__(self, place: Place, engine: EngineCommand) -> None:
        self.name = place.stack
        self.workspace = automation.LocalWorkspace(
            work_dir=str(place.work_dir),
            secrets_provider=place.secrets_provider,
            pulumi_command=engine,
        )

    def outputs(self) -> automation.OutputMap:
        """Return nothing: `EngineStack.outputs` reads them from the state."""
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:  # noqa: ARG002
        """Return a placeholder: `Watch` has what happened."""
        never = datetime.datetime.fromtimestamp(0, datetime.UTC)
        return automation.UpdateSummary("", never, "", {}, {}, "")

    def command(self, args: list[str]) -> automation.CommandResult:
        """Run one command on this stack."""
        return self._run_pulumi_cmd_sync(args)


def resources_of(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the resources that a deployment records."""
    found = deployment.get("resources")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def outputs_of(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deployment's stack outputs, secrets masked."""
    for resource in resources_of(deployment):
        if resource.get("type") == "pulumi:pulumi:Stack":
            shown = _masked(resource.get("outputs") or {})
            return shown if isinstance(shown, dict) else {}
    return {}


def _checkpoint(backend: Path, stack: str) -> dict[str, Any] | None:
    """Read the deployment out of a backend that is a folder: a third of a second sooner.

    None for any form but the one known here (version 3, `apitype.VersionedCheckpoint`): then the
    command is asked. The engine replaces the file as a whole, so it is never half written.
    """
    path = state_file(backend, stack)
    if path is None or path.suffix != ".json":
        return None
    try:
        told = json.loads(path.read_bytes())
        known = told["version"] == _CHECKPOINT_VERSION and not told.get("features")
        latest = told["checkpoint"].get("latest") if known else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return latest if isinstance(latest, dict) else None


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        if _SPECIAL_SIGNATURE in value:
            return "[secret]"
        return {key: _masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value


def _copy_settings(place: Place) -> None:
    place.work_dir.mkdir(parents=True, exist_ok=True)
    for name in ("Pulumi.yaml", f"Pulumi.{place.settings_name}.yaml"):
        wanted = (place.root / name).read_bytes()
        copy = place.work_dir / name
        if not copy.is_file() or copy.read_bytes() != wanted:
            fresh = copy.with_suffix(".new")
            fresh.write_bytes(wanted)
            fresh.replace(copy)
