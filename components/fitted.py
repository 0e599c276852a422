"""Names within a cloud's limit. Pure."""

import hashlib


def fitted(name: str, length: int) -> str:
    """Return a name cut to a length, its end then a hash of the whole, so that none meet."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: length - 7].rstrip('-')}-{digest}"
