"""Google's own clients, for what the provider cannot do: look before it makes, and a bad day."""

from typing import TYPE_CHECKING, Final

from components.gcp.rest import sandbox_token
from components.gcp.settings import GcpSettings

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.kms_v1 import KeyManagementServiceClient

SECONDS: Final = 5.0
"""Longest that one call may take."""

_WRITES: Final = "https://www.googleapis.com/auth/devstorage.read_write"


def kms(settings: GcpSettings) -> "KeyManagementServiceClient":
    """Return a Cloud KMS client; the sandbox's takes no credentials."""
    from google.cloud import kms_v1

    if settings.kms_endpoint is None:
        return kms_v1.KeyManagementServiceClient()
    import grpc
    from google.cloud.kms_v1.services.key_management_service.transports import (
        KeyManagementServiceGrpcTransport,
    )

    channel = grpc.insecure_channel(settings.kms_endpoint)
    return kms_v1.KeyManagementServiceClient(
        transport=KeyManagementServiceGrpcTransport(channel=channel)
    )


def storage(settings: GcpSettings) -> "AuthorizedSession":
    """Return a session that proves to Cloud Storage who asks."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    if settings.endpoint is not None:
        token = sandbox_token(settings.endpoint)
        return AuthorizedSession(Credentials(token))  # type: ignore[no-untyped-call]
    credentials, _ = google.auth.default(scopes=[_WRITES])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
