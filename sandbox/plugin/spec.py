"""What a provider is made of: the words in which a cloud's room writes its tables.

A type is written once, as data: its inputs with their types, what forces a replacement, which
outputs it has, and four small functions that call the cloud. Everything else (validation, diff,
preview, import, partial failure) follows from the table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sandbox.plugin.values import Props


class Kind(Enum):
    """The kinds of value that an input may have."""

    STRING = "a string"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    JSON = "a JSON document"
    LIST = "a list"
    SET = "a list without order"
    MAP = "a map"
    OBJECT = "an object"
    ARCHIVE = "an archive"
    ASSET = "a file or a text"


@dataclass(frozen=True)
class Type:
    """A kind with what stands inside it."""

    kind: Kind
    item: Type | None = None
    fields: Mapping[str, Prop] = field(default_factory=dict)
    choices: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Prop:
    """One input.

    `replace`: a change makes a new resource. `default`: what the cloud takes where it is absent.
    `computed`: absent means "as the cloud decides", so what is observed is no drift. `kept`: the
    cloud does not tell it, so it stays as the program gave it.
    """

    type: Type
    required: bool = False
    replace: bool = False
    default: Any = None
    computed: bool = False
    kept: bool = False


STR = Type(Kind.STRING)
INT = Type(Kind.INTEGER)
NUM = Type(Kind.NUMBER)
BOOL = Type(Kind.BOOLEAN)
JSON = Type(Kind.JSON)
ARCHIVE = Type(Kind.ARCHIVE)
ASSET = Type(Kind.ASSET)


def choice(*values: str) -> Type:
    """One of these strings."""
    return Type(Kind.STRING, choices=frozenset(values))


def list_of(item: Type) -> Type:
    """An ordered list."""
    return Type(Kind.LIST, item)


def set_of(item: Type) -> Type:
    """A list whose order means nothing."""
    return Type(Kind.SET, item)


def map_of(item: Type) -> Type:
    """Free names to values of one type."""
    return Type(Kind.MAP, item)


def obj(**fields: Prop) -> Type:
    """Named fields, each with its own type."""
    return Type(Kind.OBJECT, fields=fields)


def opt(
    of: Type,
    *,
    replace: bool = False,
    default: Any = None,
    computed: bool = False,
    kept: bool = False,
) -> Prop:
    """An input that may be absent."""
    return Prop(of, replace=replace, default=default, computed=computed, kept=kept)


def req(of: Type, *, replace: bool = False, kept: bool = False) -> Prop:
    """An input that must be given."""
    return Prop(of, required=True, replace=replace, kept=kept)


@dataclass(frozen=True)
class Fault:
    """One input that is not as it must be."""

    path: str
    problem: str


@dataclass(frozen=True)
class Autoname:
    """How a physical name is made where the program gives none: logical name, `-`, random digits.

    Source of the rule: pulumi-terraform-bridge, pkg/tfbridge/auto_name.go (seven hex digits).
    """

    prop: str = "name"
    max_length: int = 255
    lower: bool = False
    random_digits: int = 7
    prefix: str = ""


@dataclass
class Call:
    """What a handler is given besides its values."""

    cloud: Any
    type: str
    urn: str
    cancelled: threading.Event
    made_id: str | None = None

    def made(self, resource_id: str) -> None:
        """Note that the resource now exists: a later failure of this create is a partial one."""
        self.made_id = resource_id


@dataclass(frozen=True)
class State:
    """A resource as the cloud shows it: its id and every property that can be read back."""

    id: str
    props: Props


Create = Callable[[Call, Props], str]
Read = Callable[[Call, str, Props], State | None]
Update = Callable[[Call, str, Props, Props, frozenset[str]], None]
Delete = Callable[[Call, str, Props], None]


@dataclass(frozen=True)
class Resource:
    """One resource type.

    `create(call, inputs)` answers the id and never finds an existing resource good enough.
    `read(call, id, known)` answers `None` where it is gone; an empty `known` means an import.
    `update(call, id, old_state, inputs, changed)`; without it every change replaces.
    `delete(call, id, state)` is content with a resource that is gone.
    `outputs` are the names that are not inputs. `unsettled`: outputs that a change of these inputs
    makes unknown at preview.
    """

    token: str
    inputs: Mapping[str, Prop]
    outputs: frozenset[str]
    create: Create
    read: Read
    delete: Delete
    update: Update | None = None
    autoname: Autoname | None = None
    named_after_resource: str | None = None
    validate: Callable[[Props], Iterable[Fault]] | None = None
    unsettled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    delete_before_replace: bool = False


@dataclass(frozen=True)
class Function:
    """One function (`invoke`): its arguments, the names of its results, and the call."""

    token: str
    inputs: Mapping[str, Prop]
    outputs: frozenset[str]
    invoke: Callable[[Call, Props], Props]


@dataclass(frozen=True)
class Provider:
    """One cloud's plugin.

    `configure(config, environ)` gives the handlers' `call.cloud`. `prepare(cloud, resource,
    inputs)` may complete inputs at check (default tags). `explain(error)` turns an SDK's error into
    a sentence.
    """

    name: str
    version: str
    config: Mapping[str, Prop]
    resources: Mapping[str, Resource]
    functions: Mapping[str, Function]
    configure: Callable[[Props, Mapping[str, str]], Any]
    prepare: Callable[[Any, Resource, Props], Props] | None = None
    explain: Callable[[Exception], str | None] | None = None


def table(*resources: Resource) -> dict[str, Resource]:
    """Resources by token."""
    return {resource.token: resource for resource in resources}
