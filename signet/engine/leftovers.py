"""What a killed run left: operations that the state has as begun, and never as ended.

The engine writes down every operation before it starts it, so a killed run leaves a list: each may
or may not have reached the cloud. A creation is looked for there, by its name or its tags; what is
found is taken into the state under its own URN, and read back. Every other interrupted operation is
settled by reading the resource back. Then the list is cleared, and an ordinary `up` goes on.

This may be killed as well, and the engine drops the list as soon as it begins to read back. So what
is adopted carries a mark of ours until it was read: without its outputs nothing could depend on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from signet.engine.stack import EngineStack, resources_of
from signet.engine.watch import Tell, short_type
from signet.interrupted import Finder, Wanted

_UNREAD: Final = "signet: adopted, and not read back yet"
"""Stands in `initErrors` of a state's resource, which every reading back replaces."""


@dataclass(frozen=True, kw_only=True)
class Mending:
    """How to mend a state: the deployment to write, what to read back, what to say."""

    deployment: Mapping[str, Any] = field(repr=False)
    read_back: tuple[str, ...]
    lines: tuple[str, ...]


def mend(stack: EngineStack, find: Finder, *, tell: Tell | None = None) -> tuple[str, ...]:
    """Settle what a killed run left, and return what was done about it, in words.

    Raises CouldNotCheck or RunFailed where a cloud is out of reach; the list stays for next time.
    """
    deployment = stack.export()
    if not deployment.get("pending_operations") and not _unread(resources_of(deployment)):
        return ()
    with stack.place.applied():
        plan = plan_mending(deployment, find)
    stack.replace_state(plan.deployment)
    if plan.read_back:
        stack.refresh(targets=plan.read_back, tell=tell)
        deployment = stack.export()
        if deployment.get("pending_operations"):
            stack.replace_state(_without_pending(deployment))
    return plan.lines


def pending(deployment: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the interrupted operations: what was being done, and to which resource."""
    return [
        (str(each["type"]), each["resource"])
        for each in deployment.get("pending_operations") or ()
        if isinstance(each, dict) and isinstance(each.get("resource"), dict)
    ]


def plan_mending(deployment: Mapping[str, Any], find: Finder) -> Mending:
    """Decide how to settle every interrupted operation. Asks `find`; changes nothing."""
    resources = resources_of(deployment)
    unread = _unread(resources)
    lines = [f"{_label(each)}: adopted by a run that died too; read back" for each in unread]
    read_back: list[str] = [each["urn"] for each in unread]
    for operation, resource in pending(deployment):
        urn, label = resource["urn"], _label(resource)
        if operation != "creating":
            if any(each["urn"] == urn for each in resources):
                read_back.append(urn)
                lines.append(f"{label}: {operation} was interrupted; read back from the cloud")
            continue
        if not resource.get("custom") or str(resource["type"]).startswith("pulumi:"):
            continue
        found = find(_wanted(resource, resources))
        if found is None:
            lines.append(
                f"{label}: its creation was interrupted, and it has no name or tag to look for; "
                "if the cloud has one more than this stack records, delete that one there"
            )
        elif found:
            resources = _adopted(resource, found[0], resources)
            read_back.append(urn)
            lines.append(f"{label}: made by the run that died, adopted as {found[0]}")
            lines.extend(
                f"{label}: the cloud has another unrecorded one, {each}; delete it there"
                for each in found[1:]
            )
    kept = [
        {"type": "updating", "resource": each} for each in resources if each["urn"] in read_back
    ]
    return Mending(
        deployment={**deployment, "resources": resources, "pending_operations": kept},
        read_back=tuple(dict.fromkeys(read_back)),
        lines=tuple(lines),
    )


def _unread(resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in resources if _UNREAD in (each.get("initErrors") or ())]


def _wanted(resource: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> Wanted:
    maker = _provider_urn(resource)
    recorded: dict[str, list[Mapping[str, Any]]] = {}
    for each in resources:
        if each.get("type") == resource["type"] and each.get("id"):
            recorded.setdefault(str(each["id"]), []).append(each.get("inputs") or {})
    return Wanted(
        type=resource["type"],
        name=resource["urn"].rsplit("::", 1)[-1],
        inputs=resource.get("inputs") or {},
        recorded=recorded,
        provider=next((each.get("inputs") or {} for each in resources if each["urn"] == maker), {}),
    )


def _provider_urn(resource: Mapping[str, Any]) -> str:
    """A resource names its provider as `<urn>::<id>`."""
    return str(resource.get("provider") or "").rpartition("::")[0]


def _adopted(
    resource: Mapping[str, Any], identity: str, resources: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the resources with the found one among them, after all that it depends on.

    An older one of the same URN was about to be replaced: it is marked for deletion, as the engine
    does once its replacement is there.
    """
    urn = resource["urn"]
    before = {
        resource.get("parent"),
        _provider_urn(resource),
        resource.get("deletedWith"),
        *(resource.get("dependencies") or ()),
    }
    place = 1 + max(
        (index for index, each in enumerate(resources) if each["urn"] in before), default=-1
    )
    inputs = dict(resource.get("inputs") or {})
    outputs = {**inputs, "id": identity}
    fresh = {**resource, "id": identity, "outputs": outputs, "initErrors": [_UNREAD]}
    kept = [
        {**each, "delete": True} if each["urn"] == urn and not each.get("delete") else dict(each)
        for each in resources
    ]
    return [*kept[:place], fresh, *kept[place:]]


def _without_pending(deployment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in deployment.items() if key != "pending_operations"}


def _label(resource: Mapping[str, Any]) -> str:
    return f"{short_type(str(resource['type']))} {resource['urn'].rsplit('::', 1)[-1]}"


def by_package(finders: Mapping[str, Finder]) -> Finder:
    """Return one finder out of one for each provider package (`aws`, `gcp`, ...)."""

    def find(wanted: Wanted) -> Sequence[str] | None:
        finder = finders.get(wanted.type.split(":", 1)[0])
        return finder(wanted) if finder else None

    return find
