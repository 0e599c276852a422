"""What each reason code means to a person, and where to look."""

from collections.abc import Mapping

from validator_functions.verification.reasons import Reason

MEANING: Mapping[Reason, str] = {
    Reason.TOKEN_MISSING: "There is no token.",
    Reason.CREDENTIALS_MALFORMED: "Not one `Authorization: Bearer` header with one token.",
    Reason.TOKEN_TOO_LARGE: "The token, or a part of it, is larger than any real one.",
    Reason.TOKEN_MALFORMED: "Not a compact JWS: three parts, joined by dots.",
    Reason.ENCODING_INVALID: "A part is not canonical base64url, or its text is not UTF-8.",
    Reason.JSON_INVALID: "The header or the payload is not one strict JSON object.",
    Reason.HEADER_INVALID: "A header member is missing or of the wrong type.",
    Reason.HEADER_FORBIDDEN: "The header has a member that could steer the check.",
    Reason.ALGORITHM_NOT_ALLOWED: "The algorithm is not the key's, or the policy does not name it.",
    Reason.TYPE_NOT_ALLOWED: "The header's `typ` is another kind of token; see --typ.",
    Reason.KEY_ID_INVALID: "The header's `kid` is missing, or cannot be one.",
    Reason.KEY_UNKNOWN: "No key with this `kid` is in the set: retired, or of another ring.",
    Reason.KEY_DENIED: "The key was tainted: every token that it signed is refused.",
    Reason.ISSUER_UNKNOWN: "The token names an issuer that is not trusted here.",
    Reason.SIGNATURE_INVALID: "The signature does not hold under this key.",
    Reason.CLAIM_MISSING: "A claim that has to be there is not.",
    Reason.CLAIM_INVALID: "A claim has the wrong type or an impossible value.",
    Reason.TOKEN_EXPIRED: "The token is over: `exp` has passed.",
    Reason.TOKEN_NOT_YET_VALID: "The token is not valid yet: `nbf` is to come.",
    Reason.ISSUED_IN_FUTURE: "`iat` lies in the future: one of the two clocks is wrong.",
    Reason.LIFETIME_TOO_LONG: "`exp` less `iat` is more than the policy allows.",
    Reason.ISSUER_MISMATCH: "`iss` is not exactly the issuer of the policy.",
    Reason.AUDIENCE_MISMATCH: "The token is meant for another service: `aud`.",
    Reason.TOKEN_DENIED: "This very token (`jti`) was denied.",
    Reason.SCOPE_MISSING: "The caller lacks a scope that is asked for.",
    Reason.ROLE_MISSING: "The caller lacks a role that is asked for.",
    Reason.ROUTE_NOT_ALLOWED: "No rule lets this route pass.",
    Reason.KEYS_UNAVAILABLE: "The keys cannot be had now.",
    Reason.KEYS_STALE: "No store was in reach for longer than keys may be used unchecked.",
    Reason.KEY_SET_INVALID: "The key set breaks a rule, so none of it is used.",
    Reason.POLICY_INVALID: "The policy or the settings are wrong.",
    Reason.CLOCK_INVALID: "The time to judge by cannot be right (before 2020 or after 2100).",
    Reason.INTERNAL_ERROR: "The check itself failed, which always refuses.",
}
