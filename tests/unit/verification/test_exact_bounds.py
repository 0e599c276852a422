"""Each bound at its last unit, and what stands between two rules: mutants lived here."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.cases.forge import AUDIENCE, ISSUER, NOW, Signer, b64, compact, good_claims, key_set
from tests.cases.settings import artefact, document
from validator_functions.verification import algorithms, encoding, header, limits, strict_json
from validator_functions.verification import token as token_module
from validator_functions.verification.cache import TokenCache
from validator_functions.verification.claims import Claims
from validator_functions.verification.decision import Authorizer, Decision, Request, StaticKeys
from validator_functions.verification.errors import SettingsError, TokenRefused
from validator_functions.verification.keys import KeySet, check_key_id, foreign
from validator_functions.verification.policy import Policy
from validator_functions.verification.reasons import Reason
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.token import verify, verify_signature


def policy(**changes: Any) -> Policy:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "algorithms": ["RS256", "PS256", "ES256", "ES384"],
    }
    return Policy(**{**arguments, **changes})


def settings() -> ValidatorSettings:
    return ValidatorSettings.parse(artefact(document(Signer("RS256"))))


def bearer(token: str, path: str = "/orders/7") -> Request:
    return Request("GET", path, (("Authorization", f"Bearer {token}"),))


class HeardKeys:
    """Deployed keys that note what they are asked."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self._keys = StaticKeys.of(settings())
        self._fault = fault

    def keyset_for(self, unverified_issuer: str, kid: str, now: int) -> KeySet:
        self.asked.append((unverified_issuer, kid, now))
        if self._fault is not None:
            raise self._fault
        return self._keys.keyset_for(unverified_issuer, kid, now)


@pytest.mark.parametrize(
    ("bits", "characters"), [(2_048, 342), (2_049, 343), (2_056, 343), (2_057, 344), (4_096, 683)]
)
def test_an_rsa_signature_has_as_many_octets_as_the_modulus(bits: int, characters: int) -> None:
    assert algorithms.signature_length("RS256", SimpleNamespace(key_size=bits)) == characters


# --- signatures and base64url ---------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384"])
@pytest.mark.parametrize("octet", ["!", "=", "+", "/", "\n", "?"])
@pytest.mark.parametrize("position", [0, 40, -1])
def test_a_signature_of_the_right_length_is_canonical_base64url(
    algorithm: str, octet: str, position: int
) -> None:
    signer = Signer(algorithm)
    message, _, signature = signer.token().rpartition(".")
    keys = KeySet.parse(key_set(signer))
    for width in (1, 4):  # four: a decoder that skips them finds whole octets still
        characters = list(signature)
        at = min(position % len(signature), len(signature) - width)
        characters[at : at + width] = octet * width
        with pytest.raises(TokenRefused) as error:
            verify(f"{message}.{''.join(characters)}", keys, policy(), NOW)
        assert error.value.reason is Reason.ENCODING_INVALID


@pytest.mark.parametrize("octet", ["!", "=", "\n", " ", "+", "/", "?", "\x00", "~"])
@pytest.mark.parametrize("position", [0, 1, 5, -3, -1])
def test_a_payload_is_canonical_base64url_even_where_the_signature_covers_its_spelling(
    octet: str, position: int
) -> None:
    signer = Signer("ES256")
    keys = KeySet.parse(key_set(signer))
    start, payload = b64(compact(signer.header())), b64(compact(good_claims()))
    at = position % len(payload)
    for spelled in (payload[:at] + octet + payload[at:], payload[:at] + octet * 4 + payload[at:]):
        message = f"{start}.{spelled}"
        token = f"{message}.{b64(signer.sign(message.encode()))}"
        for check in (verify, lambda *rest: verify_signature(*rest[:3])):
            with pytest.raises(TokenRefused) as error:
                check(token, keys, policy(), NOW)
            assert error.value.reason is Reason.ENCODING_INVALID


