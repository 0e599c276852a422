"""Waits until an app's new roles may be taken to be in force.

One Deploy writes as the app's own identity, and answers 403 while a role is late
(azure-functions-core-tools issue 4346); nobody else can ask whether it still is. So its first run
waits, once, for as long as most roles take; one that takes longer ends in 403, and the next run
goes on from there.
"""

import time
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi import dynamic


class InForceProvider(dynamic.ResourceProvider):
    """Waits when it is made, and again when there are other roles."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Wait. A number comes from the engine as a float."""
        time.sleep(float(props["seconds"]))
        return dynamic.CreateResult("in-force", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Other roles are waited for anew; another time counts from then on."""
        changed = _olds.get("roles") != _news.get("roles")
        return dynamic.DiffResult(changes=changed, replaces=["roles"] if changed else [])


class InForce(dynamic.Resource, module="signet", name="InForce"):
    """The moment from which role assignments may be taken to be in force."""

    def __init__(
        self,
        name: str,
        *,
        roles: Sequence[pulumi.Input[str]],
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(InForceProvider(), name, {"roles": list(roles), "seconds": seconds}, opts)
