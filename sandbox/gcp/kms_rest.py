"""Signing by Cloud KMS's REST API: `asymmetricSign` with its gRPC messages in JSON."""

from __future__ import annotations

import json
from typing import Final

from google.cloud import kms_v1

from sandbox.fakes.http import Asked, Said, said_json
from sandbox.gcp.http import Refusal
from sandbox.gcp.kms import Kms

PREFIX: Final = "/v1/"
SUFFIX: Final = ":asymmetricSign"


def answer(kms: Kms, asked: Asked) -> Said:
    """Answer `POST /v1/<key version>:asymmetricSign`."""
    members = {**asked.json(), "name": asked.raw_path.removeprefix(PREFIX).removesuffix(SUFFIX)}
    try:
        request = kms_v1.AsymmetricSignRequest.from_json(json.dumps(members))
    except ValueError as error:  # what is no such message, and what is no base64
        raise Refusal(400, "INVALID_ARGUMENT", str(error)) from error
    return said_json(200, json.loads(kms_v1.AsymmetricSignResponse.to_json(kms.sign(request))))