def test_only_padding_is_taken_off_the_end_of_base64() -> None:
    assert encoding.encode(b"\x00\x00\x17") == "AAAX"
    assert encoding.encode(b"\x00") == "AA"


def test_an_empty_payload_is_told_as_no_octets() -> None:
    signer = Signer("RS256")
    keys = KeySet.parse(key_set(signer))
    assert verify_signature(signer.token(""), keys, policy()) == b""
    assert verify_signature(signer.token("x"), keys, policy()) == b"x"


# --- headers --------------------------------------------------------------------------------------


def padded(members: dict[str, Any], octets: int) -> str:
    filler = octets - len(compact({**members, "f": ""}))
    text = compact({**members, "f": "x" * filler})
    assert len(text) == octets
    return text


def test_a_header_may_be_as_long_as_its_limit_and_no_longer() -> None:
    signer = Signer("RS256")
    keys = KeySet.parse(key_set(signer))
    longest = limits.HEADER_SEGMENT * 3 // 4
    text = padded(signer.header(), longest)
    assert len(b64(text)) == limits.HEADER_SEGMENT
    assert verify(signer.token(header=text), keys, policy(), NOW)
    with pytest.raises(TokenRefused, match="token_too_large"):
        verify(signer.token(header=padded(signer.header(), longest + 1)), keys, policy(), NOW)


def test_what_is_remembered_of_headers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "_REMEMBERED", 3)
    monkeypatch.setattr(token_module, "_REMEMBERED", 3)
    signer = Signer("ES256")
    keys = KeySet.parse(key_set(signer))
    most = 0
    for number in range(8):
        verify(signer.token(header=signer.header(n=number)), keys, policy(), NOW)
        assert len(header._known) <= 3
        assert len(keys.chosen) <= 3
        most = max(most, len(keys.chosen))
    assert most == 3


def test_a_payload_may_be_as_long_as_its_limit_and_no_longer() -> None:
    signer = Signer("RS256")
    keys = KeySet.parse(key_set(signer))
    assert verify(signer.token(padded(good_claims(), limits.JSON_TEXT)), keys, policy(), NOW)
    with pytest.raises(TokenRefused, match="token_too_large"):
        verify(signer.token(padded(good_claims(), limits.JSON_TEXT + 1)), keys, policy(), NOW)


def test_a_refused_header_names_what_steers_and_nothing_that_was_sent() -> None:
    text = compact({"alg": "RS256", "kid": "secret", "jku": "https://x.invalid", "b64": True})
    with pytest.raises(TokenRefused) as error:
        header.read(b64(text).encode())
    assert error.value.detail == "b64, jku"


def test_a_token_may_be_as_long_as_its_limit_and_no_longer() -> None:
    authorizer = Authorizer(settings(), StaticKeys.of(settings()))
    for longer, reason in ((0, Reason.TOKEN_MALFORMED), (1, Reason.TOKEN_TOO_LARGE)):
        token = "a" * (limits.TOKEN + longer)
        assert authorizer.authorize(bearer(token), NOW).reason is reason
        for form in (token, token.encode()):
            with pytest.raises(TokenRefused) as error:
                verify(form, KeySet({}), policy(), NOW)
            assert error.value.reason is reason


# --- key sets -------------------------------------------------------------------------------------


def test_a_key_set_may_be_as_long_as_its_limit_and_no_longer() -> None:
    data = compact(key_set(Signer("ES256"))).encode().ljust(limits.KEY_SET)
    assert len(KeySet.parse(data)) == 1
    with pytest.raises(SettingsError, match="too large"):
        KeySet.parse(data + b" ")


def test_a_key_set_may_hold_64_keys_and_1024_denials() -> None:
    jwk = Signer("ES256").jwk
    keys = [{**jwk, "kid": str(number)} for number in range(limits.KEYS)]
    denied = [str(number) for number in range(limits.DENIED)]
    assert len(KeySet.parse({"keys": keys, "denied": denied})) == limits.KEYS


