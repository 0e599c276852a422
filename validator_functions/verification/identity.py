"""What a back end learns of a caller: five names, the same behind every gateway.

| header              | key       | claim                          |
|---------------------|-----------|--------------------------------|
| `x-signet-subject`  | `subject` | `sub`                          |
| `x-signet-issuer`   | `issuer`  | `iss`                          |
| `x-signet-scope`    | `scope`   | `scope`, with spaces between   |
| `x-signet-token-id` | `jti`     | `jti`                          |
| `x-signet-key-id`   | `kid`     | the key that signed            |

The key is that of an API Gateway authorizer's context, and of an answer's JSON.
Every name is always told when a request is allowed, empty where the token says nothing: whoever
copies all five overwrites whatever the caller sent under them.
"""

from .decision import Decision

IDENTITY_HEADERS = {
    "x-signet-subject": "subject",
    "x-signet-issuer": "issuer",
    "x-signet-scope": "scope",
    "x-signet-token-id": "jti",
    "x-signet-key-id": "kid",
}
"""Header -> key."""


_PLAIN = bytes(octet for octet in range(0x20, 0x7F) if chr(octet) not in '"\\')
_BETWEEN = "|"


def plain_identity(decision: Decision) -> tuple[str, ...] | None:
    """What `identity` tells, in its order, where it looks the same in headers and in JSON.

    None where it may not: a value is no string, is not ASCII, does not print, needs an escape or
    has a space at an end. That is looked for in all five at once.
    """
    claims = decision.claims
    if claims is None:
        return None
    get = claims.members.get
    told = (get("sub", ""), get("iss", ""), get("scope", ""), get("jti", ""), claims.kid)
    try:
        text = f"{_BETWEEN}{_BETWEEN.join(told)}{_BETWEEN}"
    except TypeError:
        return None
    if not text.isascii() or text.encode().translate(None, _PLAIN):
        return None
    return None if "| " in text or " |" in text else told


def identity(decision: Decision) -> dict[str, str]:
    """Return flat strings by key, every key there; nothing at all unless allowed.

    A value that does not print (a line break in a `jti`, say) is told as empty.
    """
    claims = decision.claims
    if claims is None:
        return {}
    members = claims.members
    found = {
        "subject": members.get("sub"),
        "issuer": members.get("iss"),
        "scope": members.get("scope"),
        "jti": members.get("jti"),
        "kid": claims.kid,
    }
    return {
        name: value if isinstance(value, str) and value.isprintable() else ""
        for name, value in found.items()
    }


def identity_headers(told: dict[str, str]) -> list[tuple[str, str]]:
    """Return the headers for what `identity` told.

    A value that a header would not carry unchanged (RFC 9110 section 5.5) is empty there.
    """
    found = [(header, told.get(name, "")) for header, name in IDENTITY_HEADERS.items()]
    return [
        (
            header,
            value if value.isascii() and value.isprintable() and value == value.strip() else "",
        )
        for header, value in found
    ]
