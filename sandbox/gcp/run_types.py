"""Cloud Run services. Source: hashicorp/terraform-provider-google, services/cloudrunv2."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sandbox.gcp.cloud import labels
from sandbox.gcp.kms_types import refuse_deletion
from sandbox.plugin.spec import (
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

_INGRESS = choice(
    "INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
)


def _faults(inputs: Props) -> Iterator[Fault]:
    template = inputs.get("template")
    containers = template.get("containers") if isinstance(template, dict) else None
    if not isinstance(containers, list) or len(containers) != 1:
        yield Fault("template.containers", "must be one: the sandbox runs no side-cars")
        return
    container = containers[0]
    if isinstance(container, dict) and "@sha256:" in str(container.get("image")):
        return
    for name in ("sourceCode", "baseImageUri", "commands"):
        if isinstance(container, dict) and not container.get(name):
            yield Fault(
                f"template.containers[0].{name}",
                "is missing, and the image is not named by its digest",
            )


def _create(call: Call, inputs: Props) -> str:
    name = f"projects/{inputs['project']}/locations/{inputs['location']}/services/{inputs['name']}"
    call.cloud.create("service", name, inputs)
    return name


def _read(call: Call, name: str, known: Props) -> State | None:
    found = call.cloud.read("service", name)
    if found is None:
        return None
    inputs, uri = found["inputs"], f"http://127.0.0.1:{found['port']}"
    _, project, _, location, _, short = name.split("/")
    made = datetime.fromtimestamp(found["created"], UTC).isoformat()
    revision = f"projects/{project}/locations/{location}/services/{short}/revisions/{short}"
    same = ("description", "scaling")
    told = {
        "name": short,
        "location": location,
        "project": project,
        "createTime": made,
        "ingress": inputs.get("ingress", "INGRESS_TRAFFIC_ALL"),
        "invokerIamDisabled": inputs.get("invokerIamDisabled", False),
        "latestReadyRevision": revision,
        "latestCreatedRevision": revision,
        "reconciling": False,
        "template": inputs["template"],
        "uid": name,
        "updateTime": made,
        "uri": uri,
        "urls": [uri],
    }
    return State(name, {**told, **{k: inputs[k] for k in same if k in inputs}, **labels(inputs)})


def _update(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    call.cloud.change("service", name, new)


def _delete(call: Call, name: str, state: Props) -> None:
    if state.get("deletionProtection", True):
        msg = "cannot destroy the service while its deletionProtection is true"
        raise PermissionError(msg)
    if not refuse_deletion(state):
        call.cloud.delete("service", name)


_CONTAINER = obj(
    args=opt(list_of(STR)),
    baseImageUri=opt(STR),
    commands=opt(list_of(STR)),
    envs=opt(list_of(obj(name=req(STR), value=opt(STR)))),
    image=req(STR),
    ports=opt(obj(containerPort=opt(INT), name=opt(STR)), computed=True),
    resources=opt(
        obj(cpuIdle=opt(BOOL), limits=opt(map_of(STR)), startupCpuBoost=opt(BOOL)), computed=True
    ),
    sourceCode=opt(
        obj(
            cloudStorageSource=opt(
                obj(bucket=req(STR), generation=opt(STR, computed=True), object=req(STR))
            )
        )
    ),
    startupProbe=opt(
        obj(
            failureThreshold=opt(INT),
            httpGet=opt(obj(path=opt(STR), port=opt(INT))),
            periodSeconds=opt(INT),
            timeoutSeconds=opt(INT),
        ),
        computed=True,
    ),
)

_SERVICE = Resource(
    "gcp:cloudrunv2/service:Service",
    inputs={
        "deletionProtection": opt(BOOL, default=True, kept=True),
        "description": opt(STR),
        "ingress": opt(_INGRESS, computed=True),
        "invokerIamDisabled": opt(BOOL, default=False),
        "labels": opt(map_of(STR)),
        "location": req(STR, replace=True),
        "name": opt(STR, replace=True),
        "project": opt(STR, replace=True, computed=True),
        "template": req(
            obj(
                containers=opt(list_of(_CONTAINER)),
                maxInstanceRequestConcurrency=opt(INT, computed=True),
                scaling=opt(
                    obj(maxInstanceCount=opt(INT), minInstanceCount=opt(INT)), computed=True
                ),
                serviceAccount=opt(STR, computed=True),
                timeout=opt(STR, computed=True),
            )
        ),
    },
    outputs=frozenset(
        {
            "createTime",
            "effectiveLabels",
            "latestCreatedRevision",
            "latestReadyRevision",
            "pulumiLabels",
            "reconciling",
            "uid",
            "updateTime",
            "uri",
            "urls",
        }
    ),
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
    validate=_faults,
    unsettled={"effectiveLabels": frozenset({"labels"}), "pulumiLabels": frozenset({"labels"})},
)

RESOURCES = table(_SERVICE)