def test_a_key_id_has_1_to_256_characters() -> None:
    for good in ("k", "k" * limits.KEY_ID):
        assert check_key_id(good) == good
    for bad in ("", "k" * (limits.KEY_ID + 1)):
        with pytest.raises(ValueError, match="`kid`"):
            check_key_id(bad)


def test_a_sequence_is_at_most_the_largest_exact_integer() -> None:
    assert KeySet.parse(key_set(Signer("ES256"), sequence=2**53 - 1)).sequence == 2**53 - 1
    assert KeySet.parse(key_set(Signer("ES256"), sequence=1)).sequence == 1


def test_a_foreign_set_has_the_digest_of_its_bytes_too() -> None:
    data = json.dumps(key_set(Signer("ES256"))).encode()
    assert KeySet.parse(data, profile=foreign("ES256")).sha256 == KeySet.parse(data).sha256
    assert KeySet.parse(data).sha256 is not None


def test_a_foreign_member_without_use_or_with_key_ops_verify_is_a_key() -> None:
    jwk = Signer("ES256").jwk
    without = {name: value for name, value in jwk.items() if name != "use"}
    for member in (without, {**without, "key_ops": ["verify"]}, jwk):
        assert len(KeySet.parse({"keys": [member]}, profile=foreign("ES256"))) == 1
    other = {**jwk, "kid": "other"}
    changes: list[dict[str, Any]] = [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}]
    for change in changes:
        keys = KeySet.parse({"keys": [jwk, {**other, **change}]}, profile=foreign("ES256"))
        assert keys.kids == {jwk["kid"]}


def test_a_foreign_member_has_the_algorithm_that_it_names() -> None:
    for signer in (Signer("RS256"), Signer("PS256")):
        keys = KeySet.parse(key_set(signer), profile=foreign("RS256", "PS256"))
        assert [key.algorithm for key in keys] == [signer.algorithm]


def test_a_symmetric_key_refuses_a_foreign_set_even_without_its_value() -> None:
    for member in ({"kty": "oct"}, {"kty": "oct", "kid": "x", "use": "enc"}):
        with pytest.raises(SettingsError, match="symmetric"):
            KeySet.parse(key_set(Signer("ES256"), member), profile=foreign("ES256"))


def test_a_fault_of_the_json_itself_is_not_quoted() -> None:
    for data in (b'{"secret', b'{"keys":[{"n":"secret\xff"}]}'):
        with pytest.raises(SettingsError) as error:
            KeySet.parse(data)
        assert "secret" not in error.value.detail
        assert "xff" not in error.value.detail


# --- claims ---------------------------------------------------------------------------------------


def test_exactly_the_wanted_scopes_and_roles_are_enough() -> None:
    signer = Signer("RS256")
    keys = KeySet.parse(key_set(signer))
    wanted = policy(scopes=["orders:read", "orders:write"], roles=["reader", "writer"])
    assert verify(signer.token(), keys, wanted, NOW)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["1800000000", 1.5, True, -1])
def test_the_detail_of_a_bad_date_names_it(name: str, value: Any) -> None:
    signer = Signer("RS256")
    token = signer.token(good_claims(**{name: value}))
    with pytest.raises(TokenRefused) as error:
        verify(token, KeySet.parse(key_set(signer)), policy(), NOW)
    assert error.value.detail == f"`{name}` is not an integer date"


def test_an_end_that_is_not_after_the_beginning_is_told_as_that() -> None:
    signer = Signer("RS256")
    for begins, ends, more in ((NOW, NOW, {"nbf": 0}), (NOW, NOW - 1, {}), (0, 0, {})):
        dates = {"iat": begins, "exp": ends, **more}
        token = signer.token(compact(good_claims(nbf=None) | dates))
        with pytest.raises(TokenRefused) as error:
            verify(token, KeySet.parse(key_set(signer)), policy(), NOW)
        assert error.value.detail == "`exp` is not after `iat`"


