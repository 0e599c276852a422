"""HTTP APIs (API Gateway v2). Names of inputs are the API's own with another first letter.

What forces a replacement: hashicorp/terraform-provider-aws, internal/service/apigatewayv2/*.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    NUM,
    STR,
    Autoname,
    Call,
    Prop,
    Resource,
    State,
    choice,
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


def _v2(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("apigatewayv2", props.get("region"))


# The SDK's plural of a list that the API names in the singular.
_SINGULAR = {"audiences": "Audience"}
_PLURAL = {api: ours for ours, api in _SINGULAR.items()}


def _up(name: str) -> str:
    return _SINGULAR.get(name) or name[0].upper() + name[1:]


def _down(name: str) -> str:
    return _PLURAL.get(name) or name[0].lower() + name[1:]


def _out(value: Any, of: Prop) -> Any:
    """An input in the API's spelling; only named fields are respelt, free keys are not."""
    if of.type.fields and isinstance(value, dict):
        return {
            _up(name): _out(item, of.type.fields[name])
            for name, item in value.items()
            if item is not None
        }
    return value


def _in(value: Any, of: Prop) -> Any:
    if of.type.fields and isinstance(value, dict):
        spelt = {_down(name): item for name, item in value.items()}
        return {
            name: _in(spelt[name], prop)
            for name, prop in of.type.fields.items()
            if spelt.get(name) is not None
        }
    return value


def _arguments(inputs: Props, spec: Mapping[str, Prop], renamed: Mapping[str, str]) -> Props:
    return {
        renamed.get(name, _up(name)): _out(inputs[name], prop)
        for name, prop in spec.items()
        if inputs.get(name) is not None and name not in ("region", "tags")
    }


def _observed(found: Props, spec: Mapping[str, Prop], renamed: Mapping[str, str]) -> Props:
    return {
        name: _in(found[renamed.get(name, _up(name))], prop)
        for name, prop in spec.items()
        if found.get(renamed.get(name, _up(name))) is not None
    }


def _arn(call: Call, known: Props, rest: str) -> str:
    return f"arn:aws:apigateway:{region_of(call, known)}::{rest}"


def _retag(client: Any, arn: str, old: Props, new: Props) -> None:
    wanted, dropped = tag_changes(old, new)
    if wanted:
        client.tag_resource(ResourceArn=arn, Tags=wanted)
    if dropped:
        client.untag_resource(ResourceArn=arn, TagKeys=dropped)


# Apis

_API_INPUTS: dict[str, Prop] = {
    "apiKeySelectionExpression": opt(STR, default="$request.header.x-api-key"),
    "corsConfiguration": opt(
        obj(
            allowCredentials=opt(BOOL),
            allowHeaders=opt(set_of(STR)),
            allowMethods=opt(set_of(STR)),
            allowOrigins=opt(set_of(STR)),
            exposeHeaders=opt(set_of(STR)),
            maxAge=opt(INT),
        )
    ),
    "description": opt(STR, default=""),
    "disableExecuteApiEndpoint": opt(BOOL, default=False),
    "ipAddressType": opt(choice("ipv4", "dualstack"), computed=True),
    "name": opt(STR),
    "protocolType": req(choice("HTTP"), replace=True),
    "region": _REGION,
    "routeSelectionExpression": opt(STR, default="$request.method $request.path"),
    "tags": opt(map_of(STR)),
    "version": opt(STR, default=""),
}


def _create_api(call: Call, inputs: Props) -> str:
    made = _v2(call, inputs).create_api(
        **_arguments(inputs, _API_INPUTS, {}), **present(Tags=inputs.get("tags"))
    )
    return str(made["ApiId"])


def _endpoint(call: Call, api: str) -> str:
    """Where ministack serves an API: a name below localhost, which resolves to this machine."""
    return f"http://{api}.execute-api.localhost:{call.cloud.endpoint.rsplit(':', 1)[-1]}"


def _read_api(call: Call, api: str, known: Props) -> State | None:
    client, region, arn = (
        _v2(call, known),
        region_of(call, known),
        _arn(call, known, f"/apis/{api}"),
    )
    found: Props | None = None
    with absent(*_GONE):
        found = client.get_api(ApiId=api)
    if found is None:
        return None
    # ministack's GetApi shows the tags of the creation only.
    tags = client.get_tags(ResourceArn=arn).get("Tags") or {}
    return State(
        api,
        {
            **_observed(found, _API_INPUTS, {}),
            "apiEndpoint": _endpoint(call, api),
            "arn": arn,
            "executionArn": f"arn:aws:execute-api:{region}:{account_of(call)}:{api}",
            "region": region,
            "tags": tags,
            "tagsAll": tags,
        },
    )


