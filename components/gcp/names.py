"""Names and addresses on Google Cloud, computed from settings alone. Pure."""

import urllib.parse
from typing import Final

from components.fitted import fitted

BUCKET_PATTERN: Final = r"(?!goog)(?!.*google)[a-z0-9][a-z0-9-]{1,53}[a-z0-9]"
"""Cloud Storage's rule without dots and underscores, with room for `-source` in 63 characters."""

PROJECT_PATTERN: Final = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
REGION_PATTERN: Final = r"[a-z]+-[a-z]+[0-9]{1,2}"
KEY_RING_PATTERN: Final = r"[A-Za-z0-9_-]{1,63}"

ACCOUNT_LENGTH: Final = 30
SERVICE_LENGTH: Final = 49
"""Cloud Run, "Service limits": longer names make URLs that no certificate covers."""


def store_url(bucket: str, endpoint: str | None) -> str:
    """Return the address below which a bucket's objects are read, without a slash at its end."""
    return f"{endpoint or 'https://storage.googleapis.com'}/{bucket}"


def source_bucket(bucket: str) -> str:
    """Return the bucket of the code, which nobody but Cloud Run reads."""
    return f"{bucket}-source"


def used_tokens_bucket(bucket: str) -> str:
    """Return the bucket of used tokens, which the token service alone adds to."""
    return f"{bucket}-used"


def key_ring(project: str, region: str, name: str) -> str:
    """Return a key ring's resource name."""
    return f"projects/{project}/locations/{region}/keyRings/{name}"


def crypto_key(ring: str, name: str) -> str:
    """Return a key's resource name."""
    return f"{ring}/cryptoKeys/{name}"


def account_id(environment: str, what: str) -> str:
    """Return a service account's id: 6 to 30 characters."""
    return fitted(f"sn-{environment}-{what}", ACCOUNT_LENGTH)


def service(environment: str, service_name: str) -> str:
    """Return a Cloud Run service's name."""
    return fitted(f"signet-{environment}-{service_name}-validator", SERVICE_LENGTH)


def token_service(environment: str) -> str:
    """Return the name of the Cloud Run service that exchanges tokens."""
    return fitted(f"signet-{environment}-token-service", SERVICE_LENGTH)


def object_url(store: str, key: str) -> str:
    """Return an object's address in the XML API."""
    return f"{store}/{urllib.parse.quote(key)}"
