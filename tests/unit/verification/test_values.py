"""The small parts: value objects, the public list, codecs, JSON, key sets and claims as objects."""

import base64
import json
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

import validator_functions.verification as public
from tests.cases import forge
from tests.cases.forge import NOW, Signer, good_claims
from validator_functions.verification import encoding, header, limits, strict_json
from validator_functions.verification._frozen import Frozen
from validator_functions.verification.algorithms import CURVES, _der
from validator_functions.verification.batch import decide_batch_line
from validator_functions.verification.claims import Claims, granted_roles, granted_scopes
from validator_functions.verification.digests import sha256
from validator_functions.verification.errors import (
    KeysUnavailable,
    SettingsError,
    TokenRefused,
    VerificationError,
)
from validator_functions.verification.keys import OWN, KeySet, Profile, foreign, thumbprint
from validator_functions.verification.policy import Policy
from validator_functions.verification.reasons import Reason
from validator_functions.verification.token import (
    judge,
    unverified_key_id,
    unverified_open,
    unverified_parts,
    verify,
    verify_signature,
)


def own_set(*signers: Signer, **members: Any) -> KeySet:
    return KeySet.parse(json.dumps(forge.key_set(*signers, **members)).encode())


def own_policy(**changes: Any) -> Policy:
    arguments: dict[str, Any] = {"issuer": forge.ISSUER, "audiences": [forge.AUDIENCE]}
    return Policy(**{**arguments, **changes})


_quickly = settings(max_examples=60)


# --- the public list ------------------------------------------------------------------------------


def test_every_public_name_is_there_and_no_other() -> None:
    for name in public.__all__:
        assert getattr(public, name).__name__ == name
    assert sorted(name for names in public._HOMES.values() for name in names) == sorted(
        public.__all__
    )
    with pytest.raises(AttributeError, match="no attribute 'verify_nothing'"):
        _ = public.verify_nothing


def test_each_reason_has_one_of_three_statuses() -> None:
    by_status = {
        status: {str(reason) for reason in Reason if reason.status == status}
        for status in (401, 403, 503)
    }
    assert sum(map(len, by_status.values())) == len(Reason) == 33
    assert by_status[403] == {"scope_missing", "role_missing", "route_not_allowed"}
    assert by_status[503] == {
        "keys_unavailable",
        "keys_stale",
        "key_set_invalid",
        "policy_invalid",
        "clock_invalid",
        "internal_error",
    }


def test_the_documentation_has_every_reason_with_its_status() -> None:
    page = (Path(__file__).parents[3] / "docs" / "verification.md").read_text()
    for status in (401, 403, 503):
        (row,) = re.findall(rf"^\| {status} \| (`[a-z_` ]+`) \|$", page, re.MULTILINE)
        documented = row.replace("`", "").split()
        assert documented == [str(reason) for reason in Reason if reason.status == status]


def test_the_three_families_of_failure_are_told_apart() -> None:
    refused = TokenRefused(Reason.TOKEN_EXPIRED)
    settings = SettingsError(["one", "two"])
    assert str(refused) == "token_expired"
    assert str(TokenRefused(Reason.CLAIM_MISSING, "`sub`")) == "claim_missing: `sub`"
    assert (settings.reason, settings.detail) == (Reason.POLICY_INVALID, "one; two")
    families = (TokenRefused, KeysUnavailable, SettingsError)
    for family in families:
        assert issubclass(family, VerificationError)
        assert not any(issubclass(family, other) for other in families if other is not family)


# --- value objects --------------------------------------------------------------------------------


class Point(Frozen):
    __slots__ = ("x", "y")
    x: int
    y: int

    def __init__(self, x: int, y: int) -> None:
        self._fill(x=x, y=y)


def test_a_value_object_is_compared_by_value_and_never_changes() -> None:
    point = Point(1, 2)
    assert point == Point(1, 2)
    assert hash(point) == hash(Point(1, 2))
    assert point != Point(1, 3)
    assert point != (1, 2)
    assert repr(point) == "Point(x=1, y=2)"
    with pytest.raises(AttributeError, match="Point is immutable"):
        point.x = 3
    with pytest.raises(AttributeError, match="Point is immutable"):
        del point.x


def test_a_policy_equals_one_of_the_same_rules() -> None:
    assert own_policy() == own_policy(typ="AT+JWT".lower())
    assert own_policy() != own_policy(clock_skew=0)
    assert own_policy().types == frozenset({"at+jwt"})
    assert own_policy(typ="application/Example+JWT").types == frozenset({"example+jwt"})
    assert not own_policy().further
    assert own_policy(roles=["x"]).further


