"""Where a stack's run takes place: its settings files, its state backend, its environment.

Sandbox stacks live in the sandbox and nowhere else. A real stack lives where Pulumi's usual
settings say, in a local folder where they say nothing, and in the sandbox only when the whole
environment is the sandbox's own (`signet.engine.sandbox_marker`).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signet import paths
from signet.engine import sandbox_marker
from signet.engine.sandbox_marker import SANDBOX_STACKS
from signet.errors import Fault, SettingsError

PROJECT = "signet"

# Variables of the person's own that must not reach a run in the sandbox: a profile, for one, wins
# over the sandbox's keys in every AWS SDK.
_FOREIGN = (
    "AWS_",
    "AZURE_",
    "ARM_",
    "GOOGLE_",
    "CLOUDSDK_",
    "PULUMI_",
)

_PART = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}"
_NAME = re.compile(rf"(?:{_PART}/){{0,2}}{_PART}")

_ALWAYS = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    # Settings files are copied before a run, so a salt that the engine adds to the copy may be
    # gone the next time: the state has it too.
    "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """One stack, where its state is, and the whole environment of its runs.

    `backend_url` is None when Pulumi's own login decides. `default_backend` marks the local folder
    that is used where nothing else is set.
    """

    stack: str
    root: Path
    work_dir: Path
    backend_url: str | None
    in_sandbox: bool
    default_backend: bool = False
    secrets_provider: str | None = None
    environment: Mapping[str, str] = field(repr=False)

    @property
    def settings_name(self) -> str:
        """Return the stack's name without an organisation before it."""
        return self.stack.rsplit("/", 1)[-1]

    @property
    def backend_folder(self) -> Path | None:
        """Return the folder of a local backend, None for any other."""
        return sandbox_marker.backend_path(self.backend_url or "")

    def enter(self) -> None:
        """Make the run's environment this process's own, for good: a command does one thing.

        Before the engine runs, because changing the environment of a process while native threads
        (gRPC's) read theirs may crash it (getenv(3), "MT-Safe env").
        """
        _become(self.environment)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Make the run's environment this process's own for a while: the program runs inside it."""
        before = dict(os.environ)
        _become(self.environment)
        try:
            yield
        finally:
            _become(before)


def _become(environment: Mapping[str, str]) -> None:
    """Change only what differs, so that applying it a second time touches nothing."""
    for name in [name for name in os.environ if name not in environment]:
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def state_file(backend: Path, stack: str) -> Path | None:
    """Return the file in which a backend that is a folder keeps a stack, None when it has none."""
    path = backend / ".pulumi" / "stacks" / PROJECT / f"{stack.rsplit('/', 1)[-1]}.json"
    return next((p for p in (path, path.with_suffix(".json.gz")) if p.is_file()), None)


def holds_resources(backend: Path, stack: str) -> bool:
    """Return whether a stack of a backend that is a folder records anything at all."""
    path = state_file(backend, stack)
    if path is None:
        return False
    try:
        latest = json.loads(path.read_bytes())["checkpoint"].get("latest") or {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True  # In a form that is not known here: better to keep what it may hold.
    return bool(latest.get("resources"))


def is_sandbox_stack(stack: str) -> bool:
    """Return whether this stack lives in the sandbox only."""
    return stack in SANDBOX_STACKS


def resolve(
    stack: str,
    environ: Mapping[str, str],
    *,
    sandbox: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> Place:
    """Return the place of a stack. `sandbox` is the sandbox's environment, for its own stacks.

    Raises SettingsError with every fault: no settings file, a sandbox stack elsewhere, a real
    stack in a half-set sandbox, no passphrase for secrets in the state.
    """
    root = root or paths.repo_root()
    project, settings = _settings(root, stack)
    if is_sandbox_stack(stack):
        if sandbox is None:
            raise ValueError("a sandbox stack needs the sandbox's environment")
        _same_sandbox(environ, sandbox)
        environment = {**_without_foreign(environ), **sandbox}
    else:
        environment = dict(environ)
    environment = {**environment, **_ALWAYS}
    marker = sandbox_marker.active(environment)
    url: str | None
    default = False
    if marker is not None:
        url = environment["PULUMI_BACKEND_URL"]
    else:
        _refuse_marked(environment)
        url = environment.get("PULUMI_BACKEND_URL") or _backend_of(project)
        if url is None and not _logged_in(environment):
            url, default = sandbox_marker.backend_url(paths.state_dir(environ) / "state"), True
        if url is not None:
            environment["PULUMI_BACKEND_URL"] = url
    provider = settings.get("secretsprovider")
    if _passphrase_missing(url, provider, environment):
        raise SettingsError([_no_passphrase(stack)])
    return Place(
        stack=stack,
        root=root,
        work_dir=paths.state_dir(environ) / "work" / stack.replace("/", "-"),
        backend_url=url,
        in_sandbox=marker is not None,
        default_backend=default,
        secrets_provider=provider if isinstance(provider, str) else None,
        environment=environment,
    )


def named_clouds(stack: str, root: Path | None = None) -> tuple[str, ...]:
    """Return what a stack's settings name as its clouds, whatever it is; the settings judge it.

    Raises SettingsError where there is no such settings file, or it is no YAML.
    """
    project, told = _settings(root or paths.repo_root(), stack)
    declared = (project.get("config") or {}).get("clouds") or {}
    named = (told.get("config") or {}).get(f"{PROJECT}:clouds", declared.get("default"))
    return tuple(str(each) for each in named) if isinstance(named, list) else ()


def configuration(place: Place) -> dict[str, str]:
    """Return a stack's configuration as the engine hands it to the program: text, lists as JSON.

    Our own settings without their namespace. An encrypted value, which none of ours is, is shown
    as `[secret]`.
    """
    _, told = _settings(place.root, place.stack)
    return {
        str(key).removeprefix(f"{PROJECT}:"): _text(value)
        for key, value in (told.get("config") or {}).items()
    }


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "secure" in value:
        return "[secret]"
    return json.dumps(value)


def _settings(root: Path, stack: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if not _NAME.fullmatch(stack):
        raise SettingsError(
            [
                Fault(
                    key="STACK",
                    value=stack,
                    problem="is not a stack's name",
                    remedy="use letters, digits, dots, dashes and underscores",
                )
            ]
        )
    name = stack.rsplit("/", 1)[-1]
    path = root / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = sorted(p.name.split(".")[1] for p in root.glob("Pulumi.?*.yaml"))
        raise SettingsError(
            [
                Fault(
                    key="STACK",
                    value=stack,
                    problem=f"has no settings file {path.name}",
                    remedy=f"name one of {', '.join(known)}, or write that file first"
                    if known
                    else "write that file first",
                )
            ]
        )
    return _yaml(root / "Pulumi.yaml"), _yaml(path)


def _yaml(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        told = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SettingsError(
            [
                Fault(
                    key=path.name,
                    problem=f"cannot be read as YAML: {' '.join(str(error).split())}",
                    remedy="mend the file; `git diff` shows what changed",
                )
            ]
        ) from None
    return told if isinstance(told, dict) else {}


def _backend_of(project: Mapping[str, Any]) -> str | None:
    backend = project.get("backend")
    url = backend.get("url") if isinstance(backend, dict) else None
    return url if isinstance(url, str) and url else None


def _logged_in(environ: Mapping[str, str]) -> bool:
    if environ.get("PULUMI_ACCESS_TOKEN") or environ.get("PULUMI_API"):
        return True
    home = environ.get("PULUMI_CREDENTIALS_PATH") or environ.get("PULUMI_HOME")
    folder = Path(home) if home else Path(environ.get("HOME", "~")).expanduser() / ".pulumi"
    try:
        text = (folder / "credentials.json").read_text(encoding="utf-8")
    except OSError:
        return False
    try:
        return bool(json.loads(text).get("current"))
    except (ValueError, AttributeError):
        return True  # Kept in a form of Pulumi's own: there is a login, and Pulumi can read it.


def _passphrase_missing(url: str | None, provider: object, environment: Mapping[str, str]) -> bool:
    if url is None or url.startswith(("http://", "https://")):
        return False
    if provider not in (None, "", "default", "passphrase"):
        return False
    return not any(
        name in environment
        for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
    )


def _no_passphrase(stack: str) -> Fault:
    return Fault(
        key="PULUMI_CONFIG_PASSPHRASE",
        problem=f"the state of {stack} may hold secrets, and nothing says how to encrypt them",
        remedy="set it, or PULUMI_CONFIG_PASSPHRASE_FILE, or write a key of your KMS into "
        f"Pulumi.{stack}.yaml (`secretsprovider: awskms://...`)",
    )


def _same_sandbox(environ: Mapping[str, str], sandbox: Mapping[str, str]) -> None:
    """Refuse a half-set sandbox, and another one than the state folder's."""
    name = sandbox_marker.VARIABLE
    if not environ.get(name):
        return
    sandbox_marker.active(environ)
    if Path(environ[name]).resolve() != Path(sandbox[name]).resolve():
        raise SettingsError(
            [
                Fault(
                    key=name,
                    value=environ[name],
                    problem=f"is another sandbox than the state folder's ({sandbox[name]})",
                    remedy="unset it, or set SIGNET_STATE_DIR to that sandbox's state folder",
                )
            ]
        )


def _refuse_marked(environment: Mapping[str, str]) -> None:
    """Refuse what belongs to a sandbox in an environment that is not the sandbox's."""
    faults = []
    url = environment.get("PULUMI_BACKEND_URL", "")
    backend = sandbox_marker.backend_path(url)
    if backend is not None and sandbox_marker.read_marker(backend) is not None:
        faults.append(_half_set("PULUMI_BACKEND_URL", url))
    home = environment.get("PULUMI_HOME", "")
    if home and (Path(home).parent / "sandbox.json").is_file():
        faults.append(_half_set("PULUMI_HOME", home))
    if faults:
        raise SettingsError(faults)


def _half_set(key: str, value: str) -> Fault:
    return Fault(
        key=key,
        value=value,
        problem=f"belongs to a sandbox, but {sandbox_marker.VARIABLE} is not set",
        remedy='run `eval "$(signet sandbox env)"` to work there, or unset it',
    )


def _without_foreign(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}
