"""S3 buckets, their settings and their objects.

ministack keeps a bucket's policy and public access block and enforces neither.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from sandbox.aws.cloud import Aws, absent, code_of, present, region_of
from sandbox.plugin.content import asset_bytes
from sandbox.plugin.spec import (
    ASSET,
    BOOL,
    INT,
    JSON,
    STR,
    Autoname,
    Call,
    Fault,
    Prop,
    Resource,
    State,
    choice,
    list_of,
    map_of,
    obj,
    opt,
    req,
    set_of,
    table,
)
from sandbox.plugin.values import Props

_NO_BUCKET = ("NoSuchBucket", "404")
_REGION = opt(STR, replace=True, computed=True)
_BUCKET = req(STR, replace=True)


def _s3(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("s3", props.get("region"))


# Buckets. internal/service/s3/bucket.go


def _create_bucket(call: Call, inputs: Props) -> str:
    s3, name, region = _s3(call, inputs), inputs["bucket"], region_of(call, inputs)
    # In us-east-1 AWS answers 200 to an owner who creates a bucket twice (S3 API reference,
    # CreateBucket, BucketAlreadyOwnedByYou); Terraform's provider refuses that, and so do we.
    if _exists(s3, name):
        msg = f"BucketAlreadyOwnedByYou: the bucket {name} exists already"
        raise FileExistsError(msg)
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(
        **present(
            Bucket=name,
            CreateBucketConfiguration=where or None,
            ObjectLockEnabledForBucket=inputs.get("objectLockEnabled"),
        )
    )
    call.made(name)
    _tag_bucket(s3, name, inputs)
    return str(name)


def _exists(s3: Any, name: str) -> bool:
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if code_of(error) in _NO_BUCKET:
            return False
        raise
    return True


def _tag_bucket(s3: Any, name: str, inputs: Props) -> None:
    tags = inputs.get("tags") or {}
    if tags:
        tag_set = [{"Key": k, "Value": v} for k, v in tags.items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
    else:
        with absent("NoSuchTagSet"):
            s3.delete_bucket_tagging(Bucket=name)


def _read_bucket(call: Call, name: str, known: Props) -> State | None:
    s3, region = _s3(call, known), region_of(call, known)
    if not _exists(s3, name):
        return None
    tags: dict[str, str] = {}
    with absent("NoSuchTagSet"):
        tags = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    lock = False
    with absent("ObjectLockConfigurationNotFoundError"):
        found = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
        lock = found.get("ObjectLockEnabled") == "Enabled"
    return State(
        name,
        {
            "bucket": name,
            "arn": f"arn:aws:s3:::{name}",
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "bucketRegion": region,
            "objectLockEnabled": lock,
            "region": region,
            "tags": tags,
            "tagsAll": tags,
        },
    )


def _update_bucket(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    if "tags" in changed:
        _tag_bucket(_s3(call, old), name, new)


def _delete_bucket(call: Call, name: str, state: Props) -> None:
    s3 = _s3(call, state)
    with absent(*_NO_BUCKET):
        if state.get("forceDestroy"):
            _empty(s3, name)
        s3.delete_bucket(Bucket=name)


def _empty(s3: Any, name: str) -> None:
    """Remove every version and delete marker, as Terraform's force_destroy does."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for entry in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=entry["Key"])


def _bucket_faults(inputs: Props) -> Iterator[Fault]:
    name = inputs.get("bucket")
    if isinstance(name, str) and not 3 <= len(name) <= 63:  # noqa: PLR2004 - S3's own limits
        yield Fault("bucket", f"must be 3 to 63 characters long, not {len(name)}")


