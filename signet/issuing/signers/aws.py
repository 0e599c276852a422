"""Signing with AWS KMS.

The digest is made here and sent with `MessageType=DIGEST`. ECDSA signatures come back in DER
(ANS X9.62), JWS wants r||s (RFC 7518 section 3.4).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOError,
)

from signet.errors import Fault, SettingsError
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signature_format import ALGORITHMS, raw_from_der

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.literals import SigningAlgorithmSpecType
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

_SPECS: Final[dict[str, SigningAlgorithmSpecType]] = {
    "RS256": "RSASSA_PKCS1_V1_5_SHA_256",
    "PS256": "RSASSA_PSS_SHA_256",
    "ES256": "ECDSA_SHA_256",
    "ES384": "ECDSA_SHA_384",
}
_ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+")
_KEY_ID = re.compile(r"(?:mrk-)?[A-Za-z0-9-]{1,128}")
_ATTEMPTS: Final = 3
_CONFIG: Final = Config(
    retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    connect_timeout=3,
    read_timeout=5,
)

_UNUSABLE = frozenset(
    {"DisabledException", "KMSInvalidStateException", "NotFoundException"}
    | {"InvalidKeyUsageException"}
)
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException"}
    | {"IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException"}
    | {"MissingAuthenticationToken", "OptInRequired", "UnrecognizedClientException"}
)
_BUSY = frozenset(
    {"LimitExceededException", "RequestLimitExceeded", "Throttling", "ThrottlingException"}
    | {"TooManyRequestsException"}
)

_NO_CREDENTIALS: Final = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
)
_SESSION_NAME: Final = "signet-token-issue"
_SESSION_SECONDS: Final = 900
_ROLE_OF_SESSION = re.compile(r"(arn:aws[a-z-]*:)sts(::[0-9]{12}:)assumed-role/([^/]+)/.*")

T = TypeVar("T")


class _Narrower(TypedDict, total=False):
    Policy: str


class AwsKmsSigner:
    """One asymmetric KMS key, reached through a boto3 client."""

    def __init__(self, client: KMSClient, key_id: str, algorithm: str) -> None:
        self._client = client
        self._key_id = key_id
        self._format = ALGORITHMS[algorithm]

    @property
    def algorithm(self) -> str:
        """The JWS `alg` value."""
        return self._format.name

    def sign(self, message: bytes) -> bytes:
        """Sign the message's digest; see `Signer`. Needs `kms:Sign` on the key."""
        answer = self._ask(
            "kms:Sign",
            lambda: self._client.sign(
                KeyId=self._key_id,
                Message=self._format.digest(message),
                MessageType="DIGEST",
                SigningAlgorithm=_SPECS[self.algorithm],
            ),
        )
        signature = bytes(answer["Signature"])
        if not self._format.coordinate_bytes:
            return signature
        try:
            return raw_from_der(signature, self._format.coordinate_bytes)
        except ValueError as error:
            raise KmsUnreachable(
                f"the KMS answered with a signature that is not one of {self.algorithm}: {error}",
                where=self._where,
            ) from error

    def public_key_pem(self) -> str:
        """Return the public half; see `Signer`. Needs `kms:GetPublicKey` on the key."""
        answer = self._ask(
            "kms:GetPublicKey", lambda: self._client.get_public_key(KeyId=self._key_id)
        )
        body = base64.encodebytes(answer["PublicKey"]).decode("ascii")
        return f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"

    @property
    def _where(self) -> str:
        return f"AWS KMS key {self._key_id}"

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except ClientError as error:
            raise self._answered(action, error) from error
        except _NO_CREDENTIALS as error:
            raise _no_credentials(error, self._where) from error
        except BotoCoreError as error:
            raise KmsUnreachable(
                f"AWS KMS cannot be reached: {error}",
                where=self._where,
                remedy="check the network, the proxy and the key's region, and try again",
            ) from error

    def _answered(
        self, action: str, error: ClientError
    ) -> KeyUnusable | SigningDenied | KmsBusy | KmsUnreachable:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _UNUSABLE:
            return KeyUnusable(
                f"the KMS will not sign with this key ({code})",
                where=self._where,
                remedy="see its state with `signet keys status`; a tainted or retired key is "
                "disabled on purpose, and the next `signet up` puts its successor to work",
            )
        if code in _DENIED:
            return SigningDenied(
                f"the KMS does not let you call {action} ({code})",
                where=self._where,
                remedy="use an identity that `signet:awsIssuerPrincipals` names",
            )
        if code in _BUSY:
            return KmsBusy(
                f"the KMS throttled {_ATTEMPTS} attempts ({code})",
                where=self._where,
                remedy="try again in a moment; if it stays, ask for a higher KMS request quota",
            )
        return KmsUnreachable(
            f"the KMS failed ({code})", where=self._where, remedy="try again in a moment"
        )


