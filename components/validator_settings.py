"""The settings artefact that a validator is deployed with, and its hash. Pure.

The reader is `validator_functions.verification.settings`; a test feeds it what this writes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signet.documents import canonical

FILE_NAME: Final = "signet_settings.json"
HASH_VARIABLE: Final = "SIGNET_SETTINGS_SHA256"
_TOKEN_CACHE_BYTES: Final = 8_192
"""For each remembered token, at most: a token of 700 characters counts for 5 KiB."""
_TYP: Final = "at+jwt"  # RFC 9068 section 2.1


@dataclass(frozen=True, kw_only=True)
class TrustedRing:
    """One key ring as a validator in one cloud sees it."""

    issuer: str
    ring: str
    jwks: str
    """The published set, as text."""
    jwks_urls: Sequence[str]
    """Where to look for withdrawn keys: the validator's own cloud first, then the mirrors."""
    private_store: Mapping[str, str] | None
    """With `publish: private`: the one store that this validator may read instead."""


@dataclass(frozen=True, kw_only=True)
class ValidatorTerms:
    """What a validator accepts, apart from keys. Durations are whole seconds."""

    environment: str
    service: str
    cloud: str
    sandbox: bool
    bundle_sha256: str
    audience: str
    algorithms: Sequence[str]
    max_lifetime: int
    clock_skew: int
    routes: Sequence[Mapping[str, Any]]
    required_claims: Sequence[str]
    jwks_max_age: int
    cache_ceiling: int
    stale_if_error: int
    token_cache: int
    """How many verified tokens one instance remembers; 0 for none."""
    audit_passes: bool
    audit_subject: str
    """`plain`, `pseudonym` or `omitted`: how a log line names a verified subject."""
    rotation_due: int | None
    """Epoch seconds by which another run should have brought the next key; None watches nothing."""


def render_settings(terms: ValidatorTerms, rings: Sequence[TrustedRing]) -> str:
    """Return the artefact's text; the bytes of its UTF-8 are what is hashed."""
    return canonical(
        {
            "schema": 1,
            "environment": terms.environment,
            "service": terms.service,
            "cloud": terms.cloud,
            "sandbox": terms.sandbox,
            "bundle_sha256": terms.bundle_sha256,
            "trust": "deployed",
            "issuers": [_issuer(ring) for ring in rings],
            "policy": {
                "audiences": [terms.audience],
                "algorithms": sorted(set(terms.algorithms)),
                "max_lifetime": terms.max_lifetime,
                "clock_skew": terms.clock_skew,
                "typ": _TYP,
                "required_claims": sorted(terms.required_claims),
                "denied_jtis": [],
            },
            "routes": {"default": "refuse", "rules": [dict(rule) for rule in terms.routes]},
            "timing": {
                "jwks_max_age": terms.jwks_max_age,
                "cache_ceiling": terms.cache_ceiling,
                "stale_if_error": terms.stale_if_error,
            },
            "token_cache": {
                "entries": terms.token_cache,
                "bytes": terms.token_cache * _TOKEN_CACHE_BYTES,
            },
            "audit": {
                "passes": terms.audit_passes,
                "subject": terms.audit_subject,
                "rotation_due": terms.rotation_due,
            },
        }
    )


def settings_hash(text: str) -> str:
    """Return the hash by which a settings artefact is named: SHA-256 of its bytes, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _issuer(ring: TrustedRing) -> dict[str, Any]:
    return {
        "issuer": ring.issuer,
        "ring": ring.ring,
        "jwks": json.loads(ring.jwks),
        "jwks_urls": list(ring.jwks_urls),
        "private_store": None if ring.private_store is None else dict(ring.private_store),
    }
