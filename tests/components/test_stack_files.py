"""The project file, the stacks' files, the settings' reader and their page say the same."""

import json
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.settings import DECLARED, parse
from components.surroundings import Surroundings
from signet.paths import repo_root

ROOT = repo_root()
STACKS = ("local", "local-fast", "dev", "prod")


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((ROOT / name).read_text())
    return found


def settings_of(stack: str) -> dict[str, str]:
    return {
        key.removeprefix("signet:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in load(f"Pulumi.{stack}.yaml")["config"].items()
    }


def surroundings(stack: str) -> Surroundings:
    inside = stack.startswith("local")
    return Surroundings(
        stack=stack,
        in_sandbox=inside,
        aws_endpoint="http://127.0.0.1:4566" if inside else None,
        ports={"aws": 4566, "azure": 4567, "gcp": 4568, "gcp-kms": 4569} if inside else {},
    )


def test_the_project_declares_exactly_what_is_read_with_the_same_defaults() -> None:
    declared = load("Pulumi.yaml")["config"]
    assert list(declared) == list(DECLARED)
    for key, setting in DECLARED.items():
        default = list(setting.default) if setting.kind == "array" else setting.default  # type: ignore[arg-type]
        assert declared[key]["type"] == setting.kind, key
        assert declared[key]["default"] == default, key
        assert declared[key]["description"].endswith("."), key
        if setting.kind == "array":
            assert declared[key]["items"] == {"type": "string"}, key


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_file_is_good(stack: str) -> None:
    settings = parse(settings_of(stack), surroundings(stack))
    assert settings.environment == stack


def test_no_further_stack_file_is_shipped() -> None:
    names = {path.name.split(".")[1] for path in ROOT.glob("Pulumi.?*.yaml")}
    assert names == set(STACKS)


def test_local_uses_ordinary_timings() -> None:
    ordinary = parse(settings_of("prod"), surroundings("prod"))
    local = parse(settings_of("local"), surroundings("local"))
    assert local.timings == ordinary.timings
    assert local.rotation.rotation_period == ordinary.rotation.rotation_period


def test_local_fast_lives_a_whole_key_life_in_minutes() -> None:
    fast = parse(settings_of("local-fast"), surroundings("local-fast"))
    timings, rotation = fast.timings, fast.rotation
    assert (rotation.rotation_period, rotation.up_interval, rotation.retention) == (120, 30, 19)
    assert (timings.token_lifetime, timings.jwks_max_age, timings.cache_ceiling) == (15, 2, 2)
    assert (timings.stale_if_error, timings.foreign_cache_age) == (5, 0)
    assert (timings.clock_skew, timings.issuer_lag) == (1, 2)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_real_stacks_name_only_documentation_accounts(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    accounts = set(re.findall(r"(?<![\d-])\d{12}(?!\d)", text))
    assert accounts == {{"dev": "111122223333", "prod": "444455556666"}[stack]}
    # No real subscription or tenant is one digit over and over.
    for guid in re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        assert len(set(guid) - {"-", "4", "8"}) <= 1, guid
    assert "encryptionsalt" not in text


def test_the_settings_page_is_the_project_files_table() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == render()


def render() -> str:
    """The page that documents every setting."""
    lines = [
        "# Settings",
        "",
        "Every setting of a stack, as `Pulumi.yaml` declares it; a stack's file",
        "(`Pulumi.<stack>.yaml`) overrides a default as `signet:<name>`. Durations are a whole",
        "number and a unit: `s`, `m`, `h` or `d`. All faults are reported at once, before anything",
        "is created, and `signet` exits with 2.",
        "",
        "| setting | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for key, setting in load("Pulumi.yaml")["config"].items():
        kind = "list of strings" if setting["type"] == "array" else setting["type"]
        default = setting["default"]
        if isinstance(default, bool):
            shown = f"`{str(default).lower()}`"
        elif isinstance(default, list):
            shown = f"`[{', '.join(default)}]`" if default else "none"
        else:
            shown = f"`{default}`" if default != "" else "none"
        lines.append(f"| `{key}` | {kind} | {shown} | {setting['description']} |")
    return "\n".join([*lines, ""])
