"""What all services of an environment share on AWS, each made when it is first asked for."""

from functools import cached_property

import pulumi
import pulumi_aws as aws

from components.aws import names
from components.aws.echo_backend import EchoBackend, EchoBackendArgs
from components.aws.function_role import FunctionRole, FunctionRoleArgs
from components.aws.jwks_store import document_arns
from components.aws.log_group import LogGroupArgs, log_group
from components.aws.settings import AwsSettings
from components.moved import moved_from
from components.rings import folder_of
from components.settings import Settings
from signet.key_ring import ENVIRONMENT_RING as ENVIRONMENT


class Shared:
    """Log groups, the validators' roles, and the demo backend, below the cloud's component."""

    def __init__(self, settings: Settings, of_aws: AwsSettings, cloud: pulumi.Resource) -> None:
        self._settings = settings
        self._aws = of_aws
        self._cloud = cloud
        self._roles: dict[str, FunctionRole] = {}

    @cached_property
    def validators_log(self) -> aws.cloudwatch.LogGroup:
        """The one group of all validators' lines."""
        called = names.validators_log(self._settings.environment)
        return self._log_group("aws-validators-log", called)

    @cached_property
    def access_log(self) -> aws.cloudwatch.LogGroup:
        """The one group that tells who asked which gateway for what."""
        called = names.access_log(self._settings.environment, "gateways")
        return self._log_group("aws-gateways-access", called)

    def role(self, ring: str) -> pulumi.Output[str]:
        """Return the ARN of what all validators of a ring run as: they may do the same."""
        if ring not in self._roles:
            self._roles[ring] = self._make_role(ring)
        return self._roles[ring].role_arn

    @property
    def readers(self) -> list[pulumi.Output[str]]:
        """ARNs of the roles that read private documents."""
        return [each.role_arn for each in self._roles.values()] if self._private else []

    @cached_property
    def demo_backend(self) -> pulumi.Output[str]:
        """ARN of the backend of all gateways that have none of their own."""
        before = pulumi.create_urn(
            f"{ENVIRONMENT}-gateway", "signet:aws:Gateway", parent=self._cloud
        )
        return EchoBackend(
            f"{ENVIRONMENT}-gateway-echo",
            EchoBackendArgs(
                environment=self._settings.environment,
                python=self._settings.python,
                log_days=self._settings.log_days,
            ),
            # It stood below the environment's gateway before services had gateways too.
            pulumi.ResourceOptions(parent=self._cloud, aliases=[pulumi.Alias(parent=before)]),
        ).function_arn

    @property
    def _private(self) -> bool:
        return self._settings.publish == "private"

    def _log_group(self, name: str, called: str) -> aws.cloudwatch.LogGroup:
        settings = self._settings
        return log_group(
            name,
            LogGroupArgs(environment=settings.environment, name=called, days=settings.log_days),
            pulumi.ResourceOptions(parent=self._cloud),
        )

    def _make_role(self, ring: str) -> FunctionRole:
        settings, own = self._settings, pulumi.ResourceOptions(parent=self._cloud)
        before = pulumi.create_urn(f"{ring}-validator", "signet:aws:Validator", parent=self._cloud)
        formerly = f"{ring}-validator-run"
        documents = document_arns(self._aws.bucket, self._aws.region, folder_of(ring))
        return FunctionRole(
            f"{ring}-validators",
            FunctionRoleArgs(
                environment=settings.environment,
                role=names.validator(settings.environment, ring),
                runs=f"the validators of the key ring {ring}",
                log_days=settings.log_days,
                log_group=self.validators_log,
                # It was one function's role, whose rights were called otherwise: these are given
                # before those go, so that no line is lost while functions change groups.
                rights="validators",
                readable_objects=documents if self._private else (),
                formerly=formerly,
            ),
            moved_from(own, before, formerly),
        )
