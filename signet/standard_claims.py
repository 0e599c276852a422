"""The claims that every token may carry, agreed once and for all. Pure, and needs nothing."""

from typing import Final

STANDARD: Final = frozenset(
    {"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "client_id", "act", "scope", "roles"}
)
"""RFC 9068 section 2.2, RFC 8693 section 4, and `roles`."""
