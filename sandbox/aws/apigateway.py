"""REST APIs (API Gateway v1), changed by patch operations as AWS wants it.

What forces a replacement: hashicorp/terraform-provider-aws, internal/service/apigateway/*.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.aws.cloud import (
    Aws,
    absent,
    account_of,
    parse_id,
    present,
    refuse_taken,
    region_of,
    tag_changes,
)
from sandbox.plugin.spec import (
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

_GONE = ("NotFoundException",)
_REGION = opt(STR, replace=True, computed=True)
_API = req(STR, replace=True)

Patch = list[dict[str, str]]


def _v1(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("apigateway", props.get("region"))


def _arn(call: Call, known: Props, rest: str) -> str:
    return f"arn:aws:apigateway:{region_of(call, known)}::{rest}"


def _replace(path: str, value: Any) -> dict[str, str]:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"op": "replace", "path": path, "value": text}


def _patches(new: Props, changed: frozenset[str], paths: dict[str, tuple[str, Any]]) -> Patch:
    """One replacement for each changed field; one that the program dropped gets its default."""
    return [
        _replace(path, default if new.get(name) is None else new[name])
        for name, (path, default) in paths.items()
        if name in changed
    ]


def _map_patches(path: str, old: Props | None, new: Props | None) -> Patch:
    was, now = old or {}, new or {}
    kept = [_replace(f"{path}/{_pointer(k)}", v) for k, v in now.items() if was.get(k) != v]
    return [
        *kept,
        *({"op": "remove", "path": f"{path}/{_pointer(k)}"} for k in sorted(set(was) - set(now))),
    ]


def _pointer(token: str) -> str:
    """A token of a JSON Pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def _retag(client: Any, arn: str, old: Props, new: Props) -> None:
    wanted, dropped = tag_changes(old, new)
    if wanted:
        client.tag_resource(resourceArn=arn, tags=wanted)
    if dropped:
        client.untag_resource(resourceArn=arn, tagKeys=dropped)


# The API itself


def _create_api(call: Call, inputs: Props) -> str:
    endpoint = inputs.get("endpointConfiguration")
    made = _v1(call, inputs).create_rest_api(
        name=inputs["name"],
        **present(
            description=inputs.get("description"),
            apiKeySource=inputs.get("apiKeySource"),
            binaryMediaTypes=inputs.get("binaryMediaTypes"),
            disableExecuteApiEndpoint=inputs.get("disableExecuteApiEndpoint"),
            endpointConfiguration={"types": [endpoint["types"]]} if endpoint else None,
            policy=inputs.get("policy"),
            tags=inputs.get("tags"),
        ),
    )
    return str(made["id"])


def _read_api(call: Call, api: str, known: Props) -> State | None:
    client, region = _v1(call, known), region_of(call, known)
    found: Props | None = None
    with absent(*_GONE):
        found = client.get_rest_api(restApiId=api)
    if found is None:
        return None
    tags = client.get_tags(resourceArn=_arn(call, known, f"/restapis/{api}")).get("tags") or {}
    types = (found.get("endpointConfiguration") or {}).get("types") or ["EDGE"]
    return State(
        api,
        present(
            name=found["name"],
            description=found.get("description") or "",
            apiKeySource=found.get("apiKeySource"),
            binaryMediaTypes=found.get("binaryMediaTypes") or None,
            disableExecuteApiEndpoint=bool(found.get("disableExecuteApiEndpoint", False)),
            endpointConfiguration={"types": types[0]},
            policy=found.get("policy") or None,
            arn=_arn(call, known, f"/restapis/{api}"),
            createdDate=_when(found.get("createdDate")),
            executionArn=f"arn:aws:execute-api:{region}:{account_of(call)}:{api}",
            rootResourceId=_root(client, api),
            region=region,
            tags=tags,
            tagsAll=tags,
        ),
    )


def _when(moment: Any) -> str | None:
    return None if moment is None else str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _root(client: Any, api: str) -> str:
    for page in client.get_paginator("get_resources").paginate(restApiId=api):
        for item in page["items"]:
            if item["path"] == "/":
                return str(item["id"])
    msg = f"the REST API {api} has no root resource"
    raise LookupError(msg)