_BUCKET_TYPE = Resource(
    "aws:s3/bucket:Bucket",
    inputs={
        "bucket": opt(STR, replace=True),
        "forceDestroy": opt(BOOL, default=False, kept=True),
        "objectLockEnabled": opt(BOOL, replace=True, default=False),
        "region": _REGION,
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset(
        {"arn", "bucketDomainName", "bucketRegionalDomainName", "bucketRegion", "tagsAll"}
    ),
    create=_create_bucket,
    read=_read_bucket,
    update=_update_bucket,
    delete=_delete_bucket,
    autoname=Autoname("bucket", 63, lower=True),
    validate=_bucket_faults,
    unsettled={"tagsAll": frozenset({"tags"})},
)


# Settings of a bucket: each is put as a whole, and its id is the bucket's name.

Put = Callable[[Any, str, Props], None]
Get = Callable[[Any, str], Props | None]
Drop = Callable[[Any, str], None]


def _setting(
    token: str, inputs: dict[str, Prop], put: Put, get: Get, drop: Drop, *absent_codes: str
) -> Resource:
    def create(call: Call, props: Props) -> str:
        put(_s3(call, props), props["bucket"], props)
        return str(props["bucket"])

    def read(call: Call, name: str, known: Props) -> State | None:
        found: Props | None = None
        with absent(*_NO_BUCKET, *absent_codes):
            found = get(_s3(call, known), name)
        if found is None:
            return None
        return State(name, {"bucket": name, "region": region_of(call, known), **found})

    def update(
        call: Call,
        name: str,
        old: Props,
        new: Props,
        changed: frozenset[str],
    ) -> None:
        put(_s3(call, old), name, new)

    def delete(call: Call, name: str, state: Props) -> None:
        with absent(*_NO_BUCKET, *absent_codes):
            drop(_s3(call, state), name)

    return Resource(
        token=token,
        inputs={"bucket": _BUCKET, "region": _REGION, **inputs},
        outputs=frozenset(),
        create=create,
        read=read,
        update=update,
        delete=delete,
        delete_before_replace=True,
    )


_BLOCKS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


def _put_block(s3: Any, name: str, props: Props) -> None:
    wanted = {api: bool(props.get(ours, False)) for ours, api in _BLOCKS.items()}
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=wanted)


def _get_block(s3: Any, name: str) -> Props:
    found = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return {ours: bool(found.get(api, False)) for ours, api in _BLOCKS.items()}


def _get_versioning(s3: Any, name: str) -> Props:
    found = s3.get_bucket_versioning(Bucket=name)
    return {"versioningConfiguration": {"status": found.get("Status", "Disabled")}}


def _put_versioning(s3: Any, name: str, props: Props) -> None:
    status = props["versioningConfiguration"]["status"]
    if status != "Disabled":
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})


def _suspend_versioning(s3: Any, name: str) -> None:
    """Versioning cannot be removed, only suspended; Terraform's provider does the same."""
    if s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled":
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})


def _put_encryption(s3: Any, name: str, props: Props) -> None:
    rules = []
    for rule in props["rules"]:
        by_default = rule.get("applyServerSideEncryptionByDefault") or {}
        rules.append(
            present(
                ApplyServerSideEncryptionByDefault=present(
                    SSEAlgorithm=by_default.get("sseAlgorithm"),
                    KMSMasterKeyID=by_default.get("kmsMasterKeyId"),
                )
                or None,
                BucketKeyEnabled=rule.get("bucketKeyEnabled"),
            )
        )
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})


def _get_encryption(s3: Any, name: str) -> Props:
    found = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    return {"rules": [_encryption_rule(rule) for rule in found]}


def _encryption_rule(rule: Props) -> Props:
    by_default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return present(
        applyServerSideEncryptionByDefault=present(
            sseAlgorithm=by_default.get("SSEAlgorithm"),
            kmsMasterKeyId=by_default.get("KMSMasterKeyID"),
        )
        or None,
        bucketKeyEnabled=rule.get("BucketKeyEnabled"),
    )


def _put_ownership(s3: Any, name: str, props: Props) -> None:
    rule = {"ObjectOwnership": props["rule"]["objectOwnership"]}
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [rule]})


def _get_ownership(s3: Any, name: str) -> Props:
    rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    return {"rule": {"objectOwnership": rules[0]["ObjectOwnership"]}}


def _put_lifecycle(s3: Any, name: str, props: Props) -> None:
    rules = [_lifecycle_out(rule) for rule in props.get("rules") or []]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def _lifecycle_out(rule: Props) -> Props:
    old = rule.get("noncurrentVersionExpiration") or {}
    current = rule.get("expiration") or {}
    uploads = rule.get("abortIncompleteMultipartUpload") or {}
    return present(
        ID=rule["id"],
        Status=rule["status"],
        Filter={"Prefix": (rule.get("filter") or {}).get("prefix", "")},
        NoncurrentVersionExpiration=present(
            NoncurrentDays=old.get("noncurrentDays"),
            NewerNoncurrentVersions=old.get("newerNoncurrentVersions"),
        )
        or None,
        Expiration=present(
            Days=current.get("days"),
            ExpiredObjectDeleteMarker=current.get("expiredObjectDeleteMarker"),
        )
        or None,
        AbortIncompleteMultipartUpload=present(
            DaysAfterInitiation=uploads.get("daysAfterInitiation")
        )
        or None,
    )


