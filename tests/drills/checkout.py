"""A folder of settings files that a drill may change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from signet.paths import repo_root


class Checkout:
    """Settings files; `configure` writes a stack's own with further settings or in their place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(repo_root() / "Pulumi.yaml", root)

    def configure(self, stack: str, **settings: Any) -> None:
        """Begin with what the project ships for this stack."""
        yaml = YAML(typ="safe")
        shipped = repo_root() / f"Pulumi.{stack}.yaml"
        told = yaml.load(shipped.read_text(encoding="utf-8"))
        told["config"] |= {f"signet:{key}": value for key, value in settings.items()}
        with (self.root / f"Pulumi.{stack}.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(told, file)
