"""The three authorizer events of API Gateway, and nothing else, as requests.

Formats: API Gateway Developer Guide, "Input to an API Gateway Lambda authorizer" (REST APIs) and
"Control access to HTTP APIs with AWS Lambda authorizers" (payload format 2.0).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from ..verification.decision import Request
from ..verification.errors import TokenRefused
from ..verification.routes import path_segments

_NO_PATH = ""
"""A path that no route rule matches: the event's two readings of the path do not agree."""


class Gateway(Enum):
    """Who asks, and so which answers it understands; the value is its name in the log."""

    REST = "rest_api"
    HTTP = "http_api"


class UnknownEvent(Exception):
    """Not one of the three events."""


class Authorization:
    """One authorizer event: who asks, about which method (its ARN), and the request."""

    __slots__ = ("arn", "gateway", "request")

    def __init__(self, gateway: Gateway, arn: str, request: Request) -> None:
        self.gateway = gateway
        self.arn = arn
        self.request = request


def read(event: object, invocation_id: str) -> Authorization:
    """Read an event, or raise `UnknownEvent`; `invocation_id` stands in for a missing id."""
    if not isinstance(event, Mapping):
        raise UnknownEvent("not an object")
    try:
        if event.get("version") == "2.0" and event.get("type") == "REQUEST":
            return _http(event, invocation_id)
        if "version" not in event and event.get("type") == "TOKEN":
            return _token(event, invocation_id)
        if "version" not in event and event.get("type") == "REQUEST":
            return _rest(event, invocation_id)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnknownEvent("a member is missing or of another type") from None
    raise UnknownEvent("neither TOKEN nor REQUEST, or another payload format")


def _token(event: Mapping[str, Any], invocation_id: str) -> Authorization:
    """`authorizationToken` is the whole value of the header that is the token source."""
    arn = _text(event["methodArn"])
    method, path = _method_and_path(arn)
    headers = (("authorization", _text(event["authorizationToken"])),)
    return Authorization(Gateway.REST, arn, Request(method, path, headers, invocation_id))


def _rest(event: Mapping[str, Any], invocation_id: str) -> Authorization:
    """`multiValueHeaders` has every header, `headers` only the last of each name."""
    arn = _text(event["methodArn"])
    method, path = _method_and_path(arn)
    if _text(event["httpMethod"]) != method:
        raise UnknownEvent("two different methods")
    # With a custom domain's base path, `path` is longer than the ARN's, which the rules are about.
    if not _ends_with(_text(event["path"]), path):
        path = _NO_PATH
    many = event.get("multiValueHeaders")
    if many is None:
        headers = _headers(event.get("headers"))
    else:
        headers = tuple(
            (_text(name), _text(value)) for name, values in many.items() for value in values
        )
    request_id = event["requestContext"].get("requestId") or invocation_id
    return Authorization(Gateway.REST, arn, Request(method, path, headers, _text(request_id)))


def _http(event: Mapping[str, Any], invocation_id: str) -> Authorization:
    """Header names are lower case and repeated headers one value joined by commas.

    On the API's own domain `rawPath` begins with the stage's name, unless that is `$default`; on a
    custom domain it does not. HTTP APIs have decoded it once already, so that an encoded slash
    looks like a real one here, as it does to the back end.
    """
    context = event["requestContext"]
    path = _text(event["rawPath"])
    stage = _text(context["stage"])
    own_domain = _text(context["domainName"]).startswith(f"{context['apiId']}.execute-api.")
    if stage != "$default" and own_domain and f"{path}/".startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}") or "/"
    request = Request(
        _text(context["http"]["method"]),
        path,
        _headers(event.get("headers")),
        _text(context.get("requestId") or invocation_id),
    )
    return Authorization(Gateway.HTTP, _text(event["routeArn"]), request)


def _headers(headers: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    return tuple((_text(name), _text(value)) for name, value in headers.items())


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _method_and_path(arn: str) -> tuple[str, str]:
    """`arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`; the path may hold colons."""
    _, _, _, _, _, resource = arn.split(":", 5)
    _, _, method, path = resource.split("/", 3)
    return method, f"/{path}"


def _ends_with(whole: str, end: str) -> bool:
    """Whether both are plain paths and one ends with the other, segment by segment."""
    try:
        segments, wanted = path_segments(whole), path_segments(end)
    except TokenRefused:
        return False
    return segments[len(segments) - len(wanted) :] == wanted