def _update_api(call: Call, api: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    client = _v2(call, old)
    if "corsConfiguration" in changed and not new.get("corsConfiguration"):
        client.delete_cors_configuration(ApiId=api)
    if changed - {"tags", "protocolType"}:
        fields = {**_arguments(new, _API_INPUTS, {}), **_blanks(changed, new, _API_INPUTS)}
        client.update_api(ApiId=api, **{k: v for k, v in fields.items() if k != "ProtocolType"})
    if "tags" in changed:
        _retag(client, _arn(call, old, f"/apis/{api}"), old, new)


def _blanks(changed: frozenset[str], new: Props, spec: Mapping[str, Prop]) -> Props:
    """Fields that the program no longer sets, back at their defaults."""
    return {
        _up(name): spec[name].default
        for name in changed
        if new.get(name) is None and spec[name].default is not None
    }


def _delete_api(call: Call, api: str, state: Props) -> None:
    with absent(*_GONE):
        _v2(call, state).delete_api(ApiId=api)


_API = Resource(
    "aws:apigatewayv2/api:Api",
    inputs=_API_INPUTS,
    outputs=frozenset({"apiEndpoint", "arn", "executionArn", "tagsAll"}),
    create=_create_api,
    read=_read_api,
    update=_update_api,
    delete=_delete_api,
    autoname=Autoname("name", 128),
    unsettled={"tagsAll": frozenset({"tags"})},
)


# Parts of an API: each has an id of its own below the API's.


def _part(
    kind: str,
    inputs: dict[str, Prop],
    *,
    outputs: frozenset[str] = frozenset(),
    renamed: Mapping[str, str] | None = None,
    autoname: Autoname | None = None,
    extra: Callable[[Props], Props] | None = None,
    unique: str | None = None,
) -> Resource:
    """An integration, an authorizer or a route."""
    names, id_name, method = renamed or {}, f"{_up(kind)}Id", kind
    spec = {"apiId": req(STR, replace=True), "region": _REGION, **inputs}

    def create(call: Call, props: Props) -> str:
        client = _v2(call, props)
        if unique is not None:
            others = getattr(client, f"get_{method}s")(ApiId=props["apiId"])["Items"]
            taken = [item for item in others if item.get(_up(unique)) == props[unique]]
            refuse_taken(taken, f"the {kind} {props[unique]}")
        make = getattr(client, f"create_{method}")
        return str(make(**_arguments(props, spec, names))[id_name])

    def read(call: Call, part_id: str, known: Props) -> State | None:
        if known:
            api = known["apiId"]
        else:
            api, part_id = parse_id(part_id, 2, f"api-id/{kind}-id")
        found: Props | None = None
        with absent(*_GONE):
            get = getattr(_v2(call, known), f"get_{method}")
            found = get(ApiId=api, **{id_name: part_id})
        if found is None:
            return None
        seen = {**_observed(found, spec, names), "apiId": api, "region": region_of(call, known)}
        return State(part_id, {**seen, **(extra(found) if extra else {})})

    def update(call: Call, part_id: str, old: Props, new: Props, changed: frozenset[str]) -> None:
        change = getattr(_v2(call, old), f"update_{method}")
        fields = {**_arguments(new, spec, names), **_blanks(changed, new, spec)}
        change(**{**fields, "ApiId": old["apiId"], id_name: part_id})

    def delete(call: Call, part_id: str, state: Props) -> None:
        with absent(*_GONE):
            drop = getattr(_v2(call, state), f"delete_{method}")
            drop(ApiId=state["apiId"], **{id_name: part_id})

    return Resource(
        token=f"aws:apigatewayv2/{kind}:{_up(kind)}",
        inputs=spec,
        outputs=outputs,
        create=create,
        read=read,
        update=update,
        delete=delete,
        autoname=autoname,
    )


_INTEGRATION = _part(
    "integration",
    {
        "connectionType": opt(choice("INTERNET", "VPC_LINK"), default="INTERNET"),
        "description": opt(STR, default=""),
        "integrationMethod": opt(STR, computed=True),
        "integrationType": req(choice("AWS_PROXY", "HTTP_PROXY"), replace=True),
        "integrationUri": req(STR),
        "payloadFormatVersion": opt(choice("1.0", "2.0"), default="1.0"),
        "requestParameters": opt(map_of(STR)),
        "timeoutMilliseconds": opt(INT, computed=True),
    },
    outputs=frozenset({"integrationResponseSelectionExpression"}),
    renamed={"timeoutMilliseconds": "TimeoutInMillis"},
    extra=lambda found: {
        "integrationResponseSelectionExpression": found.get(
            "IntegrationResponseSelectionExpression", ""
        )
    },
)

_AUTHORIZER = _part(
    "authorizer",
    {
        "authorizerCredentialsArn": opt(STR),
        "authorizerPayloadFormatVersion": opt(choice("1.0", "2.0")),
        "authorizerResultTtlInSeconds": opt(INT, computed=True),
        "authorizerType": req(choice("REQUEST", "JWT")),
        "authorizerUri": opt(STR),
        "enableSimpleResponses": opt(BOOL, default=False),
        "identitySources": opt(set_of(STR)),
        "jwtConfiguration": opt(obj(audiences=opt(set_of(STR)), issuer=opt(STR))),
        "name": opt(STR),
    },
    renamed={"identitySources": "IdentitySource"},
    autoname=Autoname("name", 128),
)

_ROUTE = _part(
    "route",
    {
        "apiKeyRequired": opt(BOOL, default=False),
        "authorizationScopes": opt(set_of(STR)),
        "authorizationType": opt(choice("NONE", "AWS_IAM", "CUSTOM", "JWT"), default="NONE"),
        "authorizerId": opt(STR),
        "operationName": opt(STR),
        "routeKey": req(STR),
        "target": opt(STR),
    },
    unique="routeKey",
)


# Stages

_STAGE_INPUTS: dict[str, Prop] = {
    "accessLogSettings": opt(obj(destinationArn=req(STR), format=req(STR))),
    "apiId": req(STR, replace=True),
    "autoDeploy": opt(BOOL, default=False),
    "defaultRouteSettings": opt(
        obj(
            detailedMetricsEnabled=opt(BOOL, default=False),
            throttlingBurstLimit=opt(INT, computed=True),
            throttlingRateLimit=opt(NUM, computed=True),
        ),
        computed=True,
    ),
    "deploymentId": opt(STR, computed=True),
    "description": opt(STR, default=""),
    "name": opt(STR, replace=True),
    "region": _REGION,
    "stageVariables": opt(map_of(STR)),
    "tags": opt(map_of(STR)),
}
_STAGE_NAMES = {"name": "StageName"}


def _create_stage(call: Call, inputs: Props) -> str:
    refuse_taken(_read_stage(call, inputs["name"], inputs), f"the stage {inputs['name']}")
    _v2(call, inputs).create_stage(
        **_arguments(inputs, _STAGE_INPUTS, _STAGE_NAMES), **present(Tags=inputs.get("tags"))
    )
    return str(inputs["name"])


def _read_stage(call: Call, name: str, known: Props) -> State | None:
    if known:
        api = known["apiId"]
    else:
        api, name = parse_id(name, 2, "api-id/stage-name")
    client, region = _v2(call, known), region_of(call, known)
    arn = _arn(call, known, f"/apis/{api}/stages/{name}")
    found: Props | None = None
    with absent(*_GONE):
        found = client.get_stage(ApiId=api, StageName=name)
    if found is None:
        return None
    tags = client.get_tags(ResourceArn=arn).get("Tags") or {}
    path = "" if name == "$default" else name
    return State(
        name,
        {
            **_observed(found, _STAGE_INPUTS, _STAGE_NAMES),
            "apiId": api,
            "arn": arn,
            "executionArn": f"arn:aws:execute-api:{region}:{account_of(call)}:{api}/{name}",
            "invokeUrl": f"{_endpoint(call, api)}/{path}",
            "region": region,
            "tags": tags,
            "tagsAll": tags,
        },
    )


def _update_stage(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    client, api = _v2(call, old), old["apiId"]
    if "accessLogSettings" in changed and not new.get("accessLogSettings"):
        client.delete_access_log_settings(ApiId=api, StageName=name)
    if changed - {"tags"}:
        fields = _arguments(new, _STAGE_INPUTS, _STAGE_NAMES)
        fields.update(_blanks(changed, new, _STAGE_INPUTS))
        if "stageVariables" in changed:
            gone = set(old.get("stageVariables") or {}) - set(new.get("stageVariables") or {})
            fields["StageVariables"] = {
                **dict.fromkeys(gone, ""),
                **(new.get("stageVariables") or {}),
            }
        client.update_stage(**{**fields, "ApiId": api, "StageName": name})
    if "tags" in changed:
        _retag(client, _arn(call, old, f"/apis/{api}/stages/{name}"), old, new)


def _delete_stage(call: Call, name: str, state: Props) -> None:
    with absent(*_GONE):
        _v2(call, state).delete_stage(ApiId=state["apiId"], StageName=name)


_STAGE = Resource(
    "aws:apigatewayv2/stage:Stage",
    inputs=_STAGE_INPUTS,
    outputs=frozenset({"arn", "executionArn", "invokeUrl", "tagsAll"}),
    create=_create_stage,
    read=_read_stage,
    update=_update_stage,
    delete=_delete_stage,
    autoname=Autoname("name", 128),
    unsettled={"tagsAll": frozenset({"tags"})},
)


RESOURCES = table(_API, _INTEGRATION, _AUTHORIZER, _ROUTE, _STAGE)
