"""The three SDKs, and where our plugins differ from them on purpose."""

from __future__ import annotations

import sandbox.aws.provider
import sandbox.azure.provider
import sandbox.gcp.provider
from tests.sandbox.sdk import Sdk, name_of, snake


def _aws_place(token: str) -> str:
    package, file = token.split(":")[1].split("/")
    package = {"lambda": "lambda_", "index": ""}.get(package, package)
    return ".".join(part for part in (package, snake(file)) if part)


def _azure_place(token: str) -> str:
    return f"{token.split(':')[1]}.{snake(name_of(token))}"


def _gcp_place(token: str) -> str:
    package, file = token.split(":")[1].split("/")
    return f"{package}.{snake(file)}"


AWS = Sdk(
    provider=sandbox.aws.provider.provider(),
    package="pulumi_aws",
    place=_aws_place,
    # Inputs that the SDK leaves optional because a part of the type that the sandbox refuses does
    # without them: a function from an image or a bucket, an integration with a service.
    stricter={
        "aws:lambda/function:Function": {"code", "handler", "runtime"},
        "aws:lambda/layerVersion:LayerVersion": {"code"},
        "aws:apigatewayv2/integration:Integration": {"integrationUri"},
    },
    # Outputs of features that the sandbox does not have. A program that reads one gets nothing.
    not_produced={
        "aws:apigateway/stage:Stage": {"webAclArn"},
        "aws:lambda/function:Function": {
            "responseStreamingInvokeArn",
            "signingJobArn",
            "signingProfileVersionArn",
        },
        "aws:lambda/layerVersion:LayerVersion": {"signingJobArn", "signingProfileVersionArn"},
        "aws:sns/topic:Topic": {"beginningArchiveTime", "owner"},
        "aws:sns/topicSubscription:TopicSubscription": {
            "confirmationWasAuthenticated",
            "ownerId",
            "pendingConfirmation",
        },
        "aws:s3/bucket:Bucket": {"hostedZoneId", "websiteDomain", "websiteEndpoint"},
        "aws:s3/bucketObjectv2:BucketObjectv2": {
            "checksumCrc32",
            "checksumCrc32c",
            "checksumCrc64nvme",
            "checksumSha1",
            "checksumSha256",
        },
    },
)

AZURE = Sdk(
    provider=sandbox.azure.provider.provider(),
    package="pulumi_azure_native",
    place=_azure_place,
    # Inputs that the SDK leaves optional, because the real provider makes up a name, and that our
    # program always gives; and parts that the sandbox's variant of a type cannot do without.
    stricter={
        "azure-native:apimanagement:PolicyFragment": {"id"},
        "azure-native:applicationinsights:Component": {"applicationType", "resourceName"},
        "azure-native:applicationinsights:Workbook": {"resourceName"},
        "azure-native:authorization:RoleAssignment": {"roleAssignmentName"},
        "azure-native:authorization:RoleDefinition": {"roleDefinitionId", "roleName"},
        "azure-native:keyvault:Key": {"keyName"},
        "azure-native:keyvault:Vault": {"vaultName"},
        "azure-native:managedidentity:UserAssignedIdentity": {"resourceName"},
        "azure-native:monitor:ActionGroup": {"actionGroupName"},
        "azure-native:monitor:ScheduledQueryRule": {"ruleName"},
        "azure-native:operationalinsights:Query": {"id"},
        "azure-native:operationalinsights:QueryPack": {"queryPackName"},
        "azure-native:operationalinsights:Workspace": {"workspaceName"},
        "azure-native:resources:Deployment": {"deploymentName"},
        "azure-native:resources:ResourceGroup": {"resourceGroupName"},
        "azure-native:storage:Blob": {"blobName", "source"},
        "azure-native:storage:BlobContainer": {"containerName"},
        "azure-native:storage:ManagementPolicy": {"managementPolicyName"},
        "azure-native:storage:StorageAccount": {"accountName"},
        "azure-native:web:AppServicePlan": {"name", "sku"},
        "azure-native:web:WebApp": {"functionAppConfig", "name"},
    },
    # The SDK lists each resource's whole ARM answer; the fake keeps the part that is read.
    not_produced=None,
    # What the SDK takes as anything: the template of a deployment, and its parameters. And an enum
    # of the SDK's travels as a string.
    loose=("properties.template:", "properties.parameters[].value:", "<enum '"),
)

GCP = Sdk(
    provider=sandbox.gcp.provider.provider(),
    package="pulumi_gcp",
    place=_gcp_place,
    not_produced={
        "gcp:cloudrunv2/service:Service": {
            "conditions",
            "creator",
            "deleteTime",
            "effectiveAnnotations",
            "etag",
            "expireTime",
            "generation",
            "lastModifier",
            "observedGeneration",
            "terminalConditions",
            "trafficStatuses",
        },
        "gcp:logging/savedQuery:SavedQuery": {"createTime", "updateTime"},
        "gcp:storage/bucket:Bucket": {"timeCreated", "updated"},
    },
)

SDKS = (AWS, AZURE, GCP)
