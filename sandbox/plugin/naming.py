"""Physical names where the program gives none."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sandbox.plugin.check import HIDDEN
from sandbox.plugin.spec import Autoname, Fault, Resource
from sandbox.plugin.values import Props

ENFORCE, DISABLE = "enforce", "disable"


@dataclass(frozen=True)
class Wish:
    """What the engine says about a name: `pulumi:autonaming` of the stack, and its random seed."""

    seed: bytes
    proposed: str = ""
    mode: str = "propose"


def logical_name(urn: str) -> str:
    """The resource's name in the program: the last part of its URN."""
    return urn.rsplit("::", 1)[-1]


def named(resource: Resource, urn: str, old: Props, new: Props, wish: Wish) -> Props | Fault:
    """`new` with its physical name: given, or kept from `old` where it was made up then, or new."""
    rule = resource.autoname
    inputs = {name: value for name, value in new.items() if name != HIDDEN}
    fixed = resource.named_after_resource
    if fixed is not None and inputs.get(fixed) is None:
        return {**inputs, fixed: logical_name(urn), HIDDEN: [fixed]}
    if rule is None or inputs.get(rule.prop) is not None:
        return inputs
    if rule.prop in old.get(HIDDEN, []) and old.get(rule.prop) is not None:
        return {**inputs, rule.prop: old[rule.prop], HIDDEN: [rule.prop]}
    if wish.mode == DISABLE:
        return Fault(rule.prop, "is missing, and this stack's pulumi:autonaming is disabled")
    if wish.mode == ENFORCE:
        return {**inputs, rule.prop: wish.proposed, HIDDEN: [rule.prop]}
    return {**inputs, rule.prop: physical(rule, urn, wish.seed), HIDDEN: [rule.prop]}


def physical(rule: Autoname, urn: str, seed: bytes) -> str:
    """Logical name, `-`, random digits: the same for the same seed, so a retried step agrees."""
    source = seed or secrets.token_bytes(32)
    digits = hashlib.sha256(source + urn.encode()).hexdigest()[: rule.random_digits]
    room = rule.max_length - len(rule.prefix) - len(digits) - 1
    base = logical_name(urn)[:room]
    base = base.lower() if rule.lower else base
    return f"{rule.prefix}{base}-{digits}"
