"""Policy documents, from tables: who may do what, and who may not."""

import json
from typing import Any

import pytest

from components.aws import names, policies

ROOT = "arn:aws:iam::111122223333:root"
ADMIN = "arn:aws:iam::111122223333:role/admin"
ISSUER = "arn:aws:iam::111122223333:role/issuer"
BUCKET = "arn:aws:s3:::keys"
OBJECTS = [f"{BUCKET}/.well-known/openid-configuration", f"{BUCKET}/.well-known/jwks.json"]


def statements(document: str) -> list[dict[str, Any]]:
    told = json.loads(document)
    assert told["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = told["Statement"]
    return found


def allowed(document: str, principal: str) -> set[str]:
    """Actions that a document allows a principal."""
    actions: set[str] = set()
    for statement in statements(document):
        names_ = statement["Principal"]
        members = [names_] if names_ == "*" else names_["AWS"]
        if statement["Effect"] == "Allow" and principal in members:
            action = statement["Action"]
            actions |= {action} if isinstance(action, str) else set(action)
    return actions


@pytest.mark.parametrize("administrator", [ROOT, ADMIN])
def test_administrators_manage_a_key_and_can_neither_sign_nor_pass_signing_on(
    administrator: str,
) -> None:
    document = policies.signing_key([administrator], [ISSUER])
    actions = allowed(document, administrator)
    assert {"kms:PutKeyPolicy", "kms:DescribeKey", "kms:DisableKey"} <= actions
    assert {"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:GetPublicKey"} <= actions
    assert not actions & {"kms:Sign", "kms:CreateGrant", "kms:*", "kms:Verify"}
    assert not any("*" in action for action in actions)


def test_the_issuer_signs_and_does_nothing_else() -> None:
    document = policies.signing_key([ADMIN], [ISSUER])
    assert allowed(document, ISSUER) == {"kms:Sign", "kms:GetPublicKey"}


def test_signing_is_denied_to_everybody_but_the_issuer() -> None:
    (denial,) = [
        s for s in statements(policies.signing_key([ROOT], [ISSUER])) if s["Effect"] == "Deny"
    ]
    assert denial["Principal"] == {"AWS": "*"}
    assert denial["Action"] == "kms:Sign"
    assert denial["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [ISSUER]}}


def test_a_key_policy_can_always_be_changed_again() -> None:
    # KMS refuses a policy that would lock its own caller out.
    assert "kms:PutKeyPolicy" in allowed(policies.signing_key([ADMIN], [ISSUER]), ADMIN)


@pytest.mark.parametrize("readers", [[], [ADMIN], [ISSUER, ADMIN]])
def test_a_private_store_is_open_to_its_readers_alone(readers: list[str]) -> None:
    document = policies.private_store(BUCKET, OBJECTS, readers)
    assert allowed(document, "*") == set()
    for reader in readers:
        assert allowed(document, reader) == {"s3:GetObject"}
    opened = [s["Resource"] for s in statements(document) if s["Effect"] == "Allow"]
    assert opened == ([sorted(OBJECTS)] if readers else [])


def test_a_public_store_is_open_for_reading_two_objects_and_not_for_listing() -> None:
    document = policies.public_store(BUCKET, OBJECTS)
    assert allowed(document, "*") == {"s3:GetObject"}
    (opened,) = [s["Resource"] for s in statements(document) if s["Effect"] == "Allow"]
    assert opened == sorted(OBJECTS)


def test_no_store_is_read_without_tls() -> None:
    for document in (
        policies.public_store(BUCKET, OBJECTS),
        policies.private_store(BUCKET, OBJECTS, [ADMIN]),
    ):
        (denial,) = [s for s in statements(document) if s["Effect"] == "Deny"]
        assert denial["Principal"] == "*"
        assert denial["Action"] == "s3:*"
        assert denial["Resource"] == [BUCKET, f"{BUCKET}/*"]
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_same_parts_in_another_order_give_the_same_bytes() -> None:
    assert policies.signing_key([ROOT, ADMIN], [ISSUER]) == policies.signing_key(
        [ADMIN, ROOT], [ISSUER]
    )
    assert policies.issuer(["b", "a"]) == policies.issuer(["a", "b"])
    assert policies.public_store(BUCKET, OBJECTS) == policies.public_store(BUCKET, OBJECTS[::-1])


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:lambda:eu-west-1:1:function:f", ("arn:aws:lambda:eu-west-1:1:function:f", None)),
        ("arn:aws:lambda:eu-west-1:1:function:f:7", ("arn:aws:lambda:eu-west-1:1:function:f", "7")),
    ],
)
def test_a_function_arn_is_split_from_its_qualifier(
    arn: str, expected: tuple[str, str | None]
) -> None:
    assert names.split_qualifier(arn) == expected


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")],
)
def test_arns_carry_their_regions_partition(region: str, partition: str) -> None:
    assert names.bucket_arn("b", region) == f"arn:{partition}:s3:::b"
    assert names.account_root_arn("1", region) == f"arn:{partition}:iam::1:root"
    assert names.execution_arn("a", "1", region) == f"arn:{partition}:execute-api:{region}:1:a"
    assert names.invoke_uri("f", region).startswith(f"arn:{partition}:apigateway:{region}:lambda:")
