"""The closed set of reason codes: why a request was refused, and with which status.

401 is "who are you", 403 is "not allowed", 503 is "could not check". The codes are an interface:
they stand in logs, in `signet verify --batch` and in alarms, so none is ever renamed.
"""

from enum import StrEnum

UNAUTHORIZED = 401
FORBIDDEN = 403
UNAVAILABLE = 503

_STATUS = {
    "scope_missing": FORBIDDEN,
    "role_missing": FORBIDDEN,
    "route_not_allowed": FORBIDDEN,
    "keys_unavailable": UNAVAILABLE,
    "keys_stale": UNAVAILABLE,
    "key_set_invalid": UNAVAILABLE,
    "policy_invalid": UNAVAILABLE,
    "clock_invalid": UNAVAILABLE,
    "internal_error": UNAVAILABLE,
}


class Reason(StrEnum):
    """One refusal's code; `status` is the HTTP status that goes with it."""

    TOKEN_MISSING = "token_missing"  # noqa: S105
    CREDENTIALS_MALFORMED = "credentials_malformed"
    TOKEN_TOO_LARGE = "token_too_large"  # noqa: S105
    TOKEN_MALFORMED = "token_malformed"  # noqa: S105
    ENCODING_INVALID = "encoding_invalid"
    JSON_INVALID = "json_invalid"
    HEADER_INVALID = "header_invalid"
    HEADER_FORBIDDEN = "header_forbidden"
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    KEY_ID_INVALID = "key_id_invalid"
    KEY_UNKNOWN = "key_unknown"
    KEY_DENIED = "key_denied"
    ISSUER_UNKNOWN = "issuer_unknown"
    SIGNATURE_INVALID = "signature_invalid"
    CLAIM_MISSING = "claim_missing"
    CLAIM_INVALID = "claim_invalid"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"  # noqa: S105
    ISSUED_IN_FUTURE = "issued_in_future"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    ISSUER_MISMATCH = "issuer_mismatch"
    AUDIENCE_MISMATCH = "audience_mismatch"
    TOKEN_DENIED = "token_denied"  # noqa: S105

    SCOPE_MISSING = "scope_missing"
    ROLE_MISSING = "role_missing"
    ROUTE_NOT_ALLOWED = "route_not_allowed"

    KEYS_UNAVAILABLE = "keys_unavailable"
    KEYS_STALE = "keys_stale"
    KEY_SET_INVALID = "key_set_invalid"
    POLICY_INVALID = "policy_invalid"
    CLOCK_INVALID = "clock_invalid"
    INTERNAL_ERROR = "internal_error"

    status: int

    def __init__(self, code: str) -> None:
        # An attribute, because every decision asks: to hash a member is slow.
        self.status = _STATUS.get(code, UNAUTHORIZED)
