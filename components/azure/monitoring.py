"""Alarms on the validators' log lines, and the questions: a workbook, and a pack of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from components.azure import monitoring_documents as documents
from components.azure import names
from components.azure.tags import environment_tags
from components.contacts import contact_name
from components.queries import load
from signet.signals import Signal, WatchedService


@dataclass(frozen=True, kw_only=True)
class AlarmArgs:
    """Where alarms are, and who is told."""

    environment: str
    resource_group: pulumi.Input[str]
    scope: pulumi.Input[str]
    """Id of the resource group: a rule about it sees the lines of every function in it."""
    location: str
    action_group: pulumi.Input[str]
    """Id of an action group that alarms go to; empty: their state is all that there is."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(AlarmArgs):
    """What is watched besides."""

    account: str
    """Name of the documents' storage account, from which fixed names are computed."""
    workspace: pulumi.Output[str]
    """Id of the workspace of all validators' lines."""
    signals: Sequence[Signal]
    services: Sequence[WatchedService] = ()


class Monitoring(pulumi.ComponentResource):
    """One scheduled query for each signal, whichever service it comes from."""

    alarms: Sequence[str]
    """Names of the rules."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:Monitoring", name, None, opts)
        for signal in args.signals:
            alarm(f"{name}-{signal.name}", args, signal, pulumi.ResourceOptions(parent=self))
        self._services(name, args)
        applicationinsights.Workbook(
            f"{name}-workbook",
            resource_group_name=args.resource_group,
            resource_name_=names.guid(args.account, "workbook"),
            location=args.location,
            category="workbook",
            kind="shared",
            display_name=f"Signet {args.environment}",
            serialized_data=args.workspace.apply(
                lambda found: documents.workbook(args.environment, found)
            ),
            tags=environment_tags(args.environment),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._queries(name, args)
        own_alarms = [signal for each in args.services for signal in each.signals]
        every = [*args.signals, *own_alarms]
        self.alarms = [signal.alarm_name(args.environment) for signal in every]
        self.register_outputs({"alarms": self.alarms})

    def _services(self, name: str, args: MonitoringArgs) -> None:
        """Declare each service's own alarms, and one action group for each contact."""
        own = pulumi.ResourceOptions(parent=self)
        groups = {
            who: contact_group(f"{name}-{contact_name(who)}", args, who, own)
            for who in sorted({each.contact for each in args.services})
        }
        for each in args.services:
            told = replace(args, action_group=groups[each.contact])
            for signal in each.signals:
                alarm(f"{name}-own-{signal.metric}", told, signal, own)

    def _queries(self, name: str, args: MonitoringArgs) -> None:
        """Save the questions for everybody who looks at the workspace of all services."""
        own = pulumi.ResourceOptions(parent=self)
        pack = operationalinsights.QueryPack(
            f"{name}-queries",
            resource_group_name=args.resource_group,
            query_pack_name=f"signet-{args.environment}",
            location=args.location,
            tags=environment_tags(args.environment),
            opts=own,
        )
        saved = zip(documents.SAVED, load("azure", documents.SAVED), strict=True)
        for question, query in saved:
            operationalinsights.Query(
                f"{name}-{question}-query",
                resource_group_name=args.resource_group,
                query_pack_name=pack.name,
                id=names.guid(args.account, f"query {question}"),
                display_name=query.title,
                description=f"Signet {args.environment}; see docs/audit.md",
                body=query.text,
                opts=own,
            )


def contact_group(
    name: str, args: AlarmArgs, contact: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Declare the action group that tells a contact, and return its id."""
    title = contact_name(contact)
    by_mail = None
    by_post = None
    if contact.startswith("https:"):
        by_post = [
            monitor.WebhookReceiverArgs(
                name=title, service_uri=contact, use_common_alert_schema=True
            )
        ]
    else:
        by_mail = [
            monitor.MicrosoftCommonEmailReceiverArgs(
                name=title, email_address=contact, use_common_alert_schema=True
            )
        ]
    group = monitor.ActionGroup(
        name,
        resource_group_name=args.resource_group,
        action_group_name=f"signet-{args.environment}-{title}",
        # At most 12 characters; it stands in the messages.
        group_short_name="signet",
        location="Global",
        enabled=True,
        email_receivers=by_mail,
        webhook_receivers=by_post,
        tags=environment_tags(args.environment),
        opts=opts,
    )
    identity: pulumi.Output[str] = group.id
    return identity


def alarm(name: str, args: AlarmArgs, signal: Signal, opts: pulumi.ResourceOptions) -> None:
    """Declare the scheduled query of one signal."""
    group = args.action_group
    nobody = isinstance(group, str) and not group
    actions = None if nobody else monitor.ActionsArgs(action_groups=[group])
    condition = monitor.ConditionArgs(
        query=documents.condition(signal),
        time_aggregation=monitor.TimeAggregation.COUNT,
        # Not the SDK's enum of this name: that is another API's, whose word is `gte`.
        operator="GreaterThanOrEqual",
        threshold=signal.threshold,
        failing_periods=monitor.ConditionFailingPeriodsArgs(
            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
        ),
    )
    monitor.ScheduledQueryRule(
        f"{name}-alarm",
        resource_group_name=args.resource_group,
        rule_name=signal.alarm_name(args.environment),
        location=args.location,
        kind="LogAlert",
        display_name=signal.title,
        description=signal.runbook,
        enabled=True,
        auto_mitigate=True,
        severity=signal.severity,
        scopes=[args.scope],
        evaluation_frequency="PT5M",
        window_size=f"PT{signal.minutes}M" if signal.minutes < 60 else "PT1H",  # noqa: PLR2004
        criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[condition]),
        # The table is made with the first line, which comes after the rule.
        skip_query_validation=True,
        actions=actions,
        tags=environment_tags(args.environment),
        opts=opts,
    )
