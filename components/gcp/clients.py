"""Google's own client of Cloud KMS, for what the provider cannot do: look before it makes."""

from typing import TYPE_CHECKING, Final

from components.gcp.settings import GcpSettings

if TYPE_CHECKING:
    from google.cloud.kms_v1 import KeyManagementServiceClient

SECONDS: Final = 5.0
"""Longest that one call may take."""


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
