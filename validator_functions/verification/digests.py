"""SHA-256 by the library that verification has loaded anyway.

`hashlib` would load the system's OpenSSL beside `cryptography`'s own: a tenth of a cold start.
"""

from cryptography.hazmat.primitives.hashes import SHA256, Hash


def sha256(data: bytes) -> bytes:
    """The digest of `data`."""
    digest = Hash(SHA256())
    digest.update(data)
    return digest.finalize()
