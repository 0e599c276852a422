"""Runs our API Management fragment: an interpreter of our own, because the real one cannot be had.

It knows the elements, attributes and expressions that the fragment has and no others: anything else
is an error, never passed over. Meaning by "API Management policy reference": `set-header` (names
without regard to case), `send-request` (`ignore-error`: its variable is null when there is no
answer), `choose` (the first `when` that holds), `return-response` (ends the request).
"""

import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from xml.etree import ElementTree

from .programs import send

T = TypeVar("T")


class Answer(NamedTuple):
    """A response: of the validator, or to the caller."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Context:
    """A caller's request on its way, and the variables of the policies. Header names are lower."""

    method: str
    path: str
    headers: dict[str, str]
    request_id: str = "00000000-0000-4000-8000-00000000abcd"
    variables: dict[str, Answer | None] = field(default_factory=dict)


def run(fragment: str, context: Context) -> Answer | None:
    """Run a fragment; return the answer that ends the request, or None where it may go on."""
    root = ElementTree.fromstring(fragment)  # noqa: S314 - our own text
    assert root.tag == "fragment"
    return _steps(root, context)


def _steps(parent: ElementTree.Element, context: Context) -> Answer | None:
    for step in parent:
        ended = _STEPS[step.tag](step, context)
        if ended is not None:
            return ended
    return None


def _set_header(step: ElementTree.Element, context: Context) -> None:
    _change(step, context.headers, context)


def _change(step: ElementTree.Element, headers: dict[str, str], context: Context) -> None:
    told = _told(step, {"name", "exists-action"})
    name = told["name"].lower()
    if told["exists-action"] == "delete":
        headers.pop(name, None)
    elif told["exists-action"] == "override":
        (value,) = step
        headers[name] = _value(value.text or "", context)
    else:
        raise NotImplementedError(told["exists-action"])


def _send_request(step: ElementTree.Element, context: Context) -> None:
    names = {"mode", "response-variable-name", "timeout", "ignore-error"}
    told = _told(step, names)
    assert told["mode"] == "new", "a copied request would carry the caller's other headers"
    headers: dict[str, str] = {}
    url, method = "", ""
    for part in step:
        if part.tag == "set-url":
            url = part.text or ""
        elif part.tag == "set-method":
            method = part.text or ""
        elif part.tag == "set-header":
            _change(part, headers, context)
        else:
            raise NotImplementedError(part.tag)
    try:
        answer: Answer | None = _ask(method, url, headers)
    except OSError:
        assert told["ignore-error"] == "true", "the gateway would answer with an error of its own"
        answer = None
    context.variables[told["response-variable-name"]] = answer


def _ask(method: str, url: str, headers: Mapping[str, str]) -> Answer:
    parts = urllib.parse.urlsplit(url)
    octets = [(name.encode(), value.encode()) for name, value in headers.items()]
    status, told, body = send(parts.port or 443, parts.path, octets, method, parts.netloc)
    return Answer(status, {name.lower(): value for name, value in told.items()}, body)


def _choose(step: ElementTree.Element, context: Context) -> Answer | None:
    for when in step:
        assert when.tag == "when"
        if _holds(_told(when, {"condition"})["condition"], context):
            return _steps(when, context)
    return None


def _return_response(step: ElementTree.Element, context: Context) -> Answer:
    told = _told(step, {"response-variable-name"} & set(step.attrib))
    if told:
        answer = context.variables[told["response-variable-name"]]
        assert answer is not None
        assert len(step) == 0
        return answer
    status, headers = 200, dict[str, str]()
    for part in step:
        if part.tag == "set-status":
            status = int(_told(part, {"code", "reason"})["code"])
        else:
            _change(part, headers, context)
    return Answer(status, headers, b"")


_STEPS: Mapping[str, Callable[[ElementTree.Element, Context], Answer | None]] = {
    "set-header": _set_header,
    "send-request": _send_request,
    "choose": _choose,
    "return-response": _return_response,
}

_NAMED = r'"([\w-]+)"'
_VALUES: Mapping[str, Callable[..., str]] = {
    rf"context\.Request\.Headers\.GetValueOrDefault\({_NAMED},\"\"\)": (
        lambda context, name: context.headers.get(name.lower(), "")
    ),
    r"context\.Request\.Method": lambda context: context.method,
    r"context\.Request\.OriginalUrl\.Path": lambda context: context.path,
    r"context\.RequestId\.ToString\(\)": lambda context: context.request_id,
    rf"\(\(IResponse\)context\.Variables\[{_NAMED}\]\)"
    rf"\.Headers\.GetValueOrDefault\({_NAMED},\"\"\)": (
        lambda context, variable, name: context.variables[variable].headers.get(name, "")
    ),
}
_CONDITIONS: Mapping[str, Callable[..., bool]] = {
    rf"context\.Variables\.GetValueOrDefault<IResponse>\({_NAMED}\) == null": (
        lambda context, variable: context.variables.get(variable) is None
    ),
    rf"\(\(IResponse\)context\.Variables\[{_NAMED}\]\)\.StatusCode != 200": (
        lambda context, variable: context.variables[variable].status != 200
    ),
}


def _value(text: str, context: Context) -> str:
    return text if not text.startswith("@") else _of(_VALUES, text, context)


def _holds(text: str, context: Context) -> bool:
    return _of(_CONDITIONS, text, context)


def _of(known: Mapping[str, Callable[..., T]], text: str, context: Context) -> T:
    for pattern, meaning in known.items():
        found = re.fullmatch(rf"@\({pattern}\)", text)
        if found:
            return meaning(context, *found.groups())
    raise NotImplementedError(text)


def _told(step: ElementTree.Element, names: set[str]) -> dict[str, str]:
    assert set(step.attrib) == names, (step.tag, step.attrib)
    return dict(step.attrib)