def test_a_policy_names_every_fault() -> None:
    with pytest.raises(SettingsError) as error:
        own_policy(issuer="", audiences="x", algorithms=[], max_lifetime=True, clock_skew=301)
    assert len(error.value.faults) == 5


# --- base64url and JSON ---------------------------------------------------------------------------


@_quickly
@given(st.binary(min_size=1))
def test_each_byte_string_has_one_spelling(data: bytes) -> None:
    text = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert encoding.decode(text) == data
    assert encoding.encode(data) == text.decode()


@_quickly
@given(st.binary(max_size=24))
def test_any_other_spelling_is_refused(text: bytes) -> None:
    try:
        data = encoding.decode(text)
    except encoding.NotCanonical:
        return
    assert encoding.encode(data).encode() == text


def test_no_octet_outside_the_alphabet_is_taken() -> None:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for octet in range(256):
        for position in range(4):
            text = bytearray(b"AAAA")
            text[position] = octet
            if octet in alphabet:
                assert len(encoding.decode(bytes(text))) == 3
            else:
                with pytest.raises(encoding.NotCanonical):
                    encoding.decode(bytes(text))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)  # fmt: skip
_OBJECTS = st.dictionaries(st.text(max_size=6), _JSON, max_size=8)


@_quickly
@given(_OBJECTS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_what_json_means_is_what_is_read(
    members: dict[str, Any], indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(members, indent=indent, ensure_ascii=ascii_only)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert strict_json.parse_object(data) == json.loads(text)


@_quickly
@given(st.text(alphabet='{}[]:,"\\ue1-.0aN \n', max_size=40) | st.binary(max_size=40))
def test_what_is_read_is_what_json_means(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    try:
        members = strict_json.parse_object(data)
    except ValueError:
        return
    assert members == json.loads(data)


@_quickly
@given(_OBJECTS, st.text(max_size=3))
def test_a_repeated_name_is_refused_wherever_it_stands(members: dict[str, Any], name: str) -> None:
    twice = f"{{{json.dumps(name)}:1,{json.dumps(name)}:1}}"
    inner = json.dumps(members)[:-1] + (", " if members else "") + f'"inner\\u0000": [{twice}]}}'
    for text in (twice, inner, f" {twice}", twice + " " * limits.NUMBER_CHARACTERS):
        with pytest.raises(ValueError, match=r"twice|surrogates"):
            strict_json.parse_object(text.encode())


def test_both_ways_to_read_an_object_refuse_the_same() -> None:
    for text in ('{"a":NaN}', '{"a":1e999}', '{"a":1} x', '{"a":}', '{"a":"\\ud800"}', '{"a"', "{"):
        for padding in ("", " " * limits.NUMBER_CHARACTERS):
            with pytest.raises(ValueError, match=r"."):
                strict_json.parse_object((padding + text).encode())


@_quickly
@given(st.integers(1, 40), st.booleans())
def test_depth_is_bounded_and_brackets_in_strings_do_not_count(depth: int, lists: bool) -> None:
    opened, closed = ("[", "]") if lists else ('{"a":', "}")
    text = f'{{"s":"{"[{" * 40}\\"","x":{opened * depth}1{closed * depth}}}'
    if depth < limits.JSON_DEPTH:
        assert "x" in strict_json.parse_object(text.encode())
    else:
        with pytest.raises(ValueError, match="deeply"):
            strict_json.parse_object(text.encode())


def test_brackets_side_by_side_are_not_deep() -> None:
    text = json.dumps({"x": [[], {}] * 40})
    assert strict_json.parse_object(text.encode())["x"][0] == []


@_quickly
@given(st.sampled_from([32, 48]), st.data())
def test_our_der_is_that_of_the_library(size: int, data: st.DataObject) -> None:
    edges = [1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 1 << (8 * size - 1), (1 << 8 * size) - 1]
    numbers = st.sampled_from(edges) | st.integers(1, (1 << 8 * size) - 1)
    r, s = data.draw(numbers), data.draw(numbers)
    assert _der(r.to_bytes(size), s.to_bytes(size)) == encode_dss_signature(r, s)


# --- key sets -------------------------------------------------------------------------------------


def test_a_thumbprint_is_that_of_rfc_7638() -> None:
    # RFC 7638 section 3.1, the example key and its thumbprint.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    signer = Signer("ES256")
    assert thumbprint(signer.jwk) == signer.kid


def test_a_key_set_is_read_by_kid() -> None:
    rsa, ec = Signer("RS256"), Signer("ES384")
    keys = own_set(rsa, ec, sequence=7, denied=["gone"])
    assert (len(keys), keys.sequence) == (2, 7)
    assert keys.kids == {rsa.kid, ec.kid}
    assert keys.denied == {"gone"}
    assert rsa.kid in keys
    assert "gone" not in keys
    assert {key.algorithm for key in keys} == {"RS256", "ES384"}
    assert repr(keys) == f"KeySet(kids={sorted([rsa.kid, ec.kid])}, sequence=7)"
    assert repr(keys.get(ec.kid)) == f"Key(kid={ec.kid!r}, algorithm='ES384')"
    assert {key.kty for key in keys} == {"RSA", "EC"}
    document = json.dumps(forge.key_set(rsa)).encode()
    assert KeySet.parse(document).sha256 == sha256(document).hex()
    assert KeySet.parse(forge.key_set(rsa)).sha256 is None
    assert foreign("RS256") == Profile(foreign=True, algorithms=("RS256",)) != OWN
    assert set(CURVES.values()) == {"P-256", "P-384"}


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"keys":[],"keys":[]}', b"<html>", b"{"])
def test_bytes_that_are_no_strict_json_object_are_no_key_set(data: bytes) -> None:
    with pytest.raises(SettingsError) as error:
        KeySet.parse(data)
    assert error.value.reason is Reason.KEY_SET_INVALID


def test_a_fault_of_a_key_set_quotes_none_of_it() -> None:
    for jwk in (Signer("RS256", n="secret!"), Signer("ES256", x=forge.b64(b"s" * 32))):
        with pytest.raises(SettingsError) as error:
            KeySet.parse(forge.key_set(jwk))
        assert "secret" not in str(error.value)
        assert "keys[0]" in str(error.value)


@_quickly
@given(_JSON)
def test_no_json_value_makes_a_key_set_of_anything_but_keys(value: Any) -> None:
    for document in (value, {"keys": value}, {"keys": [value]}):
        for profile in (OWN, foreign("RS256", "ES256")):
            with pytest.raises(SettingsError):
                KeySet.parse(document, profile=profile)


# --- claims ---------------------------------------------------------------------------------------


def test_claims_are_read_and_never_written() -> None:
    claims = Claims(good_claims(act={"sub": ["x"]}), "kid", "RS256")
    assert (claims.issuer, claims.subject, claims.kid) == (forge.ISSUER, "service-orders", "kid")
    assert (claims.issued_at, claims.expires_at) == (NOW - 10, NOW + 590)
    assert claims.algorithm == "RS256"
    assert claims.token_id == good_claims()["jti"]
    assert claims.scopes == {"orders:read", "orders:write"}
    assert claims.roles == {"reader", "writer"}
    assert claims["sub"] == claims.get("sub") == "service-orders"
    assert "sub" in claims
    assert claims.get("absent", 7) == 7
    assert sorted(claims) == sorted(claims.as_dict())
    copied = claims.as_dict()
    copied["roles"].append("admin")
    copied["act"]["sub"].append("y")
    assert claims.as_dict() == good_claims(act={"sub": ["x"]})
    assert claims == Claims(good_claims(act={"sub": ["x"]}), "kid", "RS256")
    assert claims != Claims(good_claims(), "kid", "RS256")
    assert claims != good_claims()
    assert hash(claims) == hash(Claims(good_claims(), "kid", "RS256"))
    assert "service-orders" not in repr(claims)
    with pytest.raises(AttributeError):
        claims.kid = "other"  # type: ignore[misc]


@pytest.mark.parametrize("value", [None, 7, ["a"], {"a": 1}, True])
def test_a_scope_of_another_type_grants_nothing(value: Any) -> None:
    assert granted_scopes({"scope": value}) == set()


@pytest.mark.parametrize("value", [None, 7, "a", {"a": 1}, ["a", 7], [["a"]]])
def test_roles_of_another_type_grant_nothing(value: Any) -> None:
    assert granted_roles({"roles": value}) == set()


# --- tokens ---------------------------------------------------------------------------------------


def test_text_and_bytes_are_one() -> None:
    signer = Signer("RS256")
    token = signer.token()
    keys = own_set(signer)
    assert verify(token, keys, own_policy(), NOW) == verify(token.encode(), keys, own_policy(), NOW)


@pytest.mark.parametrize("token", [None, 7, bytearray(b"a.b.c"), memoryview(b"a.b.c"), ["a"]])
def test_what_is_neither_is_refused(token: Any) -> None:
    with pytest.raises(TokenRefused, match="token_malformed"):
        verify(token, own_set(Signer("RS256")), own_policy(), NOW)


def test_what_a_header_chose_is_not_kept_for_another_policy_or_key_set() -> None:
    signer = Signer("RS256")
    token = signer.token()
    keys = own_set(signer)
    policy = own_policy()
    assert verify(token, keys, policy, NOW).kid == signer.kid
    assert verify(token, keys, policy, NOW).kid == signer.kid
    with pytest.raises(TokenRefused, match="key_denied"):
        verify(token, keys, own_policy(denied_kids=[signer.kid]), NOW)
    with pytest.raises(TokenRefused, match="type_not_allowed"):
        verify(token, keys, own_policy(typ="other"), NOW)
    with pytest.raises(TokenRefused, match="key_denied"):
        verify(token, own_set(signer, denied=[signer.kid]), policy, NOW)
    with pytest.raises(TokenRefused, match="key_unknown"):
        verify(token, own_set(Signer("PS256")), policy, NOW)


def test_only_headers_whose_signature_held_are_remembered() -> None:
    signer = Signer("RS256")
    keys = own_set(signer)
    header._known.clear()
    for text in ("a", "b"):
        forged = signer.token(header=signer.header(note=text)).rpartition(".")[0] + "." + "A" * 342
        with pytest.raises(TokenRefused, match="signature_invalid"):
            verify(forged, keys, own_policy(), NOW)
    assert (header._known, keys.chosen) == ({}, {})


def test_remembered_headers_are_bounded() -> None:
    signer = Signer("ES256")
    keys = own_set(signer)
    header._known.clear()
    policy = own_policy(algorithms=["ES256"])
    for count in range(300):
        token = signer.token(header=signer.header(note=count))
        assert verify(token, keys, policy, NOW).kid == signer.kid
        assert len(keys.chosen) <= 256
        assert len(header._known) <= 256
    assert len(keys.chosen) == 300 - 256


def test_members_are_told_as_soon_as_the_signature_held_and_not_before() -> None:
    signer = Signer("RS256")
    heard: list[Any] = []
    opened = unverified_open(signer.token())
    verdict = judge(
        opened, own_set(signer), own_policy(audiences=["other"]), NOW, on_verified=heard.append
    )
    assert isinstance(verdict, TokenRefused)
    assert verdict.reason is Reason.AUDIENCE_MISMATCH
    assert heard == [good_claims()]
    evil = Signer("RS256", forge.rsa_private(label="evil"), kid=signer.kid)
    with pytest.raises(TokenRefused, match="signature_invalid"):
        judge(
            unverified_open(evil.token()),
            own_set(signer),
            own_policy(),
            NOW,
            on_verified=heard.append,
        )
    assert len(heard) == 1


def test_the_payload_of_a_bare_signature_is_given_back() -> None:
    signer = Signer("RS256")
    keys = own_set(signer)
    assert verify_signature(signer.token("not JSON"), keys, own_policy()) == b"not JSON"
    assert verify_signature(signer.token(b"\xff"), keys, own_policy()) == b"\xff"


def test_unverified_parts_are_for_looking_only() -> None:
    signer = Signer("RS256")
    assert unverified_parts(signer.token()) == (signer.header(), good_claims())
    assert unverified_parts(signer.token().encode()) == (signer.header(), good_claims())
    assert unverified_key_id(unverified_open(signer.token())) == signer.kid
    for token in ("a.b", "a.b.c.d", "e30.e30." + "a" * 16_384, "é.é.é"):
        with pytest.raises(TokenRefused):
            unverified_parts(token)


@_quickly
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_no_text_is_a_token(text: str | bytes) -> None:
    with pytest.raises(TokenRefused):
        verify(text, own_set(Signer("RS256")), own_policy(), NOW)


@_quickly
@given(st.data())
def test_no_changed_bit_of_a_token_passes(data: st.DataObject) -> None:
    signer = Signer("ES256")
    token = bytearray(signer.token().encode())
    position = data.draw(st.integers(0, len(token) - 1))
    token[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(TokenRefused):
        verify(bytes(token), own_set(signer), own_policy(algorithms=["ES256"]), NOW)


@_quickly
@given(_OBJECTS)
def test_signed_claims_of_any_kind_make_a_decision_and_nothing_else(
    members: dict[str, Any],
) -> None:
    signer = Signer("ES256")
    try:
        token = signer.token(forge.compact({**good_claims(), **members}))
    except UnicodeEncodeError:
        return
    try:
        claims = verify(token, own_set(signer), own_policy(algorithms=["ES256"]), NOW)
    except TokenRefused:
        return
    assert claims.subject


# --- batch lines ----------------------------------------------------------------------------------


@_quickly
@given(_JSON)
def test_any_json_line_is_answered(value: Any) -> None:
    for line in (value, {"id": value, "token": value, "jwks": value, "policy": value}):
        answer = decide_batch_line(json.dumps(line))
        assert answer["allowed"] is False
        assert set(answer) == {"id", "allowed", "reason", "status", "claims"}


@_quickly
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_line_at_all_is_answered(line: str | bytes) -> None:
    assert decide_batch_line(line)["allowed"] is False


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "json_invalid"),
        (b"\xff", "json_invalid"),
        ("\ud800", "json_invalid"),
        ("[]", "json_invalid"),
        ("{} {}", "json_invalid"),
        ("{}", "policy_invalid"),
        (b" " * 67_108_865, "token_too_large"),
        (None, "internal_error"),
    ],
)
def test_a_line_that_is_no_object_has_no_id(line: Any, reason: str) -> None:
    answer = decide_batch_line(line)
    assert (answer["id"], answer["reason"], answer["claims"]) == (None, reason, None)


