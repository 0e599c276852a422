"""Why an exchange was refused: OAuth's word for the client, our closed set for logs and alarms.

RFC 6749 section 5.2 and RFC 8693 section 2.2.2: status 400 with `error`. A subject token that is
not good "for any reason, or unacceptable based on policy" is `invalid_request`; an audience that
may not be asked for is `invalid_target`. Too much at once and what could not be checked are 429 and
503 with `temporarily_unavailable` (RFC 6749 section 4.1.2.1 has the word) and `Retry-After`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
METHOD_NOT_ALLOWED: Final = 405
TOO_MANY: Final = 429
FAILED: Final = 500
UNAVAILABLE: Final = 503


class Reason(StrEnum):
    """One refusal's code; an interface, so none is ever renamed."""

    PATH_UNKNOWN = "path_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONTENT_TYPE_INVALID = "content_type_invalid"
    FORM_TOO_LARGE = "form_too_large"
    FORM_INVALID = "form_invalid"
    PARAMETER_REPEATED = "parameter_repeated"
    PARAMETER_MISSING = "parameter_missing"
    PARAMETER_REFUSED = "parameter_refused"
    GRANT_TYPE_UNKNOWN = "grant_type_unknown"
    TOKEN_TYPE_UNKNOWN = "token_type_unknown"  # noqa: S105
    AUDIENCE_UNKNOWN = "audience_unknown"
    SUBJECT_REFUSED = "subject_refused"
    CALLER_UNKNOWN = "caller_unknown"
    CALLER_AMBIGUOUS = "caller_ambiguous"
    SCOPE_REFUSED = "scope_refused"
    TOKEN_ID_MISSING = "token_id_missing"  # noqa: S105
    REPLAYED = "replayed"
    ISSUED_BEFORE_MOVE = "issued_before_move"
    RATE_LIMITED = "rate_limited"
    KMS_BUSY = "kms_busy"
    KMS_UNAVAILABLE = "kms_unavailable"
    KEY_UNUSABLE = "key_unusable"
    TOO_LATE = "too_late"
    SUBJECT_UNCHECKED = "subject_unchecked"
    REPLAY_UNCHECKED = "replay_unchecked"
    SETTINGS_INVALID = "settings_invalid"
    INTERNAL_ERROR = "internal_error"


_STATUS: Final = {
    Reason.PATH_UNKNOWN: NOT_FOUND,
    Reason.METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED,
    Reason.RATE_LIMITED: TOO_MANY,
    Reason.KMS_BUSY: TOO_MANY,
    Reason.KMS_UNAVAILABLE: UNAVAILABLE,
    Reason.KEY_UNUSABLE: UNAVAILABLE,
    Reason.TOO_LATE: UNAVAILABLE,
    Reason.SUBJECT_UNCHECKED: UNAVAILABLE,
    Reason.REPLAY_UNCHECKED: UNAVAILABLE,
    Reason.SETTINGS_INVALID: UNAVAILABLE,
    Reason.INTERNAL_ERROR: FAILED,
}
_ERROR: Final = {
    Reason.GRANT_TYPE_UNKNOWN: "unsupported_grant_type",
    Reason.AUDIENCE_UNKNOWN: "invalid_target",
    Reason.SCOPE_REFUSED: "invalid_scope",
    Reason.INTERNAL_ERROR: "server_error",
}


class ExchangeRefused(Exception):
    """No token. `description` is for the client and names parameters, never their values.

    `detail` is for the log: a code or a claim's name. `retry_after` is in whole seconds.
    """

    def __init__(
        self, reason: Reason, description: str, *, detail: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(f"{reason}: {description}")
        self.reason = reason
        self.description = description
        self.detail = detail
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS.get(self.reason, BAD_REQUEST)

    @property
    def error(self) -> str:
        """The `error` member of the answer."""
        if self.status in {TOO_MANY, UNAVAILABLE}:
            return "temporarily_unavailable"
        return _ERROR.get(self.reason, "invalid_request")
