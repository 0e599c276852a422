"""Values on the wire, content of assets and archives, and made-up names."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugin.content import ContentGone, archive_zip, asset_bytes
from sandbox.plugin.naming import DISABLE, ENFORCE, Wish, logical_name, named, physical
from sandbox.plugin.spec import STR, Autoname, Fault, Resource, opt
from sandbox.plugin.values import (
    SIGNATURE,
    UNKNOWN,
    Archive,
    Asset,
    decode,
    encode,
    from_struct,
    has_unknown,
    to_struct,
)

SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

UNKNOWN_TEXTS = [
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]


@pytest.mark.parametrize("text", UNKNOWN_TEXTS)
def test_every_kind_of_unknown_is_the_one_unknown(text: str) -> None:
    assert decode(text) is UNKNOWN


def test_a_secret_is_opened_wherever_it_stands() -> None:
    secret = {SIGNATURE: SECRET, "value": {"inner": [{SIGNATURE: SECRET, "value": "x"}]}}
    assert decode({"a": secret}) == {"a": {"inner": ["x"]}}


def test_a_kind_of_value_that_was_not_agreed_to_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not agree"):
        decode({SIGNATURE: OUTPUT, "value": "x"})


CONTENTS = [
    Asset(hash="h", path="a/b"),
    Asset(hash="h", text=""),
    Asset(hash="h"),
    Archive(hash="h", path="a"),
    Archive(hash="h", uri="file:///x"),
    Archive(hash="h", members={"x/y": Asset(hash="i", text="t"), "z": Archive(hash="j", path="q")}),
    Archive(hash="h"),
]


@pytest.mark.parametrize("content", CONTENTS)
def test_content_travels_whole(content: Any) -> None:
    [back] = from_struct(to_struct({"c": content})).values()
    assert back == content
    if isinstance(content, Archive):
        assert back.members == content.members


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text().filter(lambda t: t not in UNKNOWN_TEXTS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda t: t != SIGNATURE), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_plain_values_travel_unchanged(props: dict[str, Any]) -> None:
    props.pop(SIGNATURE, None)
    assert from_struct(to_struct(props)) == props


def test_whole_numbers_come_back_whole() -> None:
    back = from_struct(to_struct({"whole": 30, "half": 0.5}))
    assert (type(back["whole"]), type(back["half"])) == (int, float)


def test_an_unknown_is_found_at_any_depth() -> None:
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": [{"b": "x"}]})
    assert encode({"a": UNKNOWN}) == {"a": UNKNOWN_TEXTS[0]}


def names(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_a_folder_is_packed_the_same_whenever_and_in_whatever_order(tmp_path: Path) -> None:
    for place, order in (("one", ("b", "a")), ("two", ("a", "b"))):
        (tmp_path / place / "sub").mkdir(parents=True)
        for name in order:
            (tmp_path / place / "sub" / name).write_text(name, encoding="utf-8")
    first = archive_zip(Archive(path=str(tmp_path / "one")))
    (tmp_path / "two" / "sub" / "a").touch()
    assert first == archive_zip(Archive(path=str(tmp_path / "two")))
    assert names(first) == {"sub/a": b"a", "sub/b": b"b"}


def test_members_of_every_kind_are_packed_below_their_names(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("x", "zipped")
    with tarfile.open(tmp_path / "inner.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "file", arcname="./y")
    packed = archive_zip(
        Archive(
            members={
                "python/settings.py": Asset(text="X = 1\n"),
                "f": Asset(path=str(tmp_path / "file")),
                "z": Archive(path=str(tmp_path / "inner.zip")),
                "t": Archive(path=str(tmp_path / "inner.tar.gz")),
                "m": Archive(members={"deep": Asset(text="")}),
            }
        )
    )
    assert names(packed) == {
        "f": b"from a file",
        "m/deep": b"",
        "python/settings.py": b"X = 1\n",
        "t/y": b"from a file",
        "z/x": b"zipped",
    }


def test_a_zip_file_is_taken_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x", "y")
    assert archive_zip(Archive(path=str(path))) == path.read_bytes()


@pytest.mark.parametrize("content", [Asset(hash="h"), Archive(hash="h")])
def test_content_known_by_its_hash_alone_cannot_be_uploaded(content: Any) -> None:
    with pytest.raises(ContentGone):
        asset_bytes(content) if isinstance(content, Asset) else archive_zip(content)


@pytest.mark.parametrize(
    "content", [Asset(uri="https://x.invalid/a"), Archive(uri="https://x.invalid/a.zip")]
)
def test_nothing_is_fetched(content: Any) -> None:
    with pytest.raises(ValueError, match="fetches nothing"):
        asset_bytes(content) if isinstance(content, Asset) else archive_zip(content)


URN = "urn:pulumi:local::signet::signet:aws:Store$aws:s3/bucket:Bucket::environment-Store"


def resource(**more: Any) -> Resource:
    def unused(*_: Any) -> Any:
        raise AssertionError("not called")

    return Resource("t", {"name": opt(STR)}, frozenset(), unused, unused, unused, **more)


NAMED = resource(autoname=Autoname("name", 30, lower=True))


def test_a_given_name_stands() -> None:
    assert named(NAMED, URN, {}, {"name": "mine"}, Wish(b"s")) == {"name": "mine"}


def test_a_made_up_name_is_the_logical_one_with_random_digits() -> None:
    new = named(NAMED, URN, {}, {}, Wish(b"s"))
    assert isinstance(new, dict)
    assert new["name"].startswith("environment-store-")
    assert new["__defaults"] == ["name"]
    assert named(NAMED, URN, {}, {}, Wish(b"s")) == new
    assert named(NAMED, URN, {}, {}, Wish(b"t")) != new


def test_a_made_up_name_is_kept_and_one_that_was_given_is_not() -> None:
    kept = named(NAMED, URN, {"name": "old-1", "__defaults": ["name"]}, {}, Wish(b"s"))
    assert isinstance(kept, dict)
    assert kept["name"] == "old-1"
    dropped = named(NAMED, URN, {"name": "given", "__defaults": []}, {}, Wish(b"s"))
    assert isinstance(dropped, dict)
    assert dropped["name"] != "given"


def test_the_stacks_own_rule_for_names_is_followed() -> None:
    enforced = named(NAMED, URN, {}, {}, Wish(b"s", "exactly-this", ENFORCE))
    assert isinstance(enforced, dict)
    assert enforced["name"] == "exactly-this"
    assert isinstance(named(NAMED, URN, {}, {}, Wish(b"s", mode=DISABLE)), Fault)


def test_a_name_may_be_the_logical_one_as_it_is() -> None:
    new = named(resource(named_after_resource="name"), URN, {}, {}, Wish(b"s"))
    assert new == {"name": "environment-Store", "__defaults": ["name"]}


@given(st.text("abcXYZ-", min_size=1, max_size=300), st.integers(16, 255))
def test_a_made_up_name_always_fits(logical: str, length: int) -> None:
    urn = f"urn:pulumi:s::p::t::{logical}"
    assert logical_name(urn) == logical
    assert len(physical(Autoname("name", length, prefix="alias/"), urn, b"s")) <= length
