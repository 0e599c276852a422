"""Values of the provider protocol and their Python forms.

A property value travels as a `google.protobuf.Struct`. What JSON cannot say is said by objects that
carry a signature key, and an unknown by one of seven reserved strings.
Source: pulumi/pulumi, sdk/go/common/resource/plugin/rpc.go and sdk/go/common/resource/sig/sig.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

Props = dict[str, Any]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_OPENED: Final = "1b47061264138c4ac30d75fd1eb44270"
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class Unknown:
    """The value of an output that only an update will tell. There is one, `UNKNOWN`."""

    _one: Unknown | None = None

    def __new__(cls) -> Unknown:
        """Answer the one there is."""
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Asset:
    """One file: by path, by text, or (as the state gives it back) by hash alone."""

    hash: str | None = None
    path: str | None = None
    text: str | None = None
    uri: str | None = None


@dataclass(frozen=True)
class Archive:
    """A tree of files: by path, or of named members; the state may know only its hash."""

    hash: str | None = None
    path: str | None = None
    uri: str | None = None
    members: Mapping[str, Asset | Archive] | None = field(default=None, compare=False)


def decode(value: Any) -> Any:  # noqa: PLR0911 - one branch for each form of value
    """A protocol value (as JSON) as a Python value: secrets opened, unknowns `UNKNOWN`."""
    if isinstance(value, dict):
        signature = value.get(SIGNATURE)
        if signature == _OPENED:
            return decode(value.get("value"))
        if signature == _ASSET:
            return Asset(value.get("hash"), value.get("path"), _text(value), value.get("uri"))
        if signature == _ARCHIVE:
            members = value.get("assets")
            inside = {k: decode(v) for k, v in members.items()} if members else None
            return Archive(value.get("hash"), value.get("path"), value.get("uri"), inside)
        if signature is not None:
            msg = f"a value of a kind that this plugin did not agree to (signature {signature})"
            raise ValueError(msg)
        return {key: decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, str) and value in _UNKNOWNS:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text(value: Mapping[str, Any]) -> str | None:
    """The text of an asset; an empty text is a text unless a path says otherwise."""
    if value.get("path") or value.get("uri"):
        return None
    text = value.get("text")
    return text if isinstance(text, str) else None


def encode(value: Any) -> Any:
    """The inverse of `decode`; secrets stay opened, the engine marks them again itself."""
    if isinstance(value, Unknown):
        return _UNKNOWN_STRING
    if isinstance(value, Asset):
        return _signed(_ASSET, hash=value.hash, path=value.path, uri=value.uri, text=value.text)
    if isinstance(value, Archive):
        members = None if value.members is None else encode(dict(value.members))
        return _signed(_ARCHIVE, hash=value.hash, path=value.path, uri=value.uri, assets=members)
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def _signed(signature: str, **fields: Any) -> Props:
    return {SIGNATURE: signature, **{k: v for k, v in fields.items() if v is not None}}


def from_struct(message: struct_pb2.Struct) -> Props:
    """A message's properties, decoded."""
    return {key: decode(item) for key, item in json_format.MessageToDict(message).items()}


def to_struct(props: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties as a message; absent (`None`) ones are left out, as the engine expects."""
    message = struct_pb2.Struct()
    json_format.ParseDict({k: encode(v) for k, v in props.items() if v is not None}, message)
    return message


def has_unknown(value: Any) -> bool:
    """Whether an unknown stands anywhere inside."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return False