# --- decisions ------------------------------------------------------------------------------------


def test_what_is_not_given_is_empty() -> None:
    assert Request("GET", "/", ()).request_id == ""
    assert Decision(reason=None).detail == ""


def test_a_pass_tells_whose_token_it_was() -> None:
    decided = Authorizer(settings(), HeardKeys()).authorize(bearer(Signer("RS256").token()), NOW)
    claims = good_claims()
    assert decided.allowed
    assert decided.token_id == claims["jti"]
    assert (decided.issuer, decided.subject) == (claims["iss"], claims["sub"])


def test_a_refusal_never_holds_claims() -> None:
    claims = Claims(good_claims(), "kid", "RS256")
    assert Decision(reason=Reason.SCOPE_MISSING, claims=claims).claims is None
    assert Decision(reason=None, claims=claims).claims is claims


def test_before_a_header_was_read_there_is_no_key_id() -> None:
    authorizer = Authorizer(settings(), StaticKeys.of(settings()))
    assert authorizer.authorize(Request("GET", "/", ()), NOW).kid is None


def test_an_unforeseen_exception_is_told_by_its_kind_and_the_key_id() -> None:
    decision = Authorizer(settings(), HeardKeys(ZeroDivisionError("secret"))).authorize(
        bearer(Signer("RS256").token()), NOW
    )
    assert (decision.reason, decision.status) == (Reason.INTERNAL_ERROR, 503)
    assert (decision.detail, decision.kid) == ("ZeroDivisionError", Signer("RS256").kid)


def test_the_clock_is_judged_by_from_its_first_second_to_its_last() -> None:
    authorizer = Authorizer(settings(), StaticKeys.of(settings()))
    signer = Signer("RS256")
    keys = KeySet.parse(key_set(signer))
    for now in (limits.CLOCK_EARLIEST, limits.CLOCK_LATEST):
        token = signer.token(good_claims(iat=now - 1, nbf=None, exp=now + 60))
        assert authorizer.authorize(bearer(token), now).allowed
        assert verify(token, keys, policy(), now)
    for now in (limits.CLOCK_EARLIEST - 1, limits.CLOCK_LATEST + 1):
        assert authorizer.authorize(bearer(signer.token()), now).reason is Reason.CLOCK_INVALID


def test_keys_are_asked_for_at_the_time_of_the_decision_also_for_a_repeated_token() -> None:
    keys = HeardKeys()
    authorizer = Authorizer(settings(), keys, verified=TokenCache(10, 1_000_000))
    signer = Signer("RS256")
    for now in (NOW, NOW + 1):
        assert authorizer.authorize(bearer(signer.token()), now).allowed
    assert keys.asked == [(ISSUER, signer.kid, NOW), (ISSUER, signer.kid, NOW + 1)]


# --- JSON -----------------------------------------------------------------------------------------


def test_a_number_has_at_most_512_characters() -> None:
    longest = "9" * limits.NUMBER_CHARACTERS
    assert strict_json.parse_object(f'{{"a":{longest}}}'.encode()) == {"a": int(longest)}
    with pytest.raises(ValueError, match="too long"):
        strict_json.parse_object(f'{{"a":{longest}9}}'.encode())
    fraction = "0." + "1" * (limits.NUMBER_CHARACTERS - 2)
    assert strict_json.parse_object(f'{{"a":{fraction}}}'.encode()) == {"a": float(fraction)}
    with pytest.raises(ValueError, match="too long"):
        strict_json.parse_object(f'{{"a":{fraction}1}}'.encode())


# --- policies -------------------------------------------------------------------------------------


