"""The end of `signet demo`: a second service is onboarded in front of the viewer.

One file, one run, one probe. The file is written to a copy of the services folder below the state
folder: nothing of it stays in the checkout, and the next `signet up` lets the service go.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signet import paths
from signet.cli import issuing_record, output, probe_run
from signet.service_edit import Draft, manifest

if TYPE_CHECKING:
    from signet.engine.stack import EngineStack
    from signet.probing.comparison import CaseResult

SERVICE = "demo-orders"


@dataclass(frozen=True, kw_only=True)
class Onboarded:
    """How it went; `seconds` from the file to the last answer of the probe."""

    results: "Sequence[CaseResult]"
    seconds: float

    @property
    def good(self) -> bool:
        """Whether every answer was as expected, from one and the same bundle."""
        from signet.probing import report

        expected = all(result.as_expected for result in self.results)
        return expected and report.one_bundle(self.results)

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        from signet.probing import report

        return {
            "service": SERVICE,
            "as_expected": self.good,
            "cases": report.as_dict(self.results),
            "seconds": round(self.seconds, 1),
        }


def onboard(
    stack: "EngineStack",
    outputs: Mapping[str, Any],
    up: Callable[[Path], object],
    *,
    quiet: bool,
) -> Onboarded:
    """Write a manifest, run `up` with the folder that it is in, and probe the service."""
    begun = time.monotonic()
    text = _manifest(sorted(outputs.get("gateways") or {}))
    folder = _folder()
    (folder / f"{SERVICE}.yaml").write_text(text, encoding="utf-8")
    if not quiet:
        output.say(f"\nA second service: one file ({SERVICE}.yaml)", style="strong")
        output.say("".join(f"  {line}\n" for line in text.splitlines()[2:]).rstrip())
    up(folder)
    found = issuing_record.read(stack)
    with stack.place.applied():
        target, results = probe_run.probe(stack.name, found, SERVICE, quiet=quiet)
    done = Onboarded(results=results, seconds=time.monotonic() - begun)
    if not quiet:
        probe_run.show(target.gateways, results)
        output.say(f"from one file to a probed service: {done.seconds:.1f} s", style="faint")
        output.say(
            f"`signet up {stack.name}` lets it go again; docs/onboarding.md adds yours",
            style="faint",
        )
    return done


def _manifest(clouds: Sequence[str]) -> str:
    return manifest(
        Draft(
            service=SERVICE,
            owner="team-demo",
            contact="demo@example.com",
            clouds=clouds,
            audience="https://orders.demo.example.com",
            routes=[{"methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]}],
        )
    )


def _folder() -> Path:
    """Return a fresh copy of the services folder, below the state folder."""
    folder = paths.state_dir() / "demo" / "services"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(paths.repo_root() / "services", folder)
    return folder
