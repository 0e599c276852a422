"""Whether an API of API Management is guarded by our fragment, by its policies' text. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence


def api_management_faults(policies: Sequence[str | None], fragments: Collection[str]) -> list[str]:
    """Return whether our fragment runs first in `<inbound>`, of whichever level asks for it.

    `policies` are those in force for one operation, from the inside out: the operation's, the
    API's, all APIs' (None where there is none, which passes on what is outside). A policy without
    `<base />` puts what is outside out of force (API Management, "Set or edit policies", scopes).
    """
    ours = " or ".join(sorted(fragments))
    for policy in policies:
        if policy is None:
            continue
        statements = _inbound(policy)
        before = list(itertools.takewhile(lambda each: each[0] == "base", statements))
        first = statements[len(before)] if len(statements) > len(before) else ("", "")
        if first[0] == "include-fragment" and first[1] in fragments:
            return []
        if includes(policy, fragments):
            return [f"{ours} does not stand first in <inbound>: what is before it runs unguarded"]
        if not any(name == "base" for name, _ in statements):
            return [f"a policy's <inbound> has neither {ours} nor <base />: every request passes"]
        if statements[0][0] != "base":
            return ["what stands before <base /> in <inbound> runs unguarded"]
    return [f"no policy's <inbound> includes {ours}: every request passes"]


def includes(policy: str | None, fragments: Collection[str]) -> bool:
    """Whether a policy's `<inbound>` includes one of these fragments at all."""
    return policy is not None and any(
        name == "include-fragment" and fragment in fragments for name, fragment in _inbound(policy)
    )


def _inbound(policy: str) -> list[tuple[str, str]]:
    """Return the elements of `<inbound>` in their order, with the fragment that one includes.

    By pattern and not by a parser: raw policies hold expressions that are no XML.
    """
    text = re.sub(r"<!--.*?-->", "", policy, flags=re.DOTALL)
    inbound = text.partition("<inbound>")[2].partition("</inbound>")[0]
    found = re.findall(r"<([a-z][a-z0-9-]*)((?:\s[^<>]*)?)/?>", inbound)
    return [
        (name, named[1] if (named := re.search(r'fragment-id="([^"]*)"', rest)) else "")
        for name, rest in found
    ]
