"""The fake Google Cloud as the sandbox starts it."""

from __future__ import annotations

from sandbox.fakes.service import fake

FOLDER = "gcp"
NAME = "fake gcp"
"""What it answers when asked for its health."""
KMS = "gcp-kms"
"""The port of Cloud KMS, which speaks gRPC."""

SERVICE = fake(FOLDER, NAME, also=(KMS,))
