"""KMS keys. A deleted key is pending deletion, as at AWS."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from sandbox.aws.cloud import Aws, absent, present, tag_changes
from sandbox.plugin.spec import (
    BOOL,
    INT,
    JSON,
    STR,
    Call,
    Fault,
    Function,
    Resource,
    State,
    choice,
    list_of,
    map_of,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props

_GONE = ("NotFoundException",)
_SYMMETRIC = "SYMMETRIC_DEFAULT"
_SPECS = (_SYMMETRIC, "RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384")
_DELETION_WINDOW = 30


def _kms(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("kms", props.get("region"))


def _key_faults(inputs: Props) -> Iterator[Fault]:
    asymmetric = inputs.get("customerMasterKeySpec", _SYMMETRIC) != _SYMMETRIC
    if asymmetric and inputs.get("enableKeyRotation") is True:
        yield Fault("enableKeyRotation", "is not possible for an asymmetric key")
    usage = inputs.get("keyUsage", "ENCRYPT_DECRYPT")
    if usage == "ENCRYPT_DECRYPT" and str(inputs.get("customerMasterKeySpec")).startswith("ECC"):
        yield Fault("keyUsage", "must be SIGN_VERIFY for this key spec")
    if not asymmetric and inputs.get("keyUsage") == "SIGN_VERIFY":
        yield Fault("keyUsage", "must be ENCRYPT_DECRYPT for a symmetric key")
    window = inputs.get("deletionWindowInDays", _DELETION_WINDOW)
    if isinstance(window, int) and not 7 <= window <= 30:  # noqa: PLR2004 - AWS's own limits
        yield Fault("deletionWindowInDays", f"must be 7 to 30, not {window}")


def _create_key(call: Call, inputs: Props) -> str:
    kms = _kms(call, inputs)
    tags = [{"TagKey": k, "TagValue": v} for k, v in (inputs.get("tags") or {}).items()]
    made = kms.create_key(
        **present(
            KeySpec=inputs.get("customerMasterKeySpec"),
            KeyUsage=inputs.get("keyUsage"),
            Description=inputs.get("description"),
            Policy=inputs.get("policy"),
            BypassPolicyLockoutSafetyCheck=inputs.get("bypassPolicyLockoutSafetyCheck"),
            MultiRegion=inputs.get("multiRegion"),
            Tags=tags or None,
        )
    )
    key_id = str(made["KeyMetadata"]["KeyId"])
    call.made(key_id)
    if inputs.get("enableKeyRotation"):
        kms.enable_key_rotation(KeyId=key_id)
    if inputs.get("isEnabled") is False:
        kms.disable_key(KeyId=key_id)
    return key_id


def _read_key(call: Call, key_id: str, known: Props) -> State | None:
    kms = _kms(call, known)
    data = None
    with absent(*_GONE):
        data = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    if data is None or data["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    symmetric = data["KeySpec"] == _SYMMETRIC
    tags = {t["TagKey"]: t["TagValue"] for t in kms.list_resource_tags(KeyId=key_id)["Tags"]}
    return State(
        data["KeyId"],
        {
            "arn": data["Arn"],
            "keyId": data["KeyId"],
            "customerMasterKeySpec": data["KeySpec"],
            "keyUsage": data["KeyUsage"],
            "description": data.get("Description", ""),
            "isEnabled": bool(data["Enabled"]),
            "multiRegion": bool(data.get("MultiRegion", False)),
            "policy": kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"],
            "enableKeyRotation": symmetric
            and bool(kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]),
            "region": known.get("region") or call.cloud.region,
            "tags": tags,
            "tagsAll": tags,
        },
    )


def _update_key(call: Call, key_id: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    kms = _kms(call, old)
    # AWS refuses changes to a disabled key, so enabling comes first and disabling last.
    if "isEnabled" in changed and new.get("isEnabled", True):
        kms.enable_key(KeyId=key_id)
    if "description" in changed:
        kms.update_key_description(KeyId=key_id, Description=new.get("description", ""))
    if "policy" in changed and new.get("policy") is not None:
        kms.put_key_policy(
            KeyId=key_id,
            PolicyName="default",
            Policy=new["policy"],
            BypassPolicyLockoutSafetyCheck=bool(new.get("bypassPolicyLockoutSafetyCheck", False)),
        )
    if "enableKeyRotation" in changed:
        rotate = (
            kms.enable_key_rotation if new.get("enableKeyRotation") else kms.disable_key_rotation
        )
        rotate(KeyId=key_id)
    if "tags" in changed:
        wanted, dropped = tag_changes(old, new)
        if wanted:
            kms.tag_resource(
                KeyId=key_id, Tags=[{"TagKey": k, "TagValue": v} for k, v in wanted.items()]
            )
        if dropped:
            kms.untag_resource(KeyId=key_id, TagKeys=dropped)
    if "isEnabled" in changed and new.get("isEnabled") is False:
        kms.disable_key(KeyId=key_id)


def _delete_key(call: Call, key_id: str, state: Props) -> None:
    with absent(*_GONE, "KMSInvalidStateException"):
        _kms(call, state).schedule_key_deletion(
            KeyId=key_id,
            PendingWindowInDays=state.get("deletionWindowInDays", _DELETION_WINDOW),
        )


# What forces a replacement: hashicorp/terraform-provider-aws, internal/service/kms/key.go.
_KEY = Resource(
    "aws:kms/key:Key",
    inputs={
        "bypassPolicyLockoutSafetyCheck": opt(BOOL, default=False, kept=True),
        "customerMasterKeySpec": opt(choice(*_SPECS), replace=True, default=_SYMMETRIC),
        "deletionWindowInDays": opt(INT, default=_DELETION_WINDOW, kept=True),
        "description": opt(STR, computed=True),
        "enableKeyRotation": opt(BOOL, default=False),
        "isEnabled": opt(BOOL, default=True),
        "keyUsage": opt(
            choice("SIGN_VERIFY", "ENCRYPT_DECRYPT"), replace=True, default="ENCRYPT_DECRYPT"
        ),
        "multiRegion": opt(BOOL, replace=True, default=False),
        "policy": opt(JSON, computed=True),
        "region": opt(STR, replace=True, computed=True),
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset({"arn", "keyId", "tagsAll"}),
    create=_create_key,
    read=_read_key,
    update=_update_key,
    delete=_delete_key,
    validate=_key_faults,
    unsettled={"tagsAll": frozenset({"tags"})},
)


def _get_public_key(call: Call, args: Props) -> Props:
    kms = _kms(call, args)
    key = kms.get_public_key(**present(KeyId=args["keyId"], GrantTokens=args.get("grantTokens")))
    der = bytes(key["PublicKey"])
    return {
        "arn": kms.describe_key(KeyId=args["keyId"])["KeyMetadata"]["Arn"],
        "customerMasterKeySpec": key["KeySpec"],
        "encryptionAlgorithms": key.get("EncryptionAlgorithms", []),
        "grantTokens": args.get("grantTokens"),
        "id": key["KeyId"].rsplit("/", 1)[-1],
        "keyId": args["keyId"],
        "keyUsage": key["KeyUsage"],
        "publicKey": _base64(der),
        "publicKeyPem": _pem(der),
        "region": args.get("region") or call.cloud.region,
        "signingAlgorithms": key.get("SigningAlgorithms", []),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _pem(der: bytes) -> str:
    """SubjectPublicKeyInfo as PEM (RFC 7468), lines of 64, as Go's encoding/pem writes it."""
    text = _base64(der)
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


GET_PUBLIC_KEY = Function(
    "aws:kms/getPublicKey:getPublicKey",
    inputs={"keyId": req(STR), "grantTokens": opt(list_of(STR)), "region": opt(STR)},
    outputs=frozenset(
        {
            "arn",
            "customerMasterKeySpec",
            "encryptionAlgorithms",
            "grantTokens",
            "id",
            "keyId",
            "keyUsage",
            "publicKey",
            "publicKeyPem",
            "region",
            "signingAlgorithms",
        }
    ),
    invoke=_get_public_key,
)

RESOURCES = table(_KEY)
