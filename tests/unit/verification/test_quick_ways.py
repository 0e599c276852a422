"""Where the package goes a quicker way than the plain one: both must say the same."""

import contextlib
import gc
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.forge import (
    AUDIENCE,
    ISSUER,
    NOW,
    Signer,
    good_claims,
    key_set,
    rsa_private,
    with_padding_of,
)
from tests.cases.settings import artefact, document
from validator_functions.verification import encoding
from validator_functions.verification.decision import Authorizer, Request, StaticKeys
from validator_functions.verification.errors import TokenRefused
from validator_functions.verification.keys import KeySet
from validator_functions.verification.policy import Policy
from validator_functions.verification.reasons import Reason
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.token import verify

MESSAGE = b"a message"
INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""RFC 8017 section 9.2, note 1."""


def block(
    info: bytes = INFO, *, start: bytes = b"\0\1", end: bytes = b"\0", size: int = 256
) -> bytes:
    """An encoded message (RFC 8017 section 9.2) of `size` octets."""
    digest = hashlib.sha256(MESSAGE).digest()
    filled = size - len(start) - len(end) - len(info) - len(digest)
    return start + b"\xff" * filled + end + info + digest


def says_the_library(signature: bytes) -> bool:
    try:
        rsa_private().public_key().verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def say_we(signature: bytes) -> bool:
    signer = Signer("RS256", rsa_private())
    key = KeySet.parse(key_set(signer)).get(signer.kid)
    assert key is not None
    try:
        key.check(signature, MESSAGE)
    except TokenRefused as refusal:
        return refusal.reason is not Reason.SIGNATURE_INVALID
    return True


def test_the_one_encoded_message_of_the_rfc_is_accepted() -> None:
    signature = with_padding_of(rsa_private(), block())
    assert says_the_library(signature)
    assert say_we(signature)


WITHOUT_NULL = bytes.fromhex("302f300b0609608648016503040201") + bytes.fromhex("0420")


@pytest.mark.parametrize(
    "encoded",
    [
        block(start=b"\0\2"),
        block(start=b"\0\0"),
        block(start=b"\1\1"),
        block(end=b"\1"),
        block(end=b"\0\0"),
        block(end=b"\xfe\0"),
        block(WITHOUT_NULL),
        block(INFO[:-1] + b"\x21"),
        block(b"\x30\x81" + INFO[1:]),
        block(b""),
        block(size=255) + b"\0",
        b"\0\1" + b"\xff" * 8 + block(end=b"\0")[-52:] + bytes(194),
        b"\0\1" + b"\xff" * 194 + b"\0" + block()[-51:] + bytes(8),
        block()[:-1] + bytes([block()[-1] ^ 1]),
    ],
)
def test_any_other_block_is_refused_by_us_and_by_the_library(encoded: bytes) -> None:
    assert len(encoded) == 256
    signature = with_padding_of(rsa_private(), encoded)
    assert not says_the_library(signature)
    assert not say_we(signature)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_an_octet_changed_anywhere_in_the_block_is_refused(position: int, octet: int) -> None:
    changed = bytearray(block())
    changed[position] = octet
    signature = with_padding_of(rsa_private(), bytes(changed))
    good = bytes(changed) == block()
    assert says_the_library(signature) is good
    assert say_we(signature) is good


@given(st.binary(max_size=12) | st.text("AQgwBC-_=+", max_size=12).map(str.encode), st.binary())
def test_two_texts_are_decoded_as_each_alone(first: bytes, second: bytes) -> None:
    def alone(text: bytes) -> bytes | None:
        try:
            return encoding.decode(text)
        except encoding.NotCanonical:
            return None

    for pair in (first, second), (second, first), (first, b"AA"), (b"AAAA", first):
        assert encoding.decode_both(*pair) == (alone(pair[0]), alone(pair[1]))


@pytest.mark.parametrize(
    "bad", [b"AAAAAB", b"AAAAAAB", b"+AAA", b"/AAA", b"++++", b"////", b"AA==", b"AAAA=AAA", b""]
)
def test_one_bad_text_of_two_is_told_from_the_good_one(bad: bytes) -> None:
    # RFC 4648 sections 3.5 and 5; the first two look good but for their very last character.
    assert encoding.decode_both(bad, b"AAAA") == (None, bytes(3))
    assert encoding.decode_both(b"AAAA", bad) == (bytes(3), None)


def test_a_refusal_leaves_nothing_for_the_garbage_collector() -> None:
    signer = Signer("RS256")
    expired = signer.token(good_claims(exp=NOW - 100, iat=NOW - 700, nbf=NOW - 700))
    keys = KeySet.parse(key_set(signer))
    policy = Policy(issuer=ISSUER, audiences=[AUDIENCE])
    deployed = ValidatorSettings.parse(artefact(document(signer)))
    authorizer = Authorizer(deployed, StaticKeys.of(deployed))
    request = Request("GET", "/orders/7", (("Authorization", f"Bearer {expired}"),))

    with pytest.raises(TokenRefused, match="token_expired"):
        verify(expired, keys, policy, NOW)
    assert str(authorizer.authorize(request, NOW).reason) == "token_expired"
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            with contextlib.suppress(TokenRefused):
                verify(expired, keys, policy, NOW)
            authorizer.authorize(request, NOW)
        assert gc.collect() == 0
    finally:
        gc.enable()
