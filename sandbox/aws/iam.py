"""IAM roles and their policies. ministack keeps them and does not enforce them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from sandbox.aws.cloud import Aws, absent, parse_id, present, tag_changes
from sandbox.plugin.spec import (
    BOOL,
    INT,
    JSON,
    STR,
    Autoname,
    Call,
    Resource,
    State,
    map_of,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props

_GONE = ("NoSuchEntity",)


def _iam(call: Call) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("iam")


def _text(document: Any) -> str:
    """A policy document as text; IAM gives it URL-encoded, and botocore may have parsed it."""
    return unquote(document) if isinstance(document, str) else json.dumps(document, sort_keys=True)


def _tags(inputs: Props) -> list[dict[str, str]]:
    return [{"Key": k, "Value": v} for k, v in (inputs.get("tags") or {}).items()]


def _tags_in(found: Props) -> dict[str, str]:
    return {t["Key"]: t["Value"] for t in found.get("Tags") or []}


# Roles. internal/service/iam/role.go


def _create_role(call: Call, inputs: Props) -> str:
    name = str(inputs["name"])
    _iam(call).create_role(
        RoleName=name,
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        **present(
            Path=inputs.get("path"),
            Description=inputs.get("description"),
            MaxSessionDuration=inputs.get("maxSessionDuration"),
            PermissionsBoundary=inputs.get("permissionsBoundary"),
            Tags=_tags(inputs) or None,
        ),
    )
    return name


def _read_role(call: Call, name: str, known: Props) -> State | None:
    role: Props | None = None
    with absent(*_GONE):
        role = _iam(call).get_role(RoleName=name)["Role"]
    if role is None:
        return None
    tags = _tags_in(role)
    return State(
        name,
        present(
            name=name,
            arn=role["Arn"],
            assumeRolePolicy=_text(role["AssumeRolePolicyDocument"]),
            createDate=role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            description=role.get("Description", ""),
            maxSessionDuration=role.get("MaxSessionDuration", 3600),
            path=role.get("Path", "/"),
            permissionsBoundary=(role.get("PermissionsBoundary") or {}).get(
                "PermissionsBoundaryArn"
            ),
            tags=tags,
            tagsAll=tags,
            uniqueId=role["RoleId"],
        ),
    )


def _update_role(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    iam = _iam(call)
    if "assumeRolePolicy" in changed:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=new["assumeRolePolicy"])
    if changed & {"description", "maxSessionDuration"}:
        iam.update_role(
            RoleName=name,
            Description=new.get("description", ""),
            MaxSessionDuration=new.get("maxSessionDuration", 3600),
        )
    if "permissionsBoundary" in changed:
        if new.get("permissionsBoundary"):
            iam.put_role_permissions_boundary(
                RoleName=name, PermissionsBoundary=new["permissionsBoundary"]
            )
        else:
            iam.delete_role_permissions_boundary(RoleName=name)
    if "tags" in changed:
        _, dropped = tag_changes(old, new)
        if _tags(new):
            iam.tag_role(RoleName=name, Tags=_tags(new))
        if dropped:
            iam.untag_role(RoleName=name, TagKeys=dropped)


def _delete_role(call: Call, name: str, state: Props) -> None:
    iam = _iam(call)
    with absent(*_GONE):
        if state.get("forceDetachPolicies"):
            for held in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=name, PolicyArn=held["PolicyArn"])
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


_ROLE = Resource(
    "aws:iam/role:Role",
    inputs={
        "assumeRolePolicy": req(JSON),
        "description": opt(STR, default=""),
        "forceDetachPolicies": opt(BOOL, default=False, kept=True),
        "maxSessionDuration": opt(INT, default=3600),
        "name": opt(STR, replace=True),
        "path": opt(STR, replace=True, default="/"),
        "permissionsBoundary": opt(STR),
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset({"arn", "createDate", "tagsAll", "uniqueId"}),
    create=_create_role,
    read=_read_role,
    update=_update_role,
    delete=_delete_role,
    autoname=Autoname("name", 64),
    unsettled={"tagsAll": frozenset({"tags"})},
)


# Inline policies of a role. internal/service/iam/role_policy.go


def _put_role_policy(call: Call, inputs: Props) -> str:
    iam = _iam(call)
    iam.get_role(RoleName=inputs["role"])
    iam.put_role_policy(
        RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
    )
    return f"{inputs['role']}:{inputs['name']}"


def _read_role_policy(call: Call, policy_id: str, known: Props) -> State | None:
    role, name = parse_id(policy_id, 2, "role:policy", ":")
    found: Props | None = None
    with absent(*_GONE):
        found = _iam(call).get_role_policy(RoleName=role, PolicyName=name)
    if found is None:
        return None
    return State(policy_id, {"role": role, "name": name, "policy": _text(found["PolicyDocument"])})


def _update_role_policy(
    call: Call,
    policy_id: str,
    old: Props,
    new: Props,
    changed: frozenset[str],
) -> None:
    role, name = parse_id(policy_id, 2, "role:policy", ":")
    _put_role_policy(call, {**new, "role": role, "name": name})


def _delete_role_policy(call: Call, policy_id: str, state: Props) -> None:
    role, name = parse_id(policy_id, 2, "role:policy", ":")
    with absent(*_GONE):
        _iam(call).delete_role_policy(RoleName=role, PolicyName=name)


_ROLE_POLICY = Resource(
    "aws:iam/rolePolicy:RolePolicy",
    inputs={
        "name": opt(STR, replace=True),
        "policy": req(JSON),
        "role": req(STR, replace=True),
    },
    outputs=frozenset(),
    create=_put_role_policy,
    read=_read_role_policy,
    update=_update_role_policy,
    delete=_delete_role_policy,
    autoname=Autoname("name", 128),
)


RESOURCES = table(_ROLE, _ROLE_POLICY)
