"""Base64url exactly as RFC 7515 section 2 has it: one text for each byte string.

No padding, no white space, nothing outside the alphabet, and the unused bits of the last character
are zero (RFC 4648 section 3.5). Otherwise one signature would have several spellings.
"""

from binascii import a2b_base64, b2a_base64

# The standard alphabet's own characters become `!`, which a strict decoder refuses.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"", b"==", b"=")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# By length modulo 4, the last characters that leave no unused bit set. No text has length 1 mod 4.
_ENDINGS = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")
# The same by octet: two looks into tuples, where a set's look-up costs a fiftieth of a whole check.
_SPOILT = tuple(tuple(octet not in good for octet in range(256)) for good in _ENDINGS)


class NotCanonical(ValueError):
    """Text that is not base64url, or one of several spellings."""


def decode(text: bytes) -> bytes:
    """Decode non-empty canonical base64url; raise `NotCanonical` on anything else."""
    remainder = len(text) & 3
    try:
        if not _SPOILT[remainder][text[-1]]:
            return a2b_base64(text.translate(_TO_STANDARD) + _PADDING[remainder], strict_mode=True)
    except (IndexError, ValueError):
        pass
    raise NotCanonical


def decode_both(first: bytes, second: bytes) -> tuple[bytes | None, bytes | None]:
    """`decode` for two texts; None stands for one that it refuses.

    Step by step for both together: a step's second run finds its code and tables still near, which
    the signature check before it had driven out of the processor's first cache.
    """
    after_first, after_second = len(first) & 3, len(second) & 3
    try:
        if _SPOILT[after_first][first[-1]] or _SPOILT[after_second][second[-1]]:
            raise NotCanonical
        first_standard = first.translate(_TO_STANDARD) + _PADDING[after_first]
        second_standard = second.translate(_TO_STANDARD) + _PADDING[after_second]
        return (
            a2b_base64(first_standard, strict_mode=True),
            a2b_base64(second_standard, strict_mode=True),
        )
    except (IndexError, ValueError):
        return _decode_or_none(first), _decode_or_none(second)


def _decode_or_none(text: bytes) -> bytes | None:
    try:
        return decode(text)
    except NotCanonical:
        return None


def encode(data: bytes) -> str:
    """Encode as base64url without padding."""
    standard = b2a_base64(data, newline=False)
    return standard.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=").decode()