def _get_lifecycle(s3: Any, name: str) -> Props:
    found = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return {"rules": [_lifecycle_in(rule) for rule in found]}


def _lifecycle_in(rule: Props) -> Props:
    old = rule.get("NoncurrentVersionExpiration") or {}
    current = rule.get("Expiration") or {}
    uploads = rule.get("AbortIncompleteMultipartUpload") or {}
    prefix = (rule.get("Filter") or {}).get("Prefix") or rule.get("Prefix") or ""
    return present(
        id=rule["ID"],
        status=rule["Status"],
        filter={"prefix": prefix} if prefix else None,
        noncurrentVersionExpiration=present(
            noncurrentDays=old.get("NoncurrentDays"),
            newerNoncurrentVersions=old.get("NewerNoncurrentVersions"),
        )
        or None,
        expiration=present(
            days=current.get("Days"),
            expiredObjectDeleteMarker=current.get("ExpiredObjectDeleteMarker"),
        )
        or None,
        abortIncompleteMultipartUpload=present(
            daysAfterInitiation=uploads.get("DaysAfterInitiation")
        )
        or None,
    )


_LIFECYCLE_RULE = obj(
    id=req(STR),
    status=req(choice("Enabled", "Disabled")),
    filter=opt(obj(prefix=opt(STR, default=""))),
    noncurrentVersionExpiration=opt(obj(noncurrentDays=req(INT), newerNoncurrentVersions=opt(INT))),
    expiration=opt(obj(days=opt(INT), expiredObjectDeleteMarker=opt(BOOL))),
    abortIncompleteMultipartUpload=opt(obj(daysAfterInitiation=opt(INT))),
)

_SETTINGS = (
    _setting(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {ours: opt(BOOL, default=False) for ours in _BLOCKS},
        _put_block,
        _get_block,
        lambda s3, name: s3.delete_public_access_block(Bucket=name),
        "NoSuchPublicAccessBlockConfiguration",
    ),
    _setting(
        "aws:s3/bucketPolicy:BucketPolicy",
        {"policy": req(JSON)},
        lambda s3, name, props: s3.put_bucket_policy(Bucket=name, Policy=props["policy"]),
        lambda s3, name: {"policy": s3.get_bucket_policy(Bucket=name)["Policy"]},
        lambda s3, name: s3.delete_bucket_policy(Bucket=name),
        "NoSuchBucketPolicy",
    ),
    _setting(
        "aws:s3/bucketVersioning:BucketVersioning",
        {
            "versioningConfiguration": req(
                obj(status=req(choice("Enabled", "Suspended", "Disabled")))
            )
        },
        _put_versioning,
        _get_versioning,
        _suspend_versioning,
    ),
    _setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {
            "rules": req(
                set_of(
                    obj(
                        applyServerSideEncryptionByDefault=opt(
                            obj(
                                sseAlgorithm=req(choice("AES256", "aws:kms", "aws:kms:dsse")),
                                kmsMasterKeyId=opt(STR),
                            )
                        ),
                        bucketKeyEnabled=opt(BOOL, default=False),
                    )
                )
            )
        },
        _put_encryption,
        _get_encryption,
        lambda s3, name: s3.delete_bucket_encryption(Bucket=name),
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    _setting(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {
            "rule": req(
                obj(
                    objectOwnership=req(
                        choice("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
                    )
                )
            )
        },
        _put_ownership,
        _get_ownership,
        lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name),
        "OwnershipControlsNotFoundError",
    ),
    _setting(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {"rules": opt(list_of(_LIFECYCLE_RULE))},
        _put_lifecycle,
        _get_lifecycle,
        lambda s3, name: s3.delete_bucket_lifecycle(Bucket=name),
        "NoSuchLifecycleConfiguration",
    ),
)


# Objects. internal/service/s3/object.go: another bucket or key replaces; content does not.

_HEADERS = {
    "cacheControl": "CacheControl",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "contentLanguage": "ContentLanguage",
    "contentType": "ContentType",
}
_CONTENT = ("content", "contentBase64", "source")


def _object_faults(inputs: Props) -> Iterator[Fault]:
    given = [name for name in _CONTENT if inputs.get(name) is not None]
    if len(given) > 1:
        yield Fault(given[1], f"conflicts with {given[0]}")


def _body(inputs: Props) -> bytes:
    if inputs.get("source") is not None:
        return asset_bytes(inputs["source"])
    if inputs.get("contentBase64") is not None:
        return base64.b64decode(inputs["contentBase64"], validate=True)
    return str(inputs.get("content") or "").encode()