_DEEP = 200


@pytest.mark.parametrize(
    ("rest", "identity"),
    [
        ('"id":"a","now":1,"now":2', "a"),
        ('"now":NaN,"id":"a"', "a"),
        ('"now":1e999,"id":{"any":["json"]}', {"any": ["json"]}),
        (f'"jwks":{"[" * _DEEP}{"]" * _DEEP},"id":7', 7),
        (f'"id":1.5,"now":{"9" * 4_000}', 1.5),
        ('"token":"\\ud800","id":true', True),
        ('"id":"\\ud800"', "\ud800"),
        ('"id":1,"id":2', 2),
        ('"id":"a\tb"', None),  # a control character is no JSON to anybody
        ('"id":NaN', None),  # nor could it be answered
        ('"id":[-Infinity]', None),
        (f'"id":{"9" * 5_000}', None),
        (f'"id":"a","x":{"[" * 200_000}{"]" * 200_000}', None),
        (f'"id":{"[" * 960}{"]" * 960},"x":NaN', ...),
    ],
    ids=range(14),
)
def test_a_line_that_only_a_lenient_reader_takes_is_refused_by_its_id(
    rest: str, identity: Any
) -> None:
    for line in (f"{{{rest}}}", f"{{{rest}}}".encode()):
        answer = decide_batch_line(line)
        assert (answer["status"], answer["reason"]) == (401, "json_invalid")
        assert identity is ... or answer["id"] == identity
        json.dumps(answer, allow_nan=False)


