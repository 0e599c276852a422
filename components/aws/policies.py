"""Every IAM, KMS and S3 policy document that the program sends. Pure: ARNs in, JSON text out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_VERSION: Final = "2012-10-17"

KEY_MANAGEMENT: Final = (
    "kms:CancelKeyDeletion",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:GetPublicKey",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
)
"""What administrators may do to a key. Not `kms:Sign`, and not `kms:CreateGrant`, which would let
them hand `kms:Sign` to themselves. Deliberate weakness: `kms:PutKeyPolicy` stays, because KMS
refuses a policy that its caller could not change again (API reference of CreateKey, "lockout
safety check"); who uses it to reach `kms:Sign` leaves a CloudTrail event."""


def signing_key(administrators: Sequence[str], signers: Sequence[str]) -> str:
    """Return a signing key's policy: administrators manage, signers sign, and nobody else does.

    With an account's root among the administrators its IAM policies decide who manages; they can
    never grant `kms:Sign`, because no statement here passes that on to them.
    """
    return _document(
        {
            "Sid": "Manage",
            "Effect": "Allow",
            "Principal": {"AWS": sorted(administrators)},
            "Action": list(KEY_MANAGEMENT),
            "Resource": "*",
        },
        {
            "Sid": "Sign",
            "Effect": "Allow",
            "Principal": {"AWS": sorted(signers)},
            "Action": ["kms:GetPublicKey", "kms:Sign"],
            "Resource": "*",
        },
        {
            "Sid": "NobodyElseSigns",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "kms:Sign",
            "Resource": "*",
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": sorted(signers)}},
        },
    )


def assumable_by_principals(
    principals: Sequence[str], *, account_root: str = "", role: str = ""
) -> str:
    """Return the trust policy of a role that these ARNs may assume, and `role` if it is given.

    `role` is named in a condition on its account: IAM takes no principal that does not exist yet.
    """
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": sorted(principals)},
            "Action": "sts:AssumeRole",
        }
    ]
    if role:
        statements.append(
            {
                "Sid": "TokenService",
                "Effect": "Allow",
                "Principal": {"AWS": account_root},
                "Action": "sts:AssumeRole",
                "Condition": {"ArnEquals": {"aws:PrincipalArn": role}},
            }
        )
    return _document(*statements)


def token_service(issuer_roles: Sequence[str], used_tokens: str) -> str:
    """Return what a token service may do beside its log: sign as an issuer, add a used token."""
    return _document(
        {
            "Sid": "Sign",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": sorted(issuer_roles),
        },
        {
            "Sid": "RememberUsedTokens",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": used_tokens,
        },
    )


def assumable_by_lambda() -> str:
    """Return the trust policy of a function's own role."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )


def issuer(key_arns: Sequence[str]) -> str:
    """Return what an issuer may do: sign with exactly these keys, and read their public halves."""
    return _document(
        {
            "Effect": "Allow",
            "Action": ["kms:GetPublicKey", "kms:Sign"],
            "Resource": sorted(key_arns),
        }
    )


def function(log_group_arn: str, readable_objects: Sequence[str] = ()) -> str:
    """Return what functions of one role may do: write to a log group, and read these objects."""
    statements: list[dict[str, Any]] = [
        {
            "Sid": "WriteLines",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{log_group_arn.removesuffix(':*')}:*",
        }
    ]
    if readable_objects:
        statements.append(
            {
                "Sid": "PublishedKeys",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": sorted(readable_objects),
            }
        )
    return _document(*statements)


def public_store(bucket_arn: str, object_arns: Sequence[str]) -> str:
    """Return the bucket policy that opens exactly these objects to everybody, over TLS."""
    return _document(
        _tls_only(bucket_arn),
        {
            "Sid": "PublishedDocuments",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": sorted(object_arns),
        },
    )


def private_store(bucket_arn: str, object_arns: Sequence[str], readers: Sequence[str]) -> str:
    """Return the bucket policy that opens exactly these objects to these roles, over TLS."""
    statements = [_tls_only(bucket_arn)]
    if readers:
        statements.append(
            {
                "Sid": "Validators",
                "Effect": "Allow",
                "Principal": {"AWS": sorted(readers)},
                "Action": "s3:GetObject",
                "Resource": sorted(object_arns),
            }
        )
    return _document(*statements)


def _tls_only(bucket_arn: str) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": _VERSION, "Statement": list(statements)}, sort_keys=True)