def _put_object(s3: Any, inputs: Props) -> None:
    tags = "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in (inputs.get("tags") or {}).items())
    s3.put_object(
        Bucket=inputs["bucket"],
        Key=inputs["key"],
        Body=_body(inputs),
        **present(
            Metadata=inputs.get("metadata"),
            ServerSideEncryption=inputs.get("serverSideEncryption"),
            SSEKMSKeyId=inputs.get("kmsKeyId"),
            Tagging=tags or None,
            **{api: inputs.get(ours) for ours, api in _HEADERS.items()},
        ),
    )


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _create_object(call: Call, inputs: Props) -> str:
    # PutObject overwrites at AWS too: a second create of a key is a new version, not an error.
    _put_object(_s3(call, inputs), inputs)
    return f"{inputs['bucket']}/{inputs['key']}"


def _read_object(call: Call, object_id: str, known: Props) -> State | None:
    s3 = _s3(call, known)
    plain = object_id.removeprefix("s3://")
    bucket, _, key = plain.partition("/")
    bucket, key = known.get("bucket", bucket), known.get("key", key)
    head: Props | None = None
    with absent(*_NO_BUCKET, "NoSuchKey"):
        head = s3.head_object(Bucket=bucket, Key=key)
    if head is None:
        return None
    tags = {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
    found = {ours: head.get(api) for ours, api in _HEADERS.items()}
    props = present(
        bucket=bucket,
        key=key,
        arn=f"arn:aws:s3:::{bucket}/{key}",
        etag=head["ETag"].strip('"'),
        metadata=head.get("Metadata") or None,
        serverSideEncryption=head.get("ServerSideEncryption"),
        versionId=head.get("VersionId", ""),
        region=region_of(call, known),
        tags=tags or None,
        **found,
    )
    props["tagsAll"] = tags
    return State(f"{bucket}/{key}", {**props, **_drifted_content(s3, known, props)})


def _drifted_content(s3: Any, known: Props, props: Props) -> Props:
    """The text that is there, where the program gave a text: so that a refresh sees it replaced."""
    if known.get("content") is None:
        return {}
    body = s3.get_object(Bucket=props["bucket"], Key=props["key"])["Body"].read()
    return {"content": body.decode("utf-8", errors="replace")}


def _update_object(
    call: Call,
    object_id: str,
    old: Props,
    new: Props,
    changed: frozenset[str],
) -> None:
    _put_object(_s3(call, old), new)


def _delete_object(call: Call, object_id: str, state: Props) -> None:
    s3 = _s3(call, state)
    bucket, key = state.get("bucket"), state.get("key")
    if bucket is None or key is None:
        bucket, _, key = object_id.partition("/")
    with absent(*_NO_BUCKET, "NoSuchKey"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if entry["Key"] == key:
                    s3.delete_object(Bucket=bucket, Key=key, VersionId=entry["VersionId"])
        s3.delete_object(Bucket=bucket, Key=key)
        _drop_marker(s3, bucket, key)


def _drop_marker(s3: Any, bucket: str, key: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for entry in page.get("DeleteMarkers", []):
            if entry["Key"] == key:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=entry["VersionId"])


_OBJECT = Resource(
    "aws:s3/bucketObjectv2:BucketObjectv2",
    inputs={
        "bucket": _BUCKET,
        "key": opt(STR, replace=True),
        "content": opt(STR, kept=True),
        "contentBase64": opt(STR, kept=True),
        "source": opt(ASSET, kept=True),
        "sourceHash": opt(STR, kept=True),
        "kmsKeyId": opt(STR, kept=True),
        "metadata": opt(map_of(STR)),
        "serverSideEncryption": opt(choice("AES256", "aws:kms", "aws:kms:dsse"), computed=True),
        "forceDestroy": opt(BOOL, default=False, kept=True),
        "region": _REGION,
        "tags": opt(map_of(STR)),
        **{ours: opt(STR, computed=ours == "contentType") for ours in _HEADERS},
    },
    outputs=frozenset({"arn", "etag", "versionId", "tagsAll"}),
    create=_create_object,
    read=_read_object,
    update=_update_object,
    delete=_delete_object,
    named_after_resource="key",
    validate=_object_faults,
    unsettled={
        "etag": frozenset(_CONTENT),
        "versionId": frozenset({*_CONTENT, *_HEADERS, "metadata", "tags"}),
        "tagsAll": frozenset({"tags"}),
    },
)

RESOURCES = table(_BUCKET_TYPE, *_SETTINGS, _OBJECT)
