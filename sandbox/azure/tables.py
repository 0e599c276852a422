"""The types of `azure-native` that the program declares, as tables.

What replaces and what is a default: the generated SDK's documentation, and Azure Resource Manager's
rule that a resource's name, group and location cannot change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.azure.blobs import RESOURCE as STORAGE
from sandbox.azure.cloud import Azure
from sandbox.plugin.content import archive_zip, asset_bytes
from sandbox.plugin.spec import (
    ASSET,
    BOOL,
    INT,
    JSON,
    NUM,
    STR,
    Call,
    Function,
    Kind,
    Prop,
    Resource,
    State,
    Type,
    choice,
    list_of,
    map_of,
    obj,
    opt,
    req,
    set_of,
    table,
)
from sandbox.plugin.values import Archive, Asset, Props

_GROUP = req(STR, replace=True)
_NAME = req(STR, replace=True)
_PLACE = opt(STR, replace=True, computed=True)
_TAGS = opt(map_of(STR))
_ANY = Type(Kind.MAP)
_COMMON = frozenset({"azureApiVersion", "name", "type"})

Identify = Callable[[Azure, Props], str]


def _in_group(path: str, *names: str) -> Identify:
    """Return the id of a resource in a group: `path` holds `{0}`, `{1}` for these inputs."""

    def identify(cloud: Azure, inputs: Props) -> str:
        group = f"/subscriptions/{cloud.subscription}/resourceGroups/{inputs['resourceGroupName']}"
        return f"{group}/providers/{path.format(*(inputs[name] for name in names))}"

    return identify


def _group(cloud: Azure, inputs: Props) -> str:
    return f"/subscriptions/{cloud.subscription}/resourceGroups/{inputs['resourceGroupName']}"


def _scoped(path: str, name: str) -> Identify:
    def identify(cloud: Azure, inputs: Props) -> str:
        return f"{inputs['scope']}/providers/{path}/{inputs[name]}"

    return identify


def _resource(
    token: str,
    identify: Identify,
    inputs: Mapping[str, Prop],
    outputs: frozenset[str] = frozenset(),
    *,
    fixed: bool = False,
) -> Resource:
    """One type, kept by the fake. `fixed`: Azure changes nothing of it once it is there."""

    def create(call: Call, given: Props) -> str:
        cloud: Azure = call.cloud
        identity = identify(cloud, given)
        cloud.arm("create", {"type": token, "id": identity, "inputs": _plain(given)})
        call.made(identity)
        return identity

    def read(call: Call, identity: str, known: Props) -> State | None:
        found = call.cloud.arm("read", {"type": token, "id": identity})
        return State(found["id"], found["props"]) if found else None

    def update(call: Call, identity: str, old: Props, new: Props, changed: frozenset[str]) -> None:
        told = {"type": token, "id": identity, "inputs": _plain(new)}
        call.cloud.arm("update", told)

    def delete(call: Call, identity: str, state: Props) -> None:
        call.cloud.arm("delete", {"type": token, "id": identity})

    return Resource(
        token=token,
        inputs=inputs,
        outputs=_COMMON - frozenset(inputs) | outputs,
        create=create,
        read=read,
        update=None if fixed else update,
        delete=delete,
    )


def _plain(inputs: Props) -> Props:
    return {name: value for name, value in inputs.items() if name != "__defaults"}


_GROUPS = _resource(
    "azure-native:resources:ResourceGroup",
    _group,
    {"resourceGroupName": _NAME, "location": _PLACE, "tags": _TAGS},
)

_DEPLOYMENTS = _resource(
    "azure-native:resources:Deployment",
    _in_group("Microsoft.Resources/deployments/{0}", "deploymentName"),
    {
        "resourceGroupName": _GROUP,
        "deploymentName": _NAME,
        "properties": req(
            obj(
                mode=req(choice("Incremental")),
                template=opt(_ANY),
                parameters=opt(map_of(obj(value=opt(STR)))),
            )
        ),
        "tags": _TAGS,
    },
)

_IDENTITIES = _resource(
    "azure-native:managedidentity:UserAssignedIdentity",
    _in_group("Microsoft.ManagedIdentity/userAssignedIdentities/{0}", "resourceName"),
    {"resourceGroupName": _GROUP, "resourceName": _NAME, "location": _PLACE, "tags": _TAGS},
    frozenset({"clientId", "principalId", "tenantId"}),
)

_ROLE_DEFINITIONS = _resource(
    "azure-native:authorization:RoleDefinition",
    _scoped("Microsoft.Authorization/roleDefinitions", "roleDefinitionId"),
    {
        "scope": _NAME,
        "roleDefinitionId": _NAME,
        "roleName": req(STR),
        "roleType": opt(STR),
        "description": opt(STR),
        "assignableScopes": opt(set_of(STR)),
        "permissions": opt(list_of(obj(actions=opt(set_of(STR)), dataActions=opt(set_of(STR))))),
    },
)

_ROLE_ASSIGNMENTS = _resource(
    "azure-native:authorization:RoleAssignment",
    _scoped("Microsoft.Authorization/roleAssignments", "roleAssignmentName"),
    {
        "scope": _NAME,
        "roleAssignmentName": _NAME,
        "roleDefinitionId": req(STR, replace=True),
        "principalId": req(STR, replace=True),
        "principalType": opt(choice("ServicePrincipal", "User", "Group"), replace=True),
        "description": opt(STR),
    },
)

_VAULTS = _resource(
    "azure-native:keyvault:Vault",
    _in_group("Microsoft.KeyVault/vaults/{0}", "vaultName"),
    {
        "resourceGroupName": _GROUP,
        "vaultName": _NAME,
        "location": _PLACE,
        "properties": req(
            obj(
                tenantId=req(STR),
                sku=req(obj(family=req(choice("A")), name=req(choice("standard", "premium")))),
                enableRbacAuthorization=opt(BOOL),
                enablePurgeProtection=opt(BOOL),
                enableSoftDelete=opt(BOOL),
                softDeleteRetentionInDays=opt(INT),
                publicNetworkAccess=opt(STR),
                # The SDK fills these in.
                enabledForDeployment=opt(BOOL, default=False),
                enabledForDiskEncryption=opt(BOOL, default=False),
                enabledForTemplateDeployment=opt(BOOL, default=False),
            )
        ),
        "tags": _TAGS,
    },
)

# Azure's PUT of a key makes it when it is not there, and else changes nothing.
_KEYS = _resource(
    "azure-native:keyvault:Key",
    _in_group("Microsoft.KeyVault/vaults/{0}/keys/{1}", "vaultName", "keyName"),
    {
        "resourceGroupName": _GROUP,
        "vaultName": _NAME,
        "keyName": _NAME,
        "properties": req(
            obj(
                kty=req(choice("RSA", "RSA-HSM", "EC", "EC-HSM")),
                keySize=opt(INT),
                curveName=opt(choice("P-256")),
                keyOps=opt(set_of(choice("sign", "verify"))),
            )
        ),
        "tags": _TAGS,
    },
    frozenset({"attributes", "curveName", "keyOps", "keySize", "keyUri", "keyUriWithVersion"})
    | {"kty"},
    fixed=True,
)

_ACCOUNTS = _resource(
    "azure-native:storage:StorageAccount",
    _in_group("Microsoft.Storage/storageAccounts/{0}", "accountName"),
    {
        "resourceGroupName": _GROUP,
        "accountName": _NAME,
        "kind": req(choice("StorageV2"), replace=True),
        "sku": req(obj(name=req(choice("Standard_LRS", "Standard_ZRS", "Standard_GRS")))),
        "location": _PLACE,
        "allowBlobPublicAccess": opt(BOOL),
        "allowSharedKeyAccess": opt(BOOL),
        "allowCrossTenantReplication": opt(BOOL),
        "enableHttpsTrafficOnly": opt(BOOL),
        "minimumTlsVersion": opt(choice("TLS1_2", "TLS1_3")),
        "tags": _TAGS,
    },
    frozenset({"primaryEndpoints"}),
)

_POLICIES = _resource(
    "azure-native:storage:ManagementPolicy",
    _in_group(
        "Microsoft.Storage/storageAccounts/{0}/managementPolicies/{1}",
        "accountName",
        "managementPolicyName",
    ),
    {
        "resourceGroupName": _GROUP,
        "accountName": _NAME,
        "managementPolicyName": req(choice("default"), replace=True),
        "policy": req(
            obj(
                rules=req(
                    list_of(
                        obj(
                            name=req(STR),
                            enabled=opt(BOOL),
                            type=req(choice("Lifecycle")),
                            definition=req(
                                obj(
                                    actions=req(
                                        obj(
                                            baseBlob=opt(
                                                obj(
                                                    delete=opt(
                                                        obj(daysAfterCreationGreaterThan=opt(NUM))
                                                    )
                                                )
                                            )
                                        )
                                    ),
                                    filters=opt(
                                        obj(
                                            blobTypes=req(list_of(choice("blockBlob"))),
                                            prefixMatch=opt(list_of(STR)),
                                        )
                                    ),
                                )
                            ),
                        )
                    )
                )
            )
        ),
    },
    frozenset({"lastModifiedTime"}),
)

_CONTAINERS = _resource(
    "azure-native:storage:BlobContainer",
    _in_group(
        "Microsoft.Storage/storageAccounts/{0}/blobServices/default/containers/{1}",
        "accountName",
        "containerName",
    ),
    {
        "resourceGroupName": _GROUP,
        "accountName": _NAME,
        "containerName": _NAME,
        "publicAccess": opt(choice("None", "Blob", "Container")),
    },
)

_PLANS = _resource(
    "azure-native:web:AppServicePlan",
    _in_group("Microsoft.Web/serverfarms/{0}", "name"),
    {
        "resourceGroupName": _GROUP,
        "name": _NAME,
        "location": _PLACE,
        "kind": opt(STR),
        "reserved": opt(BOOL),
        "sku": req(obj(name=req(STR), tier=opt(STR))),
        "tags": _TAGS,
    },
)

_APPS = _resource(
    "azure-native:web:WebApp",
    _in_group("Microsoft.Web/sites/{0}", "name"),
    {
        "resourceGroupName": _GROUP,
        "name": _NAME,
        "location": _PLACE,
        "kind": opt(STR, replace=True),
        "serverFarmId": opt(STR),
        "httpsOnly": opt(BOOL),
        "clientAffinityEnabled": opt(BOOL),
        # The SDK fills these in, for Windows and for slots.
        "hyperV": opt(BOOL, default=False),
        "isXenon": opt(BOOL, default=False),
        "scmSiteAlsoStopped": opt(BOOL, default=False),
        "identity": opt(
            obj(type=opt(choice("UserAssigned")), userAssignedIdentities=opt(list_of(STR)))
        ),
        "siteConfig": opt(
            obj(
                appSettings=opt(set_of(obj(name=opt(STR), value=opt(STR)))),
                minTlsVersion=opt(STR),
                ftpsState=opt(STR),
            )
        ),
        "functionAppConfig": req(
            obj(
                deployment=opt(
                    obj(
                        storage=opt(
                            obj(
                                type=opt(choice("blobContainer")),
                                value=opt(STR),
                                authentication=opt(
                                    obj(
                                        type=opt(choice("UserAssignedIdentity")),
                                        userAssignedIdentityResourceId=opt(STR),
                                    )
                                ),
                            )
                        )
                    )
                ),
                runtime=opt(obj(name=opt(choice("python")), version=opt(STR))),
                scaleAndConcurrency=opt(
                    obj(
                        maximumInstanceCount=opt(INT),
                        instanceMemoryMB=opt(INT),
                        alwaysReady=opt(list_of(obj(name=opt(STR), instanceCount=opt(INT)))),
                    )
                ),
            )
        ),
        "tags": _TAGS,
    },
    frozenset({"defaultHostName", "hostNames", "state"}),
)

_WORKSPACES = _resource(
    "azure-native:operationalinsights:Workspace",
    _in_group("Microsoft.OperationalInsights/workspaces/{0}", "workspaceName"),
    {
        "resourceGroupName": _GROUP,
        "workspaceName": _NAME,
        "location": _PLACE,
        "sku": opt(obj(name=req(STR))),
        "retentionInDays": opt(INT),
        "tags": _TAGS,
    },
    frozenset({"customerId"}),
)

_COMPONENTS = _resource(
    "azure-native:applicationinsights:Component",
    _in_group("Microsoft.Insights/components/{0}", "resourceName"),
    {
        "resourceGroupName": _GROUP,
        "resourceName": _NAME,
        "location": _PLACE,
        "kind": req(STR),
        "applicationType": req(STR),
        "workspaceResourceId": opt(STR),
        "disableLocalAuth": opt(BOOL),
        # The SDK fills these in.
        "flowType": opt(choice("Bluefield")),
        "ingestionMode": opt(choice("LogAnalytics")),
        "publicNetworkAccessForIngestion": opt(choice("Enabled")),
        "publicNetworkAccessForQuery": opt(choice("Enabled")),
        "requestSource": opt(choice("rest")),
        "tags": _TAGS,
    },
    frozenset({"appId", "connectionString", "instrumentationKey"}),
)

_FRAGMENTS = _resource(
    "azure-native:apimanagement:PolicyFragment",
    _in_group("Microsoft.ApiManagement/service/{0}/policyFragments/{1}", "serviceName", "id"),
    {
        "resourceGroupName": _GROUP,
        "serviceName": _NAME,
        "id": _NAME,
        "value": req(STR),
        "format": opt(choice("rawxml", "xml")),
        "description": opt(STR),
    },
)

_RULES = _resource(
    "azure-native:monitor:ScheduledQueryRule",
    _in_group("Microsoft.Insights/scheduledQueryRules/{0}", "ruleName"),
    {
        "resourceGroupName": _GROUP,
        "ruleName": _NAME,
        "location": _PLACE,
        "kind": opt(choice("LogAlert"), replace=True),
        "displayName": opt(STR),
        "description": opt(STR),
        "enabled": opt(BOOL),
        "autoMitigate": opt(BOOL),
        "severity": opt(NUM),
        "scopes": opt(list_of(STR)),
        "evaluationFrequency": opt(STR),
        "windowSize": opt(STR),
        "skipQueryValidation": opt(BOOL),
        "criteria": opt(
            obj(
                allOf=opt(
                    list_of(
                        obj(
                            query=opt(STR),
                            timeAggregation=opt(choice("Count")),
                            operator=opt(choice("GreaterThanOrEqual", "GreaterThan")),
                            threshold=opt(NUM),
                            failingPeriods=opt(
                                obj(
                                    numberOfEvaluationPeriods=opt(NUM),
                                    minFailingPeriodsToAlert=opt(NUM),
                                )
                            ),
                        )
                    )
                )
            )
        ),
        "actions": opt(obj(actionGroups=opt(list_of(STR)))),
        "tags": _TAGS,
    },
)

_GROUPS_TOLD = _resource(
    "azure-native:monitor:ActionGroup",
    _in_group("Microsoft.Insights/actionGroups/{0}", "actionGroupName"),
    {
        "resourceGroupName": _GROUP,
        "actionGroupName": _NAME,
        "location": _PLACE,
        "enabled": opt(BOOL),
        "groupShortName": req(STR),
        "emailReceivers": opt(
            list_of(obj(name=req(STR), emailAddress=req(STR), useCommonAlertSchema=opt(BOOL)))
        ),
        "webhookReceivers": opt(
            list_of(obj(name=req(STR), serviceUri=req(STR), useCommonAlertSchema=opt(BOOL)))
        ),
        "tags": _TAGS,
    },
)

_WORKBOOKS = _resource(
    "azure-native:applicationinsights:Workbook",
    _in_group("Microsoft.Insights/workbooks/{0}", "resourceName"),
    {
        "resourceGroupName": _GROUP,
        "resourceName": _NAME,
        "location": _PLACE,
        "category": req(STR),
        "displayName": req(STR),
        "kind": opt(choice("shared")),
        "serializedData": req(JSON),
        "sourceId": opt(STR),
        "tags": _TAGS,
    },
    frozenset({"revision", "timeModified", "userId"}),
)

_QUERY_PACKS = _resource(
    "azure-native:operationalinsights:QueryPack",
    _in_group("Microsoft.OperationalInsights/queryPacks/{0}", "queryPackName"),
    {
        "resourceGroupName": _GROUP,
        "queryPackName": _NAME,
        "location": _PLACE,
        "tags": _TAGS,
    },
)

_QUERIES = _resource(
    "azure-native:operationalinsights:Query",
    _in_group("Microsoft.OperationalInsights/queryPacks/{0}/queries/{1}", "queryPackName", "id"),
    {
        "resourceGroupName": _GROUP,
        "queryPackName": _NAME,
        "id": _NAME,
        "body": req(STR),
        "displayName": req(STR),
        "description": opt(STR),
    },
)


def _content(given: Asset | Archive) -> bytes:
    return archive_zip(given) if isinstance(given, Archive) else asset_bytes(given)


def _blob_place(inputs: Props) -> str:
    return f"{inputs['accountName']}/{inputs['containerName']}/{inputs['blobName']}"


_BLOB_ID = _in_group(
    "Microsoft.Storage/storageAccounts/{0}/blobServices/default/containers/{1}/blobs/{2}",
    "accountName",
    "containerName",
    "blobName",
)


def _create_blob(call: Call, inputs: Props) -> str:
    cloud: Azure = call.cloud
    identity = _BLOB_ID(cloud, inputs)
    kind = inputs.get("contentType") or "application/octet-stream"
    cloud.put_blob(_blob_place(inputs), _content(inputs["source"]), kind, cloud.token(STORAGE))
    kept = {name: value for name, value in _plain(inputs).items() if name != "source"}
    told = {"type": _BLOB, "id": identity, "inputs": kept}
    cloud.arm("create", told)
    call.made(identity)
    return identity


def _read_blob(call: Call, identity: str, known: Props) -> State | None:
    found = call.cloud.arm("read", {"type": _BLOB, "id": identity})
    if not found:
        return None
    props = {n: v for n, v in found["props"].items() if n not in ("azureApiVersion",)}
    return State(found["id"], {**props, "type": "Block"})


def _delete_blob(call: Call, identity: str, state: Props) -> None:
    call.cloud.arm("delete", {"type": _BLOB, "id": identity})


_BLOB = "azure-native:storage:Blob"
_BLOBS = Resource(
    token=_BLOB,
    inputs={
        "resourceGroupName": _GROUP,
        "accountName": _NAME,
        "containerName": _NAME,
        "blobName": _NAME,
        "contentType": opt(STR),
        "type": opt(choice("Block"), replace=True, default="Block"),
        "source": req(ASSET, replace=True, kept=True),
    },
    outputs=frozenset({"name", "url"}),
    create=_create_blob,
    read=_read_blob,
    delete=_delete_blob,
)

RESOURCES = table(
    _GROUPS,
    _DEPLOYMENTS,
    _IDENTITIES,
    _ROLE_DEFINITIONS,
    _ROLE_ASSIGNMENTS,
    _VAULTS,
    _KEYS,
    _ACCOUNTS,
    _CONTAINERS,
    _POLICIES,
    _BLOBS,
    _PLANS,
    _APPS,
    _WORKSPACES,
    _COMPONENTS,
    _RULES,
    _GROUPS_TOLD,
    _WORKBOOKS,
    _QUERY_PACKS,
    _QUERIES,
    _FRAGMENTS,
)


def _client_config(call: Call, args: Props) -> Props:
    cloud: Azure = call.cloud
    return {
        "clientId": "00000000-0000-4000-8000-000000000003",
        "objectId": "00000000-0000-4000-8000-000000000004",
        "subscriptionId": cloud.subscription,
        "tenantId": cloud.tenant,
    }


def _service_sas(call: Call, args: Props) -> Props:
    cloud: Azure = call.cloud
    resource = str(args["canonicalizedResource"])
    path = "/" + resource.removeprefix("/blob/")
    told = {"account": args["accountName"], "path": path, "end": args["sharedAccessExpiryTime"]}
    return {"serviceSasToken": cloud.arm("sas", told)["token"]}


FUNCTIONS = {
    function.token: function
    for function in (
        Function(
            "azure-native:authorization:getClientConfig",
            inputs={},
            outputs=frozenset({"clientId", "objectId", "subscriptionId", "tenantId"}),
            invoke=_client_config,
        ),
        Function(
            "azure-native:storage:listStorageAccountServiceSAS",
            inputs={
                "resourceGroupName": req(STR),
                "accountName": req(STR),
                "canonicalizedResource": req(STR),
                "resource": opt(choice("b")),
                "permissions": opt(choice("r")),
                "protocols": opt(choice("https")),
                "sharedAccessStartTime": opt(STR),
                "sharedAccessExpiryTime": opt(STR),
            },
            outputs=frozenset({"serviceSasToken"}),
            invoke=_service_sas,
        ),
    )
}
