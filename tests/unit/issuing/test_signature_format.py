"""RFC 7518 section 3.4: r and s, each padded to the full width of the curve."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from signet.issuing.signature_format import ALGORITHMS, raw_from_der

P256 = 2**256 - 1
P384 = 2**384 - 1


@pytest.mark.parametrize(("width", "largest"), [(32, P256), (48, P384)])
@given(data=st.data())
def test_der_becomes_r_and_s_of_full_width_whatever_their_size(
    width: int, largest: int, data: st.DataObject
) -> None:
    bits = st.integers(min_value=1, max_value=width * 8)
    r = data.draw(bits.flatmap(lambda n: st.integers(min_value=0, max_value=2**n - 1)))
    s = data.draw(st.integers(min_value=0, max_value=largest))
    raw = raw_from_der(encode_dss_signature(r, s), width)
    assert len(raw) == 2 * width
    assert int.from_bytes(raw[:width], "big") == r
    assert int.from_bytes(raw[width:], "big") == s


@pytest.mark.parametrize(("r", "s"), [(1, 1), (0x7F, 0x80), (2**248 - 1, 1), (P256, P256)])
def test_short_numbers_keep_their_leading_zeros(r: int, s: int) -> None:
    raw = raw_from_der(encode_dss_signature(r, s), 32)
    assert raw == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("name", "der"),
    [
        ("a number wider than the curve", encode_dss_signature(2**256, 1)),
        ("a negative number", bytes.fromhex("3006020180020101")),
        ("raw instead of DER", b"\x01" * 64),
        ("bytes after the sequence", encode_dss_signature(1, 1) + b"\x00"),
        ("a number with a leading zero", bytes.fromhex("300702020001020101")),
        ("cut short", encode_dss_signature(P256, P256)[:-1]),
        ("nothing", b""),
    ],
)
def test_what_is_not_a_der_signature_of_the_curve_is_refused(name: str, der: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (cryptography's texts vary)
        raw_from_der(der, 32)


@given(st.binary(max_size=80))
@example(b"0\x06\x02\x01\x01\x02\x01\x01")
def test_no_byte_string_makes_anything_but_a_signature_or_a_refusal(der: bytes) -> None:
    try:
        raw = raw_from_der(der, 32)
    except ValueError:
        return
    assert len(raw) == 64


def test_each_algorithm_is_digested_by_its_own_hash() -> None:
    expected = {"RS256": "sha256", "PS256": "sha256", "ES256": "sha256", "ES384": "sha384"}
    assert {name: a.digest(b"x") for name, a in ALGORITHMS.items()} == {
        name: hashlib.new(hash_name, b"x").digest() for name, hash_name in expected.items()
    }