def _update_api(call: Call, api: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    client = _v1(call, old)
    patch = _patches(
        new,
        changed,
        {
            "name": ("/name", ""),
            "description": ("/description", ""),
            "apiKeySource": ("/apiKeySource", "HEADER"),
            "disableExecuteApiEndpoint": ("/disableExecuteApiEndpoint", False),
            "policy": ("/policy", ""),
        },
    )
    if "binaryMediaTypes" in changed:
        was, now = set(old.get("binaryMediaTypes") or []), set(new.get("binaryMediaTypes") or [])
        for operation, kinds in (("add", now - was), ("remove", was - now)):
            patch += [
                {"op": operation, "path": f"/binaryMediaTypes/{_pointer(k)}"} for k in sorted(kinds)
            ]
    if "endpointConfiguration" in changed:
        was_type = (old.get("endpointConfiguration") or {}).get("types", "EDGE")
        now_type = (new.get("endpointConfiguration") or {}).get("types", "EDGE")
        patch.append(_replace(f"/endpointConfiguration/types/{was_type}", now_type))
    if patch:
        client.update_rest_api(restApiId=api, patchOperations=patch)
    if "tags" in changed:
        _retag(client, _arn(call, old, f"/restapis/{api}"), old, new)


def _delete_api(call: Call, api: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_rest_api(restApiId=api)


_REST_API = Resource(
    "aws:apigateway/restApi:RestApi",
    inputs={
        "apiKeySource": opt(choice("HEADER", "AUTHORIZER"), computed=True),
        "binaryMediaTypes": opt(list_of(STR)),
        "description": opt(STR, default=""),
        "disableExecuteApiEndpoint": opt(BOOL, default=False),
        "endpointConfiguration": opt(
            obj(types=req(choice("EDGE", "REGIONAL", "PRIVATE"))), computed=True
        ),
        "name": opt(STR),
        "policy": opt(JSON, computed=True),
        "region": _REGION,
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset({"arn", "createdDate", "executionArn", "rootResourceId", "tagsAll"}),
    create=_create_api,
    read=_read_api,
    update=_update_api,
    delete=_delete_api,
    autoname=Autoname("name", 255),
    unsettled={"tagsAll": frozenset({"tags"})},
)


# Resources: parts of the path


def _create_resource(call: Call, inputs: Props) -> str:
    made = _v1(call, inputs).create_resource(
        restApiId=inputs["restApi"], parentId=inputs["parentId"], pathPart=inputs["pathPart"]
    )
    return str(made["id"])


def _read_resource(call: Call, resource_id: str, known: Props) -> State | None:
    if known:
        api = known["restApi"]
    else:
        api, resource_id = parse_id(resource_id, 2, "rest-api-id/resource-id")
    found: Props | None = None
    with absent(*_GONE):
        found = _v1(call, known).get_resource(restApiId=api, resourceId=resource_id)
    if found is None:
        return None
    return State(
        resource_id,
        {
            "restApi": api,
            "parentId": found["parentId"],
            "pathPart": found["pathPart"],
            "path": found["path"],
            "region": region_of(call, known),
        },
    )


def _update_resource(
    call: Call, resource_id: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    patch = _patches(new, changed, {"pathPart": ("/pathPart", ""), "parentId": ("/parentId", "")})
    _v1(call, old).update_resource(
        restApiId=old["restApi"], resourceId=resource_id, patchOperations=patch
    )


def _delete_resource(call: Call, resource_id: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_resource(restApiId=state["restApi"], resourceId=resource_id)


_RESOURCE = Resource(
    "aws:apigateway/resource:Resource",
    inputs={"restApi": _API, "parentId": req(STR), "pathPart": req(STR), "region": _REGION},
    outputs=frozenset({"path"}),
    create=_create_resource,
    read=_read_resource,
    update=_update_resource,
    delete=_delete_resource,
    unsettled={"path": frozenset({"parentId", "pathPart"})},
)


# Methods and their integrations: named by API, resource and verb


def _place(inputs: Props) -> dict[str, Any]:
    return {
        "restApiId": inputs["restApi"],
        "resourceId": inputs["resourceId"],
        "httpMethod": inputs["httpMethod"],
    }


def _known_place(resource_id: str, known: Props) -> Props:
    if known:
        return {name: known[name] for name in ("restApi", "resourceId", "httpMethod")}
    api, resource, verb = parse_id(resource_id, 3, "rest-api-id/resource-id/verb")
    return {"restApi": api, "resourceId": resource, "httpMethod": verb}


def _place_id(prefix: str, place: Props) -> str:
    return f"{prefix}-{place['restApi']}-{place['resourceId']}-{place['httpMethod']}"


def _create_method(call: Call, inputs: Props) -> str:
    refuse_taken(_read_method(call, "", inputs), f"the method {inputs['httpMethod']}")
    _v1(call, inputs).put_method(
        **_place(inputs),
        authorizationType=inputs["authorization"],
        **present(
            authorizerId=inputs.get("authorizerId"),
            apiKeyRequired=inputs.get("apiKeyRequired"),
            authorizationScopes=inputs.get("authorizationScopes"),
            operationName=inputs.get("operationName"),
            requestParameters=inputs.get("requestParameters"),
        ),
    )
    return _place_id("agm", inputs)


def _read_method(call: Call, method_id: str, known: Props) -> State | None:
    place = _known_place(method_id, known)
    found: Props | None = None
    with absent(*_GONE):
        found = _v1(call, known).get_method(**_place(place))
    if found is None:
        return None
    parameters = found.get("requestParameters") or {}
    return State(
        _place_id("agm", place),
        present(
            **place,
            authorization=found["authorizationType"],
            authorizerId=found.get("authorizerId") or None,
            apiKeyRequired=bool(found.get("apiKeyRequired", False)),
            authorizationScopes=found.get("authorizationScopes") or None,
            operationName=found.get("operationName") or None,
            requestParameters={k: v in (True, "true") for k, v in parameters.items()} or None,
            region=region_of(call, known),
        ),
    )


def _update_method(
    call: Call,
    method_id: str,
    old: Props,
    new: Props,
    changed: frozenset[str],
) -> None:
    patch = _patches(
        new,
        changed,
        {
            "authorization": ("/authorizationType", "NONE"),
            "authorizerId": ("/authorizerId", ""),
            "apiKeyRequired": ("/apiKeyRequired", False),
            "operationName": ("/operationName", ""),
        },
    )
    was, now = set(old.get("authorizationScopes") or []), set(new.get("authorizationScopes") or [])
    patch += [{"op": "add", "path": "/authorizationScopes", "value": s} for s in sorted(now - was)]
    patch += [
        {"op": "remove", "path": "/authorizationScopes", "value": s} for s in sorted(was - now)
    ]
    patch += _map_patches(
        "/requestParameters", old.get("requestParameters"), new.get("requestParameters")
    )
    _v1(call, old).update_method(**_place(old), patchOperations=patch)


def _delete_method(call: Call, method_id: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_method(**_place(state))


_PLACE: dict[str, Prop] = {
    "restApi": _API,
    "resourceId": req(STR, replace=True),
    "httpMethod": req(STR, replace=True),
    "region": _REGION,
}

_METHOD = Resource(
    "aws:apigateway/method:Method",
    inputs={
        **_PLACE,
        "authorization": req(choice("NONE", "CUSTOM", "AWS_IAM", "COGNITO_USER_POOLS")),
        "authorizerId": opt(STR),
        "apiKeyRequired": opt(BOOL, default=False),
        "authorizationScopes": opt(set_of(STR)),
        "operationName": opt(STR),
        "requestParameters": opt(map_of(BOOL)),
    },
    outputs=frozenset(),
    create=_create_method,
    read=_read_method,
    update=_update_method,
    delete=_delete_method,
    delete_before_replace=True,
)


def _put_integration(call: Call, inputs: Props) -> str:
    # PutIntegration replaces the whole integration (API reference), so it serves updates too.
    _v1(call, inputs).put_integration(
        **_place(inputs),
        type=inputs["type"],
        **present(
            integrationHttpMethod=inputs.get("integrationHttpMethod"),
            uri=inputs.get("uri"),
            connectionType=inputs.get("connectionType"),
            credentials=inputs.get("credentials"),
            passthroughBehavior=inputs.get("passthroughBehavior"),
            requestParameters=inputs.get("requestParameters"),
            requestTemplates=inputs.get("requestTemplates"),
            timeoutInMillis=inputs.get("timeoutMilliseconds"),
        ),
    )
    return _place_id("agi", inputs)


def _read_integration(call: Call, integration_id: str, known: Props) -> State | None:
    place = _known_place(integration_id, known)
    found: Props | None = None
    with absent(*_GONE):
        found = _v1(call, known).get_integration(**_place(place))
    if found is None:
        return None
    return State(
        _place_id("agi", place),
        present(
            **place,
            type=found["type"],
            integrationHttpMethod=found.get("httpMethod"),
            uri=found.get("uri") or None,
            connectionType=found.get("connectionType") or "INTERNET",
            credentials=found.get("credentials") or None,
            passthroughBehavior=found.get("passthroughBehavior") or None,
            requestParameters=found.get("requestParameters") or None,
            requestTemplates=found.get("requestTemplates") or None,
            timeoutMilliseconds=found.get("timeoutInMillis"),
            region=region_of(call, known),
        ),
    )


def _update_integration(
    call: Call,
    integration_id: str,
    old: Props,
    new: Props,
    changed: frozenset[str],
) -> None:
    _put_integration(call, new)


def _delete_integration(call: Call, integration_id: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_integration(**_place(state))


_INTEGRATION = Resource(
    "aws:apigateway/integration:Integration",
    inputs={
        **_PLACE,
        "type": req(choice("AWS_PROXY", "HTTP_PROXY", "AWS", "HTTP", "MOCK"), replace=True),
        "integrationHttpMethod": opt(STR, replace=True, computed=True),
        "uri": opt(STR),
        "connectionType": opt(choice("INTERNET"), default="INTERNET"),
        "credentials": opt(STR, replace=True),
        "passthroughBehavior": opt(
            choice("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"), replace=True, computed=True
        ),
        "requestParameters": opt(map_of(STR)),
        "requestTemplates": opt(map_of(STR)),
        "timeoutMilliseconds": opt(INT, computed=True),
    },
    outputs=frozenset(),
    create=_put_integration,
    read=_read_integration,
    update=_update_integration,
    delete=_delete_integration,
    delete_before_replace=True,
)


# Authorizers


def _create_authorizer(call: Call, inputs: Props) -> str:
    made = _v1(call, inputs).create_authorizer(
        restApiId=inputs["restApi"],
        name=inputs["name"],
        type=inputs.get("type", "TOKEN"),
        **present(
            authorizerUri=inputs.get("authorizerUri"),
            authorizerCredentials=inputs.get("authorizerCredentials"),
            authorizerResultTtlInSeconds=inputs.get("authorizerResultTtlInSeconds"),
            identitySource=inputs.get("identitySource", _IDENTITY),
            identityValidationExpression=inputs.get("identityValidationExpression"),
        ),
    )
    return str(made["id"])


_IDENTITY = "method.request.header.Authorization"
_TTL = 300


def _read_authorizer(call: Call, authorizer_id: str, known: Props) -> State | None:
    if known:
        api = known["restApi"]
    else:
        api, authorizer_id = parse_id(authorizer_id, 2, "rest-api-id/authorizer-id")
    found: Props | None = None
    with absent(*_GONE):
        found = _v1(call, known).get_authorizer(restApiId=api, authorizerId=authorizer_id)
    if found is None:
        return None
    return State(
        authorizer_id,
        present(
            restApi=api,
            name=found["name"],
            type=found["type"],
            arn=_arn(call, known, f"/restapis/{api}/authorizers/{authorizer_id}"),
            authorizerUri=found.get("authorizerUri") or None,
            authorizerCredentials=found.get("authorizerCredentials") or None,
            authorizerResultTtlInSeconds=found.get("authorizerResultTtlInSeconds", _TTL),
            identitySource=found.get("identitySource") or _IDENTITY,
            identityValidationExpression=found.get("identityValidationExpression") or None,
            region=region_of(call, known),
        ),
    )


def _update_authorizer(
    call: Call, authorizer_id: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    patch = _patches(
        new,
        changed,
        {
            "name": ("/name", ""),
            "type": ("/type", "TOKEN"),
            "authorizerUri": ("/authorizerUri", ""),
            "authorizerCredentials": ("/authorizerCredentials", ""),
            "authorizerResultTtlInSeconds": ("/authorizerResultTtlInSeconds", _TTL),
            "identitySource": ("/identitySource", _IDENTITY),
            "identityValidationExpression": ("/identityValidationExpression", ""),
        },
    )
    _v1(call, old).update_authorizer(
        restApiId=old["restApi"], authorizerId=authorizer_id, patchOperations=patch
    )


def _delete_authorizer(call: Call, authorizer_id: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_authorizer(restApiId=state["restApi"], authorizerId=authorizer_id)


def _authorizer_faults(inputs: Props) -> Iterator[Fault]:
    if inputs.get("type", "TOKEN") in ("TOKEN", "REQUEST") and inputs.get("authorizerUri") is None:
        yield Fault("authorizerUri", "is missing: a TOKEN or REQUEST authorizer needs it")
    ttl = inputs.get("authorizerResultTtlInSeconds", _TTL)
    if isinstance(ttl, int) and not 0 <= ttl <= 3600:  # noqa: PLR2004 - API Gateway's own limits
        yield Fault("authorizerResultTtlInSeconds", f"must be 0 to 3600, not {ttl}")


_AUTHORIZER = Resource(
    "aws:apigateway/authorizer:Authorizer",
    inputs={
        "restApi": _API,
        "name": opt(STR),
        "type": opt(choice("TOKEN", "REQUEST"), default="TOKEN"),
        "authorizerUri": opt(STR),
        "authorizerCredentials": opt(STR),
        "authorizerResultTtlInSeconds": opt(INT, default=_TTL),
        "identitySource": opt(STR, default=_IDENTITY),
        "identityValidationExpression": opt(STR),
        "region": _REGION,
    },
    outputs=frozenset({"arn"}),
    create=_create_authorizer,
    read=_read_authorizer,
    update=_update_authorizer,
    delete=_delete_authorizer,
    autoname=Autoname("name", 128),
    validate=_authorizer_faults,
)


# A deployment is a snapshot of the API.


def _create_deployment(call: Call, inputs: Props) -> str:
    made = _v1(call, inputs).create_deployment(
        restApiId=inputs["restApi"],
        **present(description=inputs.get("description"), variables=inputs.get("variables")),
    )
    return str(made["id"])


def _read_deployment(call: Call, deployment_id: str, known: Props) -> State | None:
    if known:
        api = known["restApi"]
    else:
        api, deployment_id = parse_id(deployment_id, 2, "rest-api-id/deployment-id")
    found: Props | None = None
    with absent(*_GONE):
        found = _v1(call, known).get_deployment(restApiId=api, deploymentId=deployment_id)
    if found is None:
        return None
    return State(
        deployment_id,
        present(
            restApi=api,
            description=found.get("description") or "",
            createdDate=_when(found.get("createdDate")),
            region=region_of(call, known),
        ),
    )


def _update_deployment(
    call: Call, deployment_id: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    _v1(call, old).update_deployment(
        restApiId=old["restApi"],
        deploymentId=deployment_id,
        patchOperations=_patches(new, changed, {"description": ("/description", "")}),
    )


def _delete_deployment(call: Call, deployment_id: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_deployment(restApiId=state["restApi"], deploymentId=deployment_id)


_DEPLOYMENT = Resource(
    "aws:apigateway/deployment:Deployment",
    inputs={
        "restApi": _API,
        "description": opt(STR, default=""),
        "triggers": opt(map_of(STR), replace=True, kept=True),
        "variables": opt(map_of(STR), replace=True, kept=True),
        "region": _REGION,
    },
    outputs=frozenset({"createdDate"}),
    create=_create_deployment,
    read=_read_deployment,
    update=_update_deployment,
    delete=_delete_deployment,
)


# Stages


def _create_stage(call: Call, inputs: Props) -> str:
    client, api, name = _v1(call, inputs), inputs["restApi"], inputs["stageName"]
    refuse_taken(_read_stage(call, name, inputs), f"the stage {name}")
    client.create_stage(
        restApiId=api,
        stageName=name,
        deploymentId=inputs["deployment"],
        **present(
            description=inputs.get("description"),
            tags=inputs.get("tags"),
            tracingEnabled=inputs.get("xrayTracingEnabled"),
            variables=inputs.get("variables"),
        ),
    )
    stage_id = f"ags-{api}-{name}"
    call.made(stage_id)
    if inputs.get("tags"):
        # ministack keeps the tags of CreateStage apart from those that GetTags shows.
        client.tag_resource(
            resourceArn=_arn(call, inputs, f"/restapis/{api}/stages/{name}"), tags=inputs["tags"]
        )
    _log_access(client, api, name, inputs)
    return stage_id


def _log_access(client: Any, api: str, name: str, inputs: Props) -> None:
    logs = inputs.get("accessLogSettings")
    if logs:
        patch = [
            _replace("/accessLogSettings/destinationArn", logs["destinationArn"]),
            _replace("/accessLogSettings/format", logs["format"]),
        ]
        client.update_stage(restApiId=api, stageName=name, patchOperations=patch)


def _read_stage(call: Call, stage_id: str, known: Props) -> State | None:
    if known:
        api, name = known["restApi"], known["stageName"]
    else:
        api, name = parse_id(stage_id, 2, "rest-api-id/stage-name")
    client, region = _v1(call, known), region_of(call, known)
    found: Props | None = None
    with absent(*_GONE):
        found = client.get_stage(restApiId=api, stageName=name)
    if found is None:
        return None
    arn = _arn(call, known, f"/restapis/{api}/stages/{name}")
    tags = client.get_tags(resourceArn=arn).get("tags") or {}
    logs = found.get("accessLogSettings") or {}
    # Where ministack serves the stage: by path, which needs no host name of its own.
    port = call.cloud.endpoint.rsplit(":", 1)[-1]
    return State(
        f"ags-{api}-{name}",
        present(
            restApi=api,
            stageName=name,
            deployment=found["deploymentId"],
            accessLogSettings={"destinationArn": logs["destinationArn"], "format": logs["format"]}
            if logs.get("destinationArn") and logs.get("format")
            else None,
            description=found.get("description") or "",
            variables=found.get("variables") or None,
            xrayTracingEnabled=bool(found.get("tracingEnabled", False)),
            arn=arn,
            executionArn=f"arn:aws:execute-api:{region}:{account_of(call)}:{api}/{name}",
            invokeUrl=f"http://127.0.0.1:{port}/restapis/{api}/{name}/_user_request_",
            region=region,
            tags=tags,
            tagsAll=tags,
        ),
    )


def _update_stage(
    call: Call, stage_id: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    client, api, name = _v1(call, old), old["restApi"], old["stageName"]
    patch = _patches(
        new,
        changed,
        {
            "deployment": ("/deploymentId", ""),
            "description": ("/description", ""),
            "xrayTracingEnabled": ("/tracingEnabled", False),
        },
    )
    patch += _map_patches("/variables", old.get("variables"), new.get("variables"))
    if patch:
        client.update_stage(restApiId=api, stageName=name, patchOperations=patch)
    if "accessLogSettings" in changed:
        if not new.get("accessLogSettings"):
            removal = [{"op": "remove", "path": "/accessLogSettings"}]
            client.update_stage(restApiId=api, stageName=name, patchOperations=removal)
        _log_access(client, api, name, new)
    if "tags" in changed:
        _retag(client, _arn(call, old, f"/restapis/{api}/stages/{name}"), old, new)


def _delete_stage(call: Call, stage_id: str, state: Props) -> None:
    with absent(*_GONE):
        _v1(call, state).delete_stage(restApiId=state["restApi"], stageName=state["stageName"])


_STAGE = Resource(
    "aws:apigateway/stage:Stage",
    inputs={
        "restApi": _API,
        "stageName": req(STR, replace=True),
        "deployment": req(STR),
        "accessLogSettings": opt(obj(destinationArn=req(STR), format=req(STR))),
        "description": opt(STR, default=""),
        "variables": opt(map_of(STR)),
        "xrayTracingEnabled": opt(BOOL, default=False),
        "region": _REGION,
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset({"arn", "executionArn", "invokeUrl", "tagsAll"}),
    create=_create_stage,
    read=_read_stage,
    update=_update_stage,
    delete=_delete_stage,
    delete_before_replace=True,
    unsettled={"tagsAll": frozenset({"tags"})},
)

RESOURCES = table(_REST_API, _RESOURCE, _METHOD, _INTEGRATION, _AUTHORIZER, _DEPLOYMENT, _STAGE)
