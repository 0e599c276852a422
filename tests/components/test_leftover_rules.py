"""Whatever a component declares, a killed run may have made: each type is looked for, or put again.

A type that nobody thought of ends every later `up` with "exists already", or leaves a second one.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pulumi
import pytest

from components.aws import leftovers as aws
from components.azure import leftovers as azure
from components.gcp import leftovers as gcp
from signet.paths import repo_root

RULES = frozenset({*aws.RULES, *azure.RULES, *gcp.RULES})
_DYNAMIC = "pulumi-python:dynamic/signet:"


def called(module: ModuleType, function: ast.expr) -> object:
    """What a call's function is, where it is a name of the module with parts of it."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return None
    found: object = getattr(module, function.id, None)
    for part in reversed(parts):
        found = getattr(found, part, None)
    return found


def declared(path: Path) -> Iterator[str]:
    """The types of resources that a file's calls make, but for the engine's own."""
    module = importlib.import_module(".".join(path.relative_to(repo_root()).with_suffix("").parts))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        kind = called(module, node.func) if isinstance(node, ast.Call) else None
        if not isinstance(kind, type) or not issubclass(kind, pulumi.CustomResource):
            continue
        if issubclass(kind, pulumi.dynamic.Resource):
            yield f"{_DYNAMIC}{kind.__name__}"
        elif not issubclass(kind, pulumi.ProviderResource | pulumi.Stash):
            yield str(kind.pulumi_type)


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_every_type_that_a_component_declares_has_a_rule(cloud: str) -> None:
    files = sorted((repo_root() / "components" / cloud).glob("*.py"))
    kinds = {kind for path in files for kind in declared(path)}
    assert len(kinds) > 12, "hardly a resource was found in the files"
    assert kinds - RULES == set()


def test_no_resource_is_declared_outside_the_clouds_parts_but_the_record() -> None:
    found = {kind for path in (repo_root() / "components").glob("*.py") for kind in declared(path)}
    assert found == set()
