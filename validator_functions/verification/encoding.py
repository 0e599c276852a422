"""Base64url exactly as RFC 7515 section 2 has it: one text for each byte string.

No padding, no white space, nothing outside the alphabet, and the unused bits of the last character
are zero (RFC 4648 section 3.5). Otherwise one signature would have several spellings.
"""

from binascii import a2b_base64, b2a_base64

# The standard alphabet's own characters become `!`, which a strict decoder refuses.
TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
PADDING = (b"", b"", b"==", b"=")
# By length modulo 4, the last characters that leave no unused bit set. No text has length 1 mod 4.
LAST = (
    frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    frozenset[int](),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)


class NotCanonical(ValueError):
    """Text that is not base64url, or one of several spellings."""


def decode(text: bytes) -> bytes:
    """Decode non-empty canonical base64url; raise `NotCanonical` on anything else."""
    remainder = len(text) & 3
    try:
        if text[-1] in LAST[remainder]:
            return a2b_base64(text.translate(TO_STANDARD) + PADDING[remainder], strict_mode=True)
    except (IndexError, ValueError):
        pass
    raise NotCanonical


def encode(data: bytes) -> str:
    """Encode as base64url without padding."""
    standard = b2a_base64(data, newline=False)
    return standard.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=").decode()