# --- sizes and time -------------------------------------------------------------------------------


_TEXT = "a" * 50_000_000
_BYTES = _TEXT.encode()
_DOTS = b"." * 50_000_000
_HUGE: list[Any] = [
    lambda keys: verify(_TEXT, keys, own_policy(), NOW),
    lambda keys: verify(_BYTES, keys, own_policy(), NOW),
    lambda keys: verify(_DOTS, keys, own_policy(), NOW),
    lambda keys: verify_signature(_BYTES, keys, own_policy()),
    lambda _: unverified_parts(_TEXT),
    lambda _: header.read(_BYTES),
    lambda _: KeySet.parse(_BYTES),
    lambda _: KeySet.parse({"keys": [{**Signer("RS256").jwk, "n": _TEXT}]}),
    lambda _: KeySet.parse({"keys": [{**Signer("RS256").jwk, "kid": _TEXT}]}),
    lambda _: KeySet.parse({"keys": [], "denied": _TEXT}),
    lambda _: strict_json.parse_object(_BYTES),
]


@pytest.mark.parametrize("attempt", _HUGE)
def test_fifty_megabytes_are_refused_without_a_copy(attempt: Any) -> None:
    keys = own_set(Signer("RS256"))
    with pytest.raises((VerificationError, strict_json.TooLarge)):
        attempt(keys)
    tracemalloc.start()
    try:
        with pytest.raises((VerificationError, strict_json.TooLarge)):
            attempt(keys)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize("attempt", _HUGE)
def test_fifty_megabytes_are_refused_within_ten_milliseconds(attempt: Any) -> None:
    keys = own_set(Signer("RS256"))
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        with pytest.raises((VerificationError, strict_json.TooLarge)):
            attempt(keys)
        best = min(best, time.perf_counter() - started)
    assert best < 0.01
