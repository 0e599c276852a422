"""Service accounts, and who has which role where. The fake keeps roles; only public reads count.

Source of ids: hashicorp/terraform-provider-google, services/resourcemanager and tpgiamresource.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sandbox.gcp.kms_types import DELETION, refuse_deletion
from sandbox.plugin.spec import STR, Call, Fault, Resource, State, opt, req, table
from sandbox.plugin.values import Props

_ACCOUNT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


def _email(inputs: Props) -> str:
    return f"{inputs['accountId']}@{inputs['project']}.iam.gserviceaccount.com"


def _account_faults(inputs: Props) -> Iterator[Fault]:
    name = inputs.get("accountId")
    if isinstance(name, str) and not _ACCOUNT.fullmatch(name):
        yield Fault("accountId", f"must have 6 to 30 lower-case letters and digits, not {name!r}")


def _create_account(call: Call, inputs: Props) -> str:
    email = _email(inputs)
    name = f"projects/{inputs['project']}/serviceAccounts/{email}"
    call.cloud.create("account", name, inputs)
    return name


def _read_account(call: Call, name: str, known: Props) -> State | None:
    found = call.cloud.read("account", name)
    if found is None:
        return None
    inputs, email = found["inputs"], name.rpartition("/")[2]
    return State(
        name,
        {
            "accountId": email.partition("@")[0],
            "description": inputs.get("description", ""),
            "displayName": inputs.get("displayName", ""),
            "email": email,
            "member": f"serviceAccount:{email}",
            "name": name,
            "project": name.split("/")[1],
            "uniqueId": found["uniqueId"],
        },
    )


def _update_account(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    call.cloud.change("account", name, new)


def _delete_account(call: Call, name: str, state: Props) -> None:
    if not refuse_deletion(state):
        call.cloud.delete("account", name)


_SERVICE_ACCOUNT = Resource(
    "gcp:serviceaccount/account:Account",
    inputs={
        "accountId": opt(STR, replace=True),
        "deletionPolicy": opt(DELETION, default="DELETE", kept=True),
        "description": opt(STR),
        "displayName": opt(STR),
        "project": opt(STR, replace=True, computed=True),
    },
    outputs=frozenset({"email", "member", "name", "uniqueId"}),
    create=_create_account,
    read=_read_account,
    update=_update_account,
    delete=_delete_account,
    validate=_account_faults,
)


def _member(token: str, target: str, kind: str, shown: Callable[[str], str]) -> Resource:
    """A binding of one role to one member: made again it is the same one, as with Google."""

    def place(of: Props) -> str:
        return f"{kind}:{of[target]}|{of['role']}|{of['member']}"

    def create(call: Call, inputs: Props) -> str:
        call.cloud.create("binding", place(inputs), inputs)
        return f"{shown(inputs[target])}/{inputs['role']}/{inputs['member']}"

    def read(call: Call, binding: str, known: Props) -> State | None:
        if not known or call.cloud.read("binding", place(known)) is None:
            return None
        told = {name: known[name] for name in (target, "role", "member")}
        return State(binding, {**told, "etag": "BwXhqDVyS7A="})

    def delete(call: Call, binding: str, state: Props) -> None:
        call.cloud.delete("binding", place(state))

    return Resource(
        token,
        inputs={
            target: req(STR, replace=True),
            "member": req(STR, replace=True),
            "role": req(STR, replace=True),
        },
        outputs=frozenset({"etag"}),
        create=create,
        read=read,
        delete=delete,
    )


RESOURCES = table(
    _SERVICE_ACCOUNT,
    _member("gcp:serviceaccount/iAMMember:IAMMember", "serviceAccountId", "account", str),
    _member("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "cryptoKeyId", "key", str),
    _member("gcp:storage/bucketIAMMember:BucketIAMMember", "bucket", "bucket", lambda b: f"b/{b}"),
)