def test_every_fault_of_a_policy_names_its_member() -> None:
    with pytest.raises(SettingsError) as error:
        Policy(
            issuer="",
            audiences=[],
            algorithms=["none"],
            max_lifetime=0,
            clock_skew=301,
            typ="",
            scopes=["a b"],
            roles=[""],
            required_claims=[7],  # type: ignore[list-item]
            denied_kids="x",
            denied_jtis=[("a", "")],
        )
    assert error.value.faults == [
        "`issuer` is not a non-empty printable string",
        "`audience` is not a list of 1 or more fitting values",
        "`algorithms` is not a list of 1 or more fitting values",
        f"`max_lifetime` is not an integer from 1 to {2**53}",
        "`clock_skew` is not an integer from 0 to 300",
        "`typ` is not a non-empty ASCII string",
        "`scopes` is not a list of 0 or more fitting values",
        "`roles` is not a list of 0 or more fitting values",
        "`required_claims` is not a list of 0 or more fitting values",
        "`denied_kids` is not a list of 0 or more fitting values",
        "`denied_jtis` is not a list of 0 or more fitting values",
    ]


def test_a_policy_that_says_little_means_this() -> None:
    found = Policy(issuer=ISSUER, audiences=[AUDIENCE])
    assert (found.max_lifetime, found.clock_skew) == (900, 60)
    assert found.algorithms == frozenset({"RS256"})
    assert (found.typ, found.types) == ("at+jwt", frozenset({"at+jwt"}))
    assert (found.scopes, found.roles, found.required_claims) == (frozenset(), frozenset(), ())
    assert (found.denied_kids, found.denied_jtis) == (frozenset(), frozenset())
    assert (found.foreign, found.further) == (False, False)


def test_a_policys_numbers_reach_to_their_bounds() -> None:
    assert policy(max_lifetime=1, clock_skew=0).max_lifetime == 1
    assert policy(max_lifetime=2**53, clock_skew=300).clock_skew == 300
    for wrong in ({"max_lifetime": 2**53 + 1}, {"max_lifetime": 0}, {"clock_skew": -1}):
        with pytest.raises(SettingsError):
            policy(**wrong)


@pytest.mark.parametrize(
    "member",
    [
        {"scopes": ["x"]},
        {"roles": ["x"]},
        {"required_claims": ["x"]},
        {"denied_jtis": ["x"]},
    ],
)
def test_whatever_a_policy_asks_beyond_the_mandatory_is_asked(member: dict[str, Any]) -> None:
    assert policy(**member).further


def test_a_policys_faults_in_json_are_told_by_name() -> None:
    with pytest.raises(SettingsError) as error:
        Policy.from_json({"other": 1, "algorithms": ["RS256"], "clock_skew": 0})
    assert error.value.faults == [
        "a field that no policy has",
        "`audience` is missing",
        "`issuer` is missing",
        "`max_lifetime` is missing",
    ]
    with pytest.raises(SettingsError) as error:
        Policy.from_json({}, signature_only=True)
    assert error.value.faults == ["`algorithms` is missing"]
    assert Policy.from_json({"algorithms": ["RS256"]}, signature_only=True).issuer is None
    with pytest.raises(SettingsError, match="not an object"):
        Policy.from_json([])


def test_a_foreign_curve_tells_which_algorithm_is_meant() -> None:
    for algorithm in ("ES256", "ES384"):
        member = {name: value for name, value in Signer(algorithm).jwk.items() if name != "alg"}
        keys = KeySet.parse({"keys": [member]}, profile=foreign("ES256", "ES384", "RS256"))
        assert [key.algorithm for key in keys] == [algorithm]


# --- JSON's edges ---------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["", " ", "\t\r\n "])
def test_json_may_stand_between_the_white_space_of_rfc_8259(padding: str) -> None:
    for text in ('{"a":1}', '{"a":{"b":1}}'):
        for spaced in (padding + text, text + padding, padding + text + padding):
            assert strict_json.parse_object(spaced.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "space", ["\x0b", "\x0c", "\x00", "\x1c", "\x85", "\xa0", "\u2028", "\ufeff"]
)
def test_no_other_white_space_is_json(space: str) -> None:
    for text in (
        f'{space}{{"a":1}}',
        f'{{"a":1}}{space}',
        f'{{"a":{{}}}}{space}',
        f'{{{space}"a":1}}',
    ):
        with pytest.raises(ValueError, match=r"."):
            strict_json.parse_object(text.encode())


