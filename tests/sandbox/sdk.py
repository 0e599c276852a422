"""What an installed provider SDK says of its types, and where a plugin's table differs."""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names

from sandbox.plugin.spec import Kind, Prop, Provider, Type

Names = Mapping[str, set[str]]
"""Names of properties, by type token."""


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """One provider's SDK beside our plugin for it."""

    provider: Provider
    package: str
    place: Callable[[str], str]
    """The module of a token below the package."""
    stricter: Names = field(default_factory=dict)
    """Inputs that the table requires and the SDK does not."""
    not_produced: Names | None = field(default_factory=dict)
    """Outputs that the table lacks, because their feature is refused; None where most are."""
    loose: tuple[str, ...] = ()
    """Parts of complaints about inputs that the SDK takes as anything."""

    def module(self, token: str) -> types.ModuleType:
        """The module that defines a type or function."""
        name = f"{self.package}.{self.place(token)}"
        # Azure's packages load when an attribute of theirs is asked for (`pulumi._utils`). The
        # import of a module inside one that is not loaded yet leaves it without its classes, for
        # everybody in the process.
        getattr(importlib.import_module(name.rpartition(".")[0]), "__all__", None)
        return importlib.import_module(name)

    def resource(self, token: str) -> Any:
        """The class of a type."""
        return getattr(self.module(token), name_of(token))

    def args(self, token: str) -> Any:
        """The class of a type's inputs."""
        module, name = self.module(token), name_of(token)
        return getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")

    def result(self, token: str) -> Any:
        """The class of a function's results."""
        name = name_of(token)
        return getattr(self.module(token), f"{name[0].upper()}{name[1:]}Result")

    def parameters(self, token: str) -> set[str]:
        """A function's parameters, by wire name."""
        module = self.module(token)
        function = getattr(module, module.__name__.rpartition(".")[2])
        return {camel(name) for name in inspect.signature(function).parameters if name != "opts"}


def name_of(token: str) -> str:
    return token.rsplit(":", 1)[-1]


def snake(name: str) -> str:
    """`cryptoKeyIAMMember` as the SDKs name its module."""
    name = name[0].upper() + name[1:]
    for letters in ("IAM", "KMS", "SAS"):
        name = name.replace(letters, letters.title())
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def outputs(of: Any) -> set[str]:
    """The properties of a class of the SDK, by wire name."""
    return {
        getattr(value.fget, "_pulumi_name", name)
        for name, value in vars(of).items()
        if isinstance(value, property)
    }


def required(args: Any) -> set[str]:
    names = input_type_py_to_pulumi_names(args)
    parameters = inspect.signature(args.__init__).parameters
    return {
        names.get(name, name)
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and "self" not in name
    }


def annotations(args: Any) -> dict[str, Any]:
    """The constructor's annotations by wire name, their forward references resolved."""
    module = importlib.import_module(args.__module__)
    # pulumi.Input names these two by forward reference, which resolves only in its own module.
    inside = {"Output": pulumi.Output, "T": typing.TypeVar("T")}
    # With locals of its own, or a reference for which another package's class of the same name was
    # found (`SkuArgs`) keeps that one: typing shares equal references.
    hints = typing.get_type_hints(args.__init__, {**vars(module), **inside}, {})
    names = input_type_py_to_pulumi_names(args)
    return {names.get(name, name): hint for name, hint in hints.items() if name != "return"}


def agree(spec: Mapping[str, Prop], args: Any, path: str) -> Iterator[str]:
    """Complaints about an object's fields."""
    sdk = annotations(args)
    for name, prop in spec.items():
        if name not in sdk:
            yield f"{path}.{name}: the SDK has no such input"
        else:
            yield from _fits(prop.type, sdk[name], f"{path}.{name}")
    for name in required(args) - {n for n, p in spec.items() if p.required}:
        yield f"{path}.{name}: required by the SDK and not by the table"


def flat(hint: Any) -> Iterator[Any]:
    """The plain types that an annotation allows: nothing of Optional, Union, Input, Output."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from flat(part)
    elif origin in (pulumi.Output,) or "Awaitable" in str(origin):
        return
    elif hint is not type(None):
        yield hint


def _fits(of: Type, hint: Any, path: str) -> Iterator[str]:
    """Complaints about a table's type where the SDK's annotation says something else."""
    found = list(flat(hint))
    plain = {
        Kind.STRING: str,
        Kind.JSON: str,
        Kind.INTEGER: int,
        Kind.NUMBER: float,
        Kind.BOOLEAN: bool,
        Kind.ARCHIVE: pulumi.Archive,
    }
    if of.kind in plain:
        if plain[of.kind] not in found:
            yield f"{path}: {of.kind.value} against {found}"
    elif of.kind is Kind.ASSET:
        if not any(pulumi.Asset is one for one in found):
            yield f"{path}: a file against {found}"
    elif of.kind in (Kind.LIST, Kind.SET, Kind.MAP):
        container = "Mapping" if of.kind is Kind.MAP else "Sequence"
        inside = [one for one in found if container in str(typing.get_origin(one))]
        if not inside:
            yield f"{path}: {of.kind.value} against {found}"
        elif of.item is not None:
            yield from _fits(of.item, typing.get_args(inside[0])[-1], f"{path}[]")
    else:
        classes = [one for one in found if inspect.isclass(one) and one.__name__.endswith("Args")]
        if not classes:
            yield f"{path}: an object against {found}"
        else:
            yield from agree(of.fields, classes[0], path)
