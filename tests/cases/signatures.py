"""Lines 37 to 44: signatures."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from . import forge
from .forge import Signer, b64, compact, good_claims
from .table import Line, case, es256, line, rs256, segments, with_signature

_change: Any
_name: Any
_r: Any
_s: Any
_salt: Any


def _rsa_block(change: Callable[[bytes], bytes]) -> Line:
    """A signature whose PKCS#1 v1.5 block is a changed one, made with the real private key."""
    signer = rs256()
    signing_input, _, _ = signer.token().rpartition(".")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(signing_input.encode())
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest.finalize()
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    changed = change(block)
    assert len(changed) == len(block)
    return line(f"{signing_input}.{b64(forge.with_padding_of(signer.private, changed))}")


def _pss(salt: int) -> Line:
    signer = Signer("PS256")
    signing_input, _, _ = signer.token().rpartition(".")
    signature = signer.private.sign(
        signing_input.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256()
    )
    return line(f"{signing_input}.{b64(signature)}", signer)


def _r_and_s(r: int | None, s: int | None) -> Line:
    def change(signature: bytes) -> bytes:
        first = signature[:32] if r is None else r.to_bytes(32)
        second = signature[32:] if s is None else s.to_bytes(32)
        return first + second

    return with_signature(change, es256())


def _der(signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


def _at_or_above_modulus(signature: bytes) -> bytes:
    modulus = rs256().private.public_key().public_numbers().n
    value = int.from_bytes(signature) + modulus
    octets: bytes = value.to_bytes(257)
    return octets


def _block_changes() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    yield "block type 2", lambda block: b"\x00\x02" + block[2:]
    yield "block type 0", lambda block: b"\x00\x00" + block[2:]
    yield "first octet not zero", lambda block: b"\x01" + block[1:]
    yield "padding with an octet other than FF", lambda block: block[:5] + b"\xfe" + block[6:]
    yield "no zero after the padding", lambda block: block[:204] + b"\xff" + block[205:]
    yield (
        "short padding and rubbish after the hash (CVE-2006-4339)",
        lambda block: b"\x00\x01" + b"\xff" * 8 + b"\x00" + block[205:] + bytes(256 - 11 - 51),
    )
    yield (
        "no NULL parameter",
        lambda block: (
            block[:2]
            + b"\xff" * 204
            + b"\x00"
            + bytes.fromhex("302f300b0609608648016503040201")
            + b"\x04\x20"
            + block[-32:]
        ),
    )
    yield (
        "another hash's identifier",
        lambda block: block[:205] + block[205:].replace(b"\x04\x02\x01", b"\x04\x02\x02"),
    )
    yield (
        "long-form lengths",
        lambda block: (
            block[:2]
            + b"\xff" * 201
            + b"\x00"
            + bytes.fromhex("308131300d060960864801650304020105000420")
            + block[-32:]
        ),
    )
    yield "the bare hash", lambda block: block[:2] + b"\xff" * 221 + b"\x00" + block[-32:]
    yield "another hash", lambda block: block[:-1] + bytes([block[-1] ^ 1])


case(37, "an empty signature", "signature_invalid", lambda: segments(lambda h, p, _: f"{h}.{p}."))
case(
    38,
    "a signature without its last octet",
    "signature_invalid",
    lambda: with_signature(lambda s: s[:-1]),
)
case(
    38,
    "a signature without its last character",
    "signature_invalid",
    lambda: line(rs256().token()[:-1]),
)
case(
    38,
    "a signature with an octet more",
    "signature_invalid",
    lambda: with_signature(lambda s: s + b"\x00"),
)
case(
    38,
    "an ECDSA signature without its last octet",
    "signature_invalid",
    lambda: with_signature(lambda s: s[:-1], es256()),
)
case(
    38,
    "an ECDSA signature with an octet more",
    "signature_invalid",
    lambda: with_signature(lambda s: s + b"\x00", es256()),
)
case(
    38,
    "a P-384 signature under a P-256 key",
    "signature_invalid",
    lambda: with_signature(lambda s: s + s[:32], es256()),
)
case(39, "DER instead of r||s", "signature_invalid", lambda: with_signature(_der, es256()))
for _name, _r, _s in (
    ("r zero", 0, None),
    ("s zero", None, 0),
    ("both zero", 0, 0),
    ("both one", 1, 1),
    ("r the order", forge.P256_ORDER, None),
    ("s the order", None, forge.P256_ORDER),
    ("r above the order", forge.P256_ORDER + 1, None),
    ("s above the order", None, 2**256 - 1),
):
    case(40, _name, "signature_invalid", partial(_r_and_s, _r, _s))
case(
    40,
    "both zero on P-384",
    "signature_invalid",
    lambda: with_signature(lambda _: bytes(96), Signer("ES384")),
)
case(
    40,
    "r the order of P-384",
    "signature_invalid",
    lambda: with_signature(lambda s: forge.P384_ORDER.to_bytes(48) + s[48:], Signer("ES384")),
)
case(
    41,
    "a signature plus the modulus",
    "signature_invalid",
    lambda: with_signature(_at_or_above_modulus),
)
case(
    41,
    "the modulus",
    "signature_invalid",
    lambda: with_signature(lambda _: rs256().private.public_key().public_numbers().n.to_bytes(256)),
)
case(41, "all ones", "signature_invalid", lambda: with_signature(lambda _: b"\xff" * 256))
case(41, "zero", "signature_invalid", lambda: with_signature(lambda _: bytes(256)))
case(41, "a leading zero", "signature_invalid", lambda: with_signature(lambda s: b"\x00" + s))
for _name, _change in _block_changes():
    case(42, _name, "signature_invalid", partial(_rsa_block, _change))
case(
    43,
    "PSS where PKCS#1 is pinned",
    "signature_invalid",
    lambda: with_signature(
        lambda _: forge.raw_signature(
            rs256().private, "PS256", rs256().token().rpartition(".")[0].encode()
        )
    ),
)
case(
    43,
    "PKCS#1 where PSS is pinned",
    "signature_invalid",
    lambda: with_signature(
        lambda _: forge.raw_signature(
            Signer("PS256").private, "RS256", Signer("PS256").token().rpartition(".")[0].encode()
        ),
        Signer("PS256"),
    ),
)
for _salt in (0, 20, 31, 33, 222):
    case(
        43,
        f"PSS with a salt of {_salt}",
        "signature_invalid",
        partial(_pss, _salt),
    )
case(
    43,
    "SHA-1",
    "signature_invalid",
    lambda: with_signature(
        lambda _: rs256().private.sign(
            rs256().token().rpartition(".")[0].encode(), padding.PKCS1v15(), hashes.SHA512()
        )
    ),
)
case(
    44,
    "a payload of another token",
    "signature_invalid",
    lambda: segments(lambda h, _, s: f"{h}.{b64(compact(good_claims(sub='other')))}.{s}"),
)
case(
    44,
    "a header of another token",
    "signature_invalid",
    lambda: segments(lambda _, p, s: f"{b64(compact(rs256().header(note='x')))}.{p}.{s}"),
)
case(
    44,
    "one bit of the signature",
    "signature_invalid",
    lambda: with_signature(lambda s: bytes([s[0] ^ 1]) + s[1:]),
)
case(
    44,
    "one bit of an ECDSA signature",
    "signature_invalid",
    lambda: with_signature(lambda s: s[:-1] + bytes([s[-1] ^ 1]), es256()),
)
case(
    44,
    "signed by another key",
    "signature_invalid",
    lambda: line(Signer("RS256", forge.rsa_private(label="evil"), kid=rs256().kid).token()),
)
