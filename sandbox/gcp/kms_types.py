"""Cloud KMS: rings and keys can never be deleted, and a deleted version waits for its destruction.

Source of ids and of what replaces: hashicorp/terraform-provider-google, services/kms.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.gcp.cloud import Gcp, labels
from sandbox.gcp.kms import ALGORITHMS
from sandbox.plugin.spec import (
    BOOL,
    INT,
    STR,
    Call,
    Fault,
    Function,
    Resource,
    State,
    choice,
    map_of,
    obj,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props

DELETION = choice("DELETE", "PREVENT", "ABANDON")
_NAME = 63


def _gcp(call: Call) -> Gcp:
    cloud: Gcp = call.cloud
    return cloud


def refuse_deletion(state: Props) -> bool:
    """Whether a delete is only to forget; raises where the policy prevents it."""
    policy = state.get("deletionPolicy", "DELETE")
    if policy == "PREVENT":
        msg = "cannot destroy it while its deletionPolicy is PREVENT: change that first"
        raise PermissionError(msg)
    return bool(policy == "ABANDON")


def _ring_id(inputs: Props) -> str:
    return f"projects/{inputs['project']}/locations/{inputs['location']}/keyRings/{inputs['name']}"


def _create_ring(call: Call, inputs: Props) -> str:
    name = _ring_id(inputs)
    _gcp(call).create("ring", name, inputs)
    return name


def _read_ring(call: Call, name: str, known: Props) -> State | None:
    if _gcp(call).read("ring", name) is None:
        return None
    _, project, _, location, _, ring = name.split("/")
    return State(name, {"name": ring, "location": location, "project": project})


def _delete_ring(call: Call, name: str, state: Props) -> None:
    """Google keeps it for good."""


_RING = Resource(
    "gcp:kms/keyRing:KeyRing",
    inputs={
        "location": req(STR, replace=True),
        "name": opt(STR, replace=True),
        "project": opt(STR, replace=True, computed=True),
    },
    outputs=frozenset(),
    create=_create_ring,
    read=_read_ring,
    delete=_delete_ring,
)


def _key_faults(inputs: Props) -> Iterator[Fault]:
    if inputs.get("rotationPeriod"):
        yield Fault("rotationPeriod", "is for symmetric keys alone")
    name = inputs.get("name")
    if isinstance(name, str) and len(name) > _NAME:
        yield Fault("name", f"is longer than {_NAME} characters")


def _create_key(call: Call, inputs: Props) -> str:
    name = f"{inputs['keyRing']}/cryptoKeys/{inputs['name']}"
    _gcp(call).create("key", name, inputs)
    return name


def _read_key(call: Call, name: str, known: Props) -> State | None:
    found = _gcp(call).read("key", name)
    if found is None:
        return None
    inputs = found["inputs"]
    ring, _, short = name.rpartition("/cryptoKeys/")
    told: Props = {
        "name": short,
        "keyRing": ring,
        "primaries": [],
        "purpose": inputs["purpose"],
        "versionTemplate": inputs.get("versionTemplate"),
        "destroyScheduledDuration": inputs.get("destroyScheduledDuration", "2592000s"),
        "importOnly": False,
        **labels(inputs),
    }
    return State(name, told)


def _update_key(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    _gcp(call).change("key", name, new)


def _delete_key(call: Call, name: str, state: Props) -> None:
    if not refuse_deletion(state):
        _gcp(call).delete("key", name)


_KEY = Resource(
    "gcp:kms/cryptoKey:CryptoKey",
    inputs={
        "deletionPolicy": opt(DELETION, default="DELETE", kept=True),
        "destroyScheduledDuration": opt(STR, replace=True, computed=True),
        "keyRing": req(STR, replace=True),
        "labels": opt(map_of(STR)),
        "name": opt(STR, replace=True),
        "purpose": opt(choice("ASYMMETRIC_SIGN"), replace=True),
        "rotationPeriod": opt(STR),
        "skipInitialVersionCreation": opt(BOOL, replace=True, default=False, kept=True),
        "versionTemplate": opt(
            obj(
                algorithm=req(choice(*ALGORITHMS)),
                protectionLevel=opt(choice("SOFTWARE", "HSM"), replace=True, default="SOFTWARE"),
            ),
            computed=True,
        ),
    },
    outputs=frozenset({"effectiveLabels", "primaries", "pulumiLabels"}),
    create=_create_key,
    read=_read_key,
    update=_update_key,
    delete=_delete_key,
    validate=_key_faults,
    unsettled={"effectiveLabels": frozenset({"labels"}), "pulumiLabels": frozenset({"labels"})},
)


def _create_version(call: Call, inputs: Props) -> str:
    return str(_gcp(call).create("version", inputs["cryptoKey"], inputs)["name"])


def _read_version(call: Call, name: str, known: Props) -> State | None:
    found = _gcp(call).read("version", name)
    if found is None or found["state"].startswith("DESTROY"):
        return None
    return State(
        name,
        {
            "algorithm": found["algorithm"],
            "attestations": [],
            "cryptoKey": name.rpartition("/cryptoKeyVersions/")[0],
            "generateTime": _time(found["created"]),
            "name": name,
            "protectionLevel": found["protectionLevel"],
            "state": found["state"],
        },
    )


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _update_version(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    if "state" in changed:
        _gcp(call).change("version", name, new)


def _delete_version(call: Call, name: str, state: Props) -> None:
    if not refuse_deletion(state):
        _gcp(call).delete("version", name)


_VERSION = Resource(
    "gcp:kms/cryptoKeyVersion:CryptoKeyVersion",
    inputs={
        "cryptoKey": req(STR, replace=True),
        "deletionPolicy": opt(DELETION, default="DELETE", kept=True),
        "state": opt(choice("ENABLED", "DISABLED"), computed=True),
    },
    outputs=frozenset({"algorithm", "attestations", "generateTime", "name", "protectionLevel"}),
    create=_create_version,
    read=_read_version,
    update=_update_version,
    delete=_delete_version,
)


def _get_version(call: Call, args: Props) -> Props:
    number = args.get("version", 1)
    name = f"{args['cryptoKey']}/cryptoKeyVersions/{number}"
    found: Any = _gcp(call).read("version", name)
    if found is None:
        msg = f"CryptoKeyVersion {name} not found"
        raise LookupError(msg)
    enabled = found["state"] == "ENABLED"
    return {
        "algorithm": found["algorithm"],
        "cryptoKey": args["cryptoKey"],
        "id": f"//cloudkms.googleapis.com/v1/{name}",
        "name": name,
        "protectionLevel": found["protectionLevel"],
        "publicKeys": [{"algorithm": found["algorithm"], "pem": found["pem"]}] if enabled else [],
        "state": found["state"],
        "version": number,
    }


GET_VERSION = Function(
    "gcp:kms/getKMSCryptoKeyVersion:getKMSCryptoKeyVersion",
    inputs={"cryptoKey": req(STR), "version": opt(INT)},
    outputs=frozenset(
        {
            "algorithm",
            "cryptoKey",
            "id",
            "name",
            "protectionLevel",
            "publicKeys",
            "state",
            "version",
        }
    ),
    invoke=_get_version,
)

RESOURCES = table(_RING, _KEY, _VERSION)