@pytest.mark.parametrize("longer", ["", " " * limits.NUMBER_CHARACTERS])
def test_exactly_16_levels_are_taken_and_17_refused(longer: str) -> None:
    inside = limits.JSON_DEPTH - 1
    text = f'{{"a":{"[" * inside}{"]" * inside}}}{longer}'
    assert "a" in strict_json.parse_object(text.encode())
    with pytest.raises(ValueError, match="deeply"):
        strict_json.parse_object(text.replace("[]", "[[]]").encode())


def test_objects_in_objects_count_as_levels_too() -> None:
    for levels, fine in ((limits.JSON_DEPTH, True), (limits.JSON_DEPTH + 1, False)):
        text = ('{"a":' * levels + "1" + "}" * levels).encode()
        if fine:
            assert strict_json.parse_object(text)
        else:
            with pytest.raises(ValueError, match="deeply"):
                strict_json.parse_object(text)


def test_levels_are_counted_down_one_by_one() -> None:
    before = '{"a":' + "[" * 14 + "[],"
    assert strict_json.parse_object((before + "[1]" + "]" * 14 + "}").encode())
    for inner in ("[[1]]", "[],[[]]", "[[],[]]"):
        with pytest.raises(ValueError, match="deeply"):
            strict_json.parse_object((before + inner + "]" * 14 + "}").encode())
    side_by_side = '{"a":[' + "[[]]," * 20 + "1]}"
    assert strict_json.parse_object(side_by_side.encode())


def test_a_lone_surrogate_is_found_wherever_it_stands() -> None:
    lone = '"\\ud800"'
    for text in (
        f'{{"a":{lone}}}',
        f"{{{lone}:1}}",
        f'{{"a":[1,{lone}]}}',
        f'{{"a":[[{lone}]]}}',
        f'{{"a":{{"b":{lone}}}}}',
        f'{{"a":{{{lone}:1}}}}',
        f'{{"a":[{{"b":[{lone}]}}]}}',
    ):
        with pytest.raises(ValueError, match="surrogates"):
            strict_json.parse_object(text.encode())
    assert strict_json.parse_object(b'{"a":["\\ud834\\udd1e"]}') == {"a": ["\U0001d11e"]}


# --- what a decision passes on --------------------------------------------------------------------


def test_a_header_that_overrides_the_method_is_seen_by_the_route_rules() -> None:
    request = bearer(Signer("RS256").token())
    overriding = (*request.headers, ("X-HTTP-Method-Override", "DELETE"))
    authorizer = Authorizer(settings(), StaticKeys.of(settings()))
    assert authorizer.authorize(request, NOW).allowed
    decision = authorizer.authorize(Request("GET", "/orders/7", overriding), NOW)
    assert decision.reason is Reason.ROUTE_NOT_ALLOWED
    assert decision.detail == "a header that overrides method or path"


def test_the_one_trusted_issuer_is_compared_after_the_signature() -> None:
    signer = Signer("RS256")
    token = signer.token(good_claims(iss="https://other.signet.invalid"))
    authorizer = Authorizer(settings(), StaticKeys.of(settings()))
    assert authorizer.authorize(bearer(token), NOW).reason is Reason.ISSUER_MISMATCH
    changed = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    assert authorizer.authorize(bearer(changed), NOW).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("size", [32, 48])
def test_the_der_of_a_signature_is_that_of_the_library_whatever_its_octets(size: int) -> None:
    for first in range(256):
        for zeros in (0, 1, 2, size - 1):
            value = (bytes(zeros) + bytes([first]) + b"\x58" * size)[:size]
            if not any(value):
                continue
            for r, s in ((value, b"\x01" * size), (b"\xff" * size, value), (value, value)):
                expected = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
                assert algorithms._der(r, s) == expected
