"""Buckets and objects. Source: hashicorp/terraform-provider-google, services/storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.gcp.cloud import labels
from sandbox.gcp.kms_types import DELETION, refuse_deletion
from sandbox.plugin.content import asset_bytes
from sandbox.plugin.spec import (
    ASSET,
    BOOL,
    INT,
    STR,
    Call,
    Fault,
    Resource,
    State,
    choice,
    list_of,
    map_of,
    obj,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props

_API = "https://www.googleapis.com/storage/v1/b"


def _create_bucket(call: Call, inputs: Props) -> str:
    call.cloud.create("bucket", inputs["name"], inputs)
    return str(inputs["name"])


def _read_bucket(call: Call, name: str, known: Props) -> State | None:
    found = call.cloud.read("bucket", name)
    if found is None:
        return None
    inputs = found["inputs"]
    same = ("lifecycleRules", "softDeletePolicy", "versioning")
    return State(
        name,
        {
            "name": name,
            "location": inputs["location"],
            "project": inputs.get("project"),
            "projectNumber": 0,
            "publicAccessPrevention": inputs.get("publicAccessPrevention", "inherited"),
            "uniformBucketLevelAccess": inputs.get("uniformBucketLevelAccess", False),
            "storageClass": inputs.get("storageClass", "STANDARD"),
            "selfLink": f"{_API}/{name}",
            "url": f"gs://{name}",
            **{key: inputs[key] for key in same if key in inputs},
            **labels(inputs),
        },
    )


def _update_bucket(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    call.cloud.change("bucket", name, new)


def _delete_bucket(call: Call, name: str, state: Props) -> None:
    if refuse_deletion(state):
        return
    if state.get("forceDestroy"):
        call.cloud.empty(name)
    call.cloud.delete("bucket", name)


_BUCKET = Resource(
    "gcp:storage/bucket:Bucket",
    inputs={
        "deletionPolicy": opt(DELETION, default="DELETE", kept=True),
        "forceDestroy": opt(BOOL, default=False, kept=True),
        "labels": opt(map_of(STR)),
        "lifecycleRules": opt(
            list_of(
                obj(
                    action=req(obj(type=req(STR), storageClass=opt(STR))),
                    condition=req(
                        obj(daysSinceNoncurrentTime=opt(INT), age=opt(INT), withState=opt(STR))
                    ),
                )
            )
        ),
        "location": req(STR, replace=True),
        "name": opt(STR, replace=True),
        "project": opt(STR, replace=True, computed=True),
        "publicAccessPrevention": opt(choice("inherited", "enforced"), computed=True),
        "softDeletePolicy": opt(obj(retentionDurationSeconds=opt(INT)), computed=True),
        "storageClass": opt(STR, replace=True, default="STANDARD"),
        "uniformBucketLevelAccess": opt(BOOL, computed=True),
        "versioning": opt(obj(enabled=req(BOOL)), computed=True),
    },
    outputs=frozenset({"effectiveLabels", "projectNumber", "pulumiLabels", "selfLink", "url"}),
    create=_create_bucket,
    read=_read_bucket,
    update=_update_bucket,
    delete=_delete_bucket,
    unsettled={"effectiveLabels": frozenset({"labels"}), "pulumiLabels": frozenset({"labels"})},
)


def _object_faults(inputs: Props) -> Iterator[Fault]:
    if (inputs.get("content") is None) == (inputs.get("source") is None):
        yield Fault("content", "or source must be given, and not both")


def _digest(call: Call, inputs: Props) -> str:
    source, content = inputs.get("source"), inputs.get("content")
    data = asset_bytes(source) if source is not None else str(content).encode()
    digest: str = call.cloud.keep(data)
    return digest


def _told(inputs: Props) -> Props:
    return {name: value for name, value in inputs.items() if name not in ("source", "content")}


def _create_object(call: Call, inputs: Props) -> str:
    bucket, name = inputs["bucket"], inputs["name"]
    call.cloud.create("object", f"{bucket}/{name}", _told(inputs), _digest(call, inputs))
    return f"{bucket}-{name}"


def _read_object(call: Call, id_: str, known: Props) -> State | None:
    bucket, name = known.get("bucket"), known.get("name")
    if bucket is None:
        msg = f"an object is not imported by its id {id_!r}"
        raise ValueError(msg)
    found: Any = call.cloud.read("object", f"{bucket}/{name}")
    if found is None:
        return None
    stored = found["stored"]
    return State(
        id_,
        {
            "bucket": bucket,
            "name": name,
            "outputName": name,
            "contentType": stored["contentType"],
            "cacheControl": stored["cacheControl"],
            "crc32c": stored["crc32c"],
            "detectMd5hash": stored["md5"],
            "generation": int(stored["generation"]),
            "md5hash": stored["md5"],
            "md5hexhash": stored["md5hex"],
            "mediaLink": f"{_API}/{bucket}/o/{name}?alt=media",
            "selfLink": f"{_API}/{bucket}/o/{name}",
        },
    )


_CONTENT = frozenset({"content", "source"})


def _update_object(call: Call, id_: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    digest = _digest(call, new) if changed & _CONTENT else None
    call.cloud.change("object", f"{new['bucket']}/{new['name']}", _told(new), digest)


def _delete_object(call: Call, id_: str, state: Props) -> None:
    if not refuse_deletion(state):
        call.cloud.delete("object", f"{state['bucket']}/{state['name']}")


_MADE_OF_CONTENT = _CONTENT | {"cacheControl", "contentType"}

_OBJECT = Resource(
    "gcp:storage/bucketObject:BucketObject",
    inputs={
        "bucket": req(STR, replace=True),
        # resource_storage_bucket_object.go: content alone changes in place.
        "cacheControl": opt(STR, replace=True, computed=True),
        "content": opt(STR, kept=True),
        "contentType": opt(STR, replace=True, computed=True),
        "deletionPolicy": opt(DELETION, default="DELETE", kept=True),
        "detectMd5hash": opt(STR, computed=True),
        "name": opt(STR, replace=True),
        "source": opt(ASSET, replace=True, kept=True),
    },
    outputs=frozenset(
        {"crc32c", "generation", "md5hash", "md5hexhash", "mediaLink", "outputName", "selfLink"}
    ),
    create=_create_object,
    read=_read_object,
    update=_update_object,
    delete=_delete_object,
    validate=_object_faults,
    # pulumi-gcp, issue 152: else the old one's deletion took the new one of the same name.
    delete_before_replace=True,
    unsettled=dict.fromkeys(
        ("crc32c", "detectMd5hash", "generation", "md5hash", "md5hexhash"), _MADE_OF_CONTENT
    ),
)

RESOURCES = table(_BUCKET, _OBJECT)