def become(
    sts: STSClient, role_arn: str, session_policy: str | None = None
) -> CredentialsTypeDef | None:
    """Return credentials of a role for 15 minutes; None for a caller that is this role already.

    With `session_policy` the session may do no more than that policy and the role's both allow.

    Raises SigningDenied where the caller may not take it on.
    """
    where = f"IAM role {role_arn}"
    try:
        caller = sts.get_caller_identity()["Arn"]
        if _ROLE_OF_SESSION.sub(r"\1iam\2role/\3", caller) == _without_path(role_arn):
            return None
        narrower: _Narrower = {} if session_policy is None else {"Policy": session_policy}
        taken = sts.assume_role(
            RoleArn=role_arn,
            RoleSessionName=_SESSION_NAME,
            DurationSeconds=_SESSION_SECONDS,
            **narrower,
        )
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise SigningDenied(
            f"you may not take on the role that signs ({code})",
            where=where,
            remedy="use an identity that `signet:awsIssuerPrincipals` names",
        ) from error
    except _NO_CREDENTIALS as error:
        raise _no_credentials(error, where) from error
    except BotoCoreError as error:
        raise KmsUnreachable(
            f"AWS STS cannot be reached: {error}",
            where=where,
            remedy="check the network, the proxy and the region, and try again",
        ) from error
    return taken["Credentials"]


def connect(key_reference: str, algorithm: str, identity: str | None = None) -> AwsKmsSigner:
    """Make a signer from the caller's own AWS credentials, as the role `identity` if it is given.

    The region is that of the key's ARN, else AWS_REGION or the profile's.
    """
    arn = _ARN.fullmatch(key_reference)
    if arn is None and not _KEY_ID.fullmatch(key_reference):
        raise SettingsError(
            [
                Fault(
                    key="key",
                    value=key_reference,
                    problem="not an AWS KMS key",
                    remedy="give a key ARN (arn:aws:kms:REGION:ACCOUNT:key/ID) or a key id; an "
                    "alias can be pointed elsewhere and is not taken",
                )
            ]
        )
    # boto3 itself reads AWS_DEFAULT_REGION alone. A session of its own: the default one would keep
    # the credentials of whatever environment used it first.
    region = arn["region"] if arn else os.environ.get("AWS_REGION")
    session = boto3.Session(region_name=region)
    try:
        if identity is not None:
            taken = become(session.client("sts", config=_CONFIG), identity)
            if taken is not None:
                session = boto3.Session(
                    aws_access_key_id=taken["AccessKeyId"],
                    aws_secret_access_key=taken["SecretAccessKey"],
                    aws_session_token=taken["SessionToken"],
                    region_name=session.region_name,
                )
        client = session.client("kms", config=_CONFIG)
    except NoRegionError as error:
        raise SigningDenied(
            "no AWS region is set, and the key id names none",
            where=f"AWS KMS key {key_reference}",
            remedy="set AWS_REGION",
        ) from error
    return AwsKmsSigner(client, key_reference, algorithm)


def connect_service(
    key_arn: str, algorithm: str, role_arn: str, endpoint: str | None
) -> AwsKmsSigner:
    """Make the signer of a deployed service, as a session of `role_arn` for this one key alone.

    `endpoint` is the sandbox's. Raises as `connect` does.
    """
    session = boto3.Session(region_name=key_arn.split(":")[3])
    sts = session.client("sts", config=_CONFIG, endpoint_url=endpoint)
    taken = become(sts, role_arn, _this_key_alone(key_arn))
    if taken is not None:
        session = boto3.Session(
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
            region_name=session.region_name,
        )
    client = session.client("kms", config=_CONFIG, endpoint_url=endpoint)
    return AwsKmsSigner(client, key_arn, algorithm)


def _this_key_alone(key_arn: str) -> str:
    statement = {"Effect": "Allow", "Action": "kms:Sign", "Resource": key_arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _without_path(role_arn: str) -> str:
    """A session's ARN names its role without the role's path."""
    head, _, names = role_arn.partition(":role/")
    return f"{head}:role/{names.rpartition('/')[2]}"


def _no_credentials(error: BotoCoreError, where: str) -> SigningDenied:
    return SigningDenied(
        f"no usable AWS credentials: {error}",
        where=where,
        remedy="sign in (`aws sso login`, AWS_PROFILE, or the job's role) and try again",
    )
