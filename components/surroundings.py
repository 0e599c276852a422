"""What a run stands in: which stack, and whether inside the sandbox. Read once, then passed on."""

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from signet.engine import sandbox_marker
from signet.errors import Fault, SettingsError


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The stack's name and, inside the sandbox only, where the emulated clouds answer."""

    stack: str
    in_sandbox: bool = False
    aws_endpoint: str | None = None
    """`http://127.0.0.1:<port>` inside the sandbox; None means AWS's own addresses."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The sandbox's loopback ports, by cloud; empty outside it."""
    actor: str = ""
    """Who runs it, for the audit: a person at a machine, or a pipeline's job."""
    in_pipeline: bool = False
    """Whether a pipeline runs it (`CI` is set, as GitHub, GitLab and others do)."""

    @classmethod
    def observe(cls, stack: str, environ: Mapping[str, str] | None = None) -> "Surroundings":
        """Read the environment, in this one place of the program.

        Raises SettingsError when the environment is neither a sandbox's nor free of its traces
        (`signet.engine.sandbox_marker`), or when a stack made for the sandbox runs outside it.
        """
        env = os.environ if environ is None else environ
        marker = sandbox_marker.active(env)
        if marker is None:
            if stack in sandbox_marker.SANDBOX_STACKS:
                raise SettingsError([_outside(stack)])
            return cls(stack=stack, actor=_actor(env), in_pipeline=bool(env.get("CI")))
        endpoint = env.get("AWS_ENDPOINT_URL", "").rstrip("/")
        if not endpoint:
            raise SettingsError([_no_endpoint()])
        return cls(
            stack=stack,
            in_sandbox=True,
            aws_endpoint=endpoint,
            ports=_ports(marker.folder),
            actor=_actor(env),
            in_pipeline=bool(env.get("CI")),
        )


def _actor(env: Mapping[str, str]) -> str:
    """Say who this is: what GitHub Actions or GitLab CI say of their job, or else the login."""
    if who := env.get("GITHUB_ACTOR"):
        return f"{who} (GitHub {env.get('GITHUB_REPOSITORY')} run {env.get('GITHUB_RUN_ID')})"
    if who := env.get("GITLAB_USER_LOGIN"):
        return f"{who} (GitLab {env.get('CI_JOB_URL')})"
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        login = f"uid {os.getuid()}"
    return f"{login}@{socket.gethostname()}"


def _ports(folder: Path) -> dict[str, int]:
    told = json.loads((folder / "sandbox.json").read_text(encoding="utf-8"))
    return {str(name): int(port) for name, port in told.get("ports", {}).items()}


def _outside(stack: str) -> Fault:
    return Fault(
        key="stack",
        value=stack,
        problem="this stack is for the sandbox, and this run is outside it",
        remedy='use `signet up`, or `eval "$(.venv/bin/signet sandbox env)"` before plain `pulumi`',
    )


def _no_endpoint() -> Fault:
    return Fault(
        key="AWS_ENDPOINT_URL",
        problem="it is not set, so this run would leave the sandbox for the real AWS",
        remedy="take every line that `signet sandbox env` prints",
    )
