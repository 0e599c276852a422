"""Lambda functions, layers and permissions.

ministack really runs the code, in a process of its own Python whatever `runtime` says.
"""

from __future__ import annotations

import json
import time
from typing import Any

from sandbox.aws.cloud import Aws, absent, parse_id, present, region_of, tag_changes
from sandbox.plugin.content import archive_zip
from sandbox.plugin.spec import (
    ARCHIVE,
    BOOL,
    INT,
    STR,
    Autoname,
    Call,
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

_GONE = ("ResourceNotFoundException",)
_REGION = opt(STR, replace=True, computed=True)
_SETTLE_SECONDS = 30.0
_MEMORY, _TIMEOUT = 128, 3


def _lambda(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("lambda", props.get("region"))


def invoke_arn(arn: str, region: str) -> str:
    """The ARN by which API Gateway calls a function."""
    return f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"


# Functions. internal/service/lambda/function.go


def _configuration(inputs: Props) -> dict[str, Any]:
    """What CreateFunction and UpdateFunctionConfiguration share."""
    environment = inputs.get("environment")
    tracing, logs = inputs.get("tracingConfig"), inputs.get("loggingConfig")
    return present(
        Role=inputs["role"],
        Runtime=inputs.get("runtime"),
        Handler=inputs.get("handler"),
        Description=inputs.get("description", ""),
        MemorySize=inputs.get("memorySize", _MEMORY),
        Timeout=inputs.get("timeout", _TIMEOUT),
        Layers=inputs.get("layers") or [],
        Environment={"Variables": (environment or {}).get("variables") or {}},
        KMSKeyArn=inputs.get("kmsKeyArn"),
        TracingConfig={"Mode": tracing["mode"]} if tracing else None,
        LoggingConfig=present(
            LogFormat=logs["logFormat"],
            LogGroup=logs.get("logGroup"),
            ApplicationLogLevel=logs.get("applicationLogLevel"),
            SystemLogLevel=logs.get("systemLogLevel"),
        )
        if logs
        else None,
    )


def _create_function(call: Call, inputs: Props) -> str:
    client, name = _lambda(call, inputs), str(inputs["name"])
    client.create_function(
        FunctionName=name,
        Code={"ZipFile": archive_zip(inputs["code"])},
        **present(
            Architectures=inputs.get("architectures"),
            Publish=inputs.get("publish"),
            Tags=inputs.get("tags"),
        ),
        **_configuration(inputs),
    )
    call.made(name)
    _settle(call, client, name)
    _reserve(client, name, inputs)
    return name


def _reserve(client: Any, name: str, inputs: Props) -> None:
    amount = inputs.get("reservedConcurrentExecutions", -1)
    if amount >= 0:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=amount)
    else:
        client.delete_function_concurrency(FunctionName=name)


def _settle(call: Call, client: Any, name: str) -> None:
    """Wait until the function is active and its last update has ended, as Terraform does."""
    end = time.monotonic() + _SETTLE_SECONDS
    while True:
        found = client.get_function_configuration(FunctionName=name)
        if (
            found.get("State", "Active") == "Active"
            and found.get("LastUpdateStatus", "Successful") == "Successful"
        ):
            return
        if found.get("State") == "Failed" or found.get("LastUpdateStatus") == "Failed":
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason")
            msg = f"the function {name} did not become active: {reason}"
            raise RuntimeError(msg)
        if time.monotonic() > end or call.cancelled.is_set():
            msg = f"the function {name} is not active after {_SETTLE_SECONDS:.0f} s"
            raise TimeoutError(msg)
        time.sleep(0.2)


def _read_function(call: Call, name: str, known: Props) -> State | None:
    client, region = _lambda(call, known), region_of(call, known)
    found: Props | None = None
    with absent(*_GONE):
        found = client.get_function(FunctionName=name)
    if found is None:
        return None
    config, tags = found["Configuration"], found.get("Tags") or {}
    arn, version = config["FunctionArn"], _latest(client, name)
    qualified = f"{arn}:{version}"
    variables = (config.get("Environment") or {}).get("Variables") or {}
    reserved = (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions", -1)
    props = present(
        name=config["FunctionName"],
        arn=arn,
        architectures=config.get("Architectures") or ["x86_64"],
        codeSha256=config["CodeSha256"],
        description=config.get("Description", ""),
        environment={"variables": variables} if variables else None,
        handler=config.get("Handler"),
        invokeArn=invoke_arn(arn, region),
        kmsKeyArn=config.get("KMSKeyArn") or None,
        lastModified=config["LastModified"],
        layers=[layer["Arn"] for layer in config.get("Layers") or []],
        memorySize=config.get("MemorySize", _MEMORY),
        packageType=config.get("PackageType", "Zip"),
        qualifiedArn=qualified,
        qualifiedInvokeArn=invoke_arn(qualified, region),
        region=region,
        reservedConcurrentExecutions=reserved,
        role=config["Role"],
        runtime=config.get("Runtime"),
        sourceCodeSize=config.get("CodeSize"),
        timeout=config.get("Timeout", _TIMEOUT),
        tracingConfig={"mode": (config.get("TracingConfig") or {}).get("Mode", "PassThrough")},
        version=version,
    )
    return State(name, {**props, **_logging(config), "tags": tags, "tagsAll": tags})


def _logging(config: Props) -> Props:
    found = config.get("LoggingConfig")
    if not found:
        return {}
    return {
        "loggingConfig": present(
            logFormat=found.get("LogFormat"),
            logGroup=found.get("LogGroup"),
            applicationLogLevel=found.get("ApplicationLogLevel"),
            systemLogLevel=found.get("SystemLogLevel"),
        )
    }


def _latest(client: Any, name: str) -> str:
    """The newest published version, or `$LATEST`."""
    numbers = [
        int(version["Version"])
        for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        for version in page["Versions"]
        if version["Version"].isdigit()
    ]
    return str(max(numbers)) if numbers else "$LATEST"


_CODE = frozenset({"code", "sourceCodeHash", "architectures"})
_CONFIGURED = frozenset(
    {
        "role",
        "runtime",
        "handler",
        "description",
        "memorySize",
        "timeout",
        "layers",
        "environment",
        "kmsKeyArn",
        "tracingConfig",
        "loggingConfig",
    }
)


def _update_function(
    call: Call, name: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    client = _lambda(call, old)
    if changed & _CONFIGURED:
        client.update_function_configuration(FunctionName=name, **_configuration(new))
        _settle(call, client, name)
    if changed & _CODE:
        client.update_function_code(
            FunctionName=name,
            ZipFile=archive_zip(new["code"]),
            **present(Architectures=new.get("architectures")),
        )
        _settle(call, client, name)
    if "reservedConcurrentExecutions" in changed:
        _reserve(client, name, new)
    if new.get("publish") and changed & (_CODE | _CONFIGURED | {"publish"}):
        client.publish_version(FunctionName=name)
    if "tags" in changed:
        wanted, dropped = tag_changes(old, new)
        if wanted:
            client.tag_resource(Resource=old["arn"], Tags=wanted)
        if dropped:
            client.untag_resource(Resource=old["arn"], TagKeys=dropped)


def _delete_function(call: Call, name: str, state: Props) -> None:
    with absent(*_GONE):
        _lambda(call, state).delete_function(FunctionName=name)


_VERSIONED = frozenset({*_CODE, *_CONFIGURED})

_FUNCTION = Resource(
    "aws:lambda/function:Function",
    inputs={
        "architectures": opt(list_of(choice("x86_64", "arm64")), computed=True),
        "code": req(ARCHIVE, kept=True),
        "description": opt(STR, default=""),
        "environment": opt(obj(variables=opt(map_of(STR)))),
        "handler": req(STR),
        "kmsKeyArn": opt(STR),
        "layers": opt(list_of(STR)),
        "loggingConfig": opt(
            obj(
                logFormat=req(choice("Text", "JSON")),
                logGroup=opt(STR, computed=True),
                applicationLogLevel=opt(STR, computed=True),
                systemLogLevel=opt(STR, computed=True),
            ),
            computed=True,
        ),
        "memorySize": opt(INT, default=_MEMORY),
        "name": opt(STR, replace=True),
        "packageType": opt(choice("Zip"), replace=True, default="Zip"),
        "publish": opt(BOOL, default=False, kept=True),
        "region": _REGION,
        "reservedConcurrentExecutions": opt(INT, default=-1),
        "role": req(STR),
        "runtime": req(STR),
        "sourceCodeHash": opt(STR, computed=True, kept=True),
        "tags": opt(map_of(STR)),
        "timeout": opt(INT, default=_TIMEOUT),
        "tracingConfig": opt(obj(mode=req(choice("Active", "PassThrough"))), computed=True),
    },
    outputs=frozenset(
        {
            "arn",
            "codeSha256",
            "invokeArn",
            "lastModified",
            "qualifiedArn",
            "qualifiedInvokeArn",
            "sourceCodeSize",
            "tagsAll",
            "version",
        }
    ),
    create=_create_function,
    read=_read_function,
    update=_update_function,
    delete=_delete_function,
    autoname=Autoname("name", 64),
    unsettled={
        "codeSha256": _CODE,
        "sourceCodeSize": _CODE,
        "lastModified": _VERSIONED,
        "version": _VERSIONED | {"publish"},
        "qualifiedArn": _VERSIONED | {"publish"},
        "qualifiedInvokeArn": _VERSIONED | {"publish"},
        "tagsAll": frozenset({"tags"}),
    },
)


# Layers. internal/service/lambda/layer_version.go: every change is another version.


def _create_layer(call: Call, inputs: Props) -> str:
    made = _lambda(call, inputs).publish_layer_version(
        LayerName=inputs["layerName"],
        Content={"ZipFile": archive_zip(inputs["code"])},
        **present(
            Description=inputs.get("description"),
            CompatibleRuntimes=inputs.get("compatibleRuntimes"),
            CompatibleArchitectures=inputs.get("compatibleArchitectures"),
            LicenseInfo=inputs.get("licenseInfo"),
        ),
    )
    return str(made["LayerVersionArn"])


def _read_layer(call: Call, arn: str, known: Props) -> State | None:
    head, _, number = arn.rpartition(":")
    name = head.rsplit(":", 1)[-1]
    found: Props | None = None
    with absent(*_GONE):
        found = _lambda(call, known).get_layer_version(LayerName=name, VersionNumber=int(number))
    if found is None:
        return None
    return State(
        arn,
        present(
            arn=arn,
            layerArn=found.get("LayerArn", head),
            layerName=name,
            version=number,
            codeSha256=found["Content"]["CodeSha256"],
            sourceCodeSize=found["Content"].get("CodeSize"),
            createdDate=found["CreatedDate"],
            description=found.get("Description", ""),
            compatibleRuntimes=found.get("CompatibleRuntimes") or None,
            compatibleArchitectures=found.get("CompatibleArchitectures") or None,
            licenseInfo=found.get("LicenseInfo") or None,
            region=region_of(call, known),
        ),
    )


def _delete_layer(call: Call, arn: str, state: Props) -> None:
    if state.get("skipDestroy"):
        return
    head, _, number = arn.rpartition(":")
    with absent(*_GONE):
        _lambda(call, state).delete_layer_version(
            LayerName=head.rsplit(":", 1)[-1], VersionNumber=int(number)
        )


_LAYER = Resource(
    "aws:lambda/layerVersion:LayerVersion",
    inputs={
        "code": req(ARCHIVE, replace=True, kept=True),
        "compatibleArchitectures": opt(set_of(STR), replace=True),
        "compatibleRuntimes": opt(set_of(STR), replace=True),
        "description": opt(STR, replace=True, default=""),
        "layerName": req(STR, replace=True),
        "licenseInfo": opt(STR, replace=True),
        "region": _REGION,
        "skipDestroy": opt(BOOL, replace=True, default=False, kept=True),
        "sourceCodeHash": opt(STR, replace=True, computed=True, kept=True),
    },
    outputs=frozenset(
        {"arn", "codeSha256", "createdDate", "layerArn", "sourceCodeSize", "version"}
    ),
    create=_create_layer,
    read=_read_layer,
    delete=_delete_layer,
)


# Permissions. internal/service/lambda/permission.go: every change replaces.


def _create_permission(call: Call, inputs: Props) -> str:
    _lambda(call, inputs).add_permission(
        FunctionName=inputs["function"],
        StatementId=inputs["statementId"],
        Action=inputs["action"],
        Principal=inputs["principal"],
        **present(
            SourceArn=inputs.get("sourceArn"),
            SourceAccount=inputs.get("sourceAccount"),
            Qualifier=inputs.get("qualifier"),
        ),
    )
    return str(inputs["statementId"])


def _read_permission(call: Call, statement_id: str, known: Props) -> State | None:
    if known:
        function = known["function"]
    else:
        function, statement_id = parse_id(statement_id, 2, "function/statement-id")
    qualifier = known.get("qualifier")
    statements: list[Props] = []
    with absent(*_GONE):
        policy = _lambda(call, known).get_policy(
            FunctionName=function, **present(Qualifier=qualifier)
        )["Policy"]
        statements = json.loads(policy)["Statement"]
    for statement in statements:
        if statement["Sid"] == statement_id:
            principal, condition = statement["Principal"], statement.get("Condition") or {}
            like = condition.get("ArnLike") or {}
            return State(
                statement_id,
                present(
                    function=function,
                    statementId=statement_id,
                    action=statement["Action"],
                    principal=principal.get("Service") or principal.get("AWS")
                    if isinstance(principal, dict)
                    else principal,
                    sourceArn=like.get("AWS:SourceArn") or like.get("aws:SourceArn"),
                    sourceAccount=(condition.get("StringEquals") or {}).get("AWS:SourceAccount"),
                    qualifier=qualifier,
                    region=region_of(call, known),
                ),
            )
    return None


def _delete_permission(call: Call, statement_id: str, state: Props) -> None:
    with absent(*_GONE):
        _lambda(call, state).remove_permission(
            FunctionName=state["function"],
            StatementId=statement_id,
            **present(Qualifier=state.get("qualifier")),
        )


_PERMISSION = Resource(
    "aws:lambda/permission:Permission",
    inputs={
        "action": req(STR, replace=True),
        "function": req(STR, replace=True),
        "principal": req(STR, replace=True),
        "qualifier": opt(STR, replace=True),
        "region": _REGION,
        "sourceAccount": opt(STR, replace=True),
        "sourceArn": opt(STR, replace=True),
        "statementId": opt(STR, replace=True),
    },
    outputs=frozenset(),
    create=_create_permission,
    read=_read_permission,
    delete=_delete_permission,
    autoname=Autoname("statementId", 100),
)


RESOURCES = table(_FUNCTION, _LAYER, _PERMISSION)
