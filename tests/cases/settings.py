"""A validator's settings artefact for tests, as the deployment writes it."""

import json
from typing import Any

from . import forge


def document(*signers: forge.Signer, **changes: Any) -> dict[str, Any]:
    """A settings document that trusts one issuer with these keys; changes replace members."""
    members: dict[str, Any] = {
        "schema": 1,
        "environment": "test",
        "service": "environment",
        "cloud": "aws",
        "sandbox": False,
        "bundle_sha256": "0" * 64,
        "trust": "deployed",
        "issuers": [issuer(*signers)],
        "policy": {
            "audiences": [forge.AUDIENCE],
            "algorithms": sorted({signer.algorithm for signer in signers}) or ["RS256"],
            "max_lifetime": 900,
            "clock_skew": 60,
            "typ": "at+jwt",
            "required_claims": [],
            "denied_jtis": [],
        },
        "routes": {
            "default": "refuse",
            "rules": [
                {"methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]},
                {"methods": ["DELETE"], "path": "/orders/{id}", "roles": ["admin"]},
            ],
        },
        "timing": {"jwks_max_age": 300, "cache_ceiling": 300, "stale_if_error": 21600},
        "token_cache": {"entries": 0, "bytes": 0},
        "audit": {"passes": False, "subject": "plain", "rotation_due": None},
    }
    return {**members, **changes}


def issuer(*signers: forge.Signer, name: str = forge.ISSUER, **changes: Any) -> dict[str, Any]:
    """One trusted issuer."""
    return {
        "issuer": name,
        "ring": "environment",
        "jwks": forge.key_set(*signers, sequence=1, denied=[]),
        "jwks_urls": [f"{name}/.well-known/jwks.json"],
        "private_store": None,
        **changes,
    }


def artefact(settings: dict[str, Any]) -> bytes:
    """The canonical bytes of the file."""
    return json.dumps(settings, separators=(",", ":"), sort_keys=True).encode()
