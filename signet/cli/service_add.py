"""Write the manifest of a new service: asks what is missing, or takes all of it by flags.

It shows what the next `signet up` will create, and asks before it writes.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from signet.cli import output, service_folder
from signet.cli.service_ask import ask, words
from signet.errors import UsageError
from signet.service import Service
from signet.service_edit import Draft, manifest

_CLOUDS = ("aws", "azure", "gcp")
_MADE = {
    "aws": "a Lambda function with a settings layer",
    "azure": "a Flex Consumption function app",
    "gcp": "a Cloud Run service",
}
_GATEWAY = {
    ("aws", "create"): "an HTTP API whose every route asks it",
    ("azure", "create"): "its own address as the gateway to call",
    ("gcp", "create"): "configuration for a proxy that asks it",
    ("aws", "attach"): "an authorizer on the API that is named",
    ("azure", "attach"): "policy fragments in the API Management service that is named",
}
_CONTACT = "who is told of alarms (an address or an https URL)"
_CALLER_FIELDS = ("name", "identity", "issuer", "lifetime", "subject_audience")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", default="", help="the service's name")
    parser.add_argument("--owner", default="", help="the team that answers for it")
    parser.add_argument("--contact", default="", help="who is told of alarms: an address or URL")
    parser.add_argument(
        "--cloud", action="append", default=[], choices=_CLOUDS, help="a cloud (again for more)"
    )
    parser.add_argument("--audience", default="", help="the `aud` of its tokens")
    parser.add_argument(
        "--route",
        action="append",
        default=[],
        metavar="'METHODS PATH SCOPES'",
        help="such as 'GET,HEAD /orders/{id} orders:read' (again for more)",
    )
    parser.add_argument("--token-lifetime", default="", metavar="TIME", help="such as 10m")
    parser.add_argument(
        "--own-ring", action="store_true", help="keys and an issuer of its own (keyRing: own)"
    )
    parser.add_argument(
        "--environment", action="append", default=[], help="who deploys it (default: all)"
    )
    parser.add_argument(
        "--gateway",
        action="append",
        default=[],
        metavar="CLOUD=CHOICE",
        help="create, none or attach:ID (default: create)",
    )
    parser.add_argument(
        "--caller",
        action="append",
        default=[],
        metavar="FIELD=VALUE,...",
        help="who may get a token: name, identity, scopes (with + between), lifetime, once, and "
        "the claims to match",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before it is written")


def run(args: argparse.Namespace) -> int:
    """Write the manifest. Raises UsageError and SettingsError, and then writes nothing."""
    draft = _draft(args)
    path = args.services / f"{draft.service}.yaml"
    if path.exists():
        raise UsageError(
            f"there is a service {draft.service} already", remedy=f"edit {path}, or name another"
        )
    text = manifest(draft)
    service = service_folder.with_text(args.services, draft.service, text)
    made = _made(service)
    if not args.json:
        output.say(text.rstrip())
        output.say("\n`signet up` will create:", style="strong")
        for cloud, what in made.items():
            output.say(f"  {cloud}: {what}")
    if not args.yes and sys.stdin.isatty():
        output.confirm(f"Write {path}?", yes=False)
    service_folder.write(path, text)
    if args.json:
        output.emit_json({"service": service.name, "file": str(path), "creates": made})
        return 0
    output.say(f"written: {path}", style="good")
    output.say(f"next: signet up STACK, then signet probe STACK --service {service.name}")
    return 0


def _draft(args: argparse.Namespace) -> Draft:
    missing = [
        flag
        for flag, value in (
            ("NAME", args.name),
            ("--owner", args.owner),
            ("--contact", args.contact),
            ("--cloud", args.cloud),
            ("--audience", args.audience),
            ("--route", args.route),
        )
        if not value
    ]
    if missing and (not sys.stdin.isatty() or args.json):
        raise UsageError(
            f"what is missing cannot be asked here: {', '.join(missing)}",
            remedy="give it by flags; `signet service add --help` has an example",
        )
    others = service_folder.read(args.services).services
    name = args.name or _ask_name(others)
    routes = [_route(text) for text in args.route]
    return Draft(
        service=name,
        owner=args.owner or ask("owner", "team that answers for it", f"team-{name}", read=str),
        contact=args.contact or ask("contact", _CONTACT, read=str),
        clouds=args.cloud or ask("clouds", "clouds", "aws azure gcp", read=words),
        audience=args.audience or _ask_audience(name, others),
        routes=routes or _ask_routes(name),
        token_lifetime=args.token_lifetime,
        own_ring=args.own_ring,
        environments=args.environment,
        gateways=dict(_pair(text, "--gateway") for text in args.gateway),
        callers=[_caller(text) for text in args.caller],
    )


def _ask_name(others: Mapping[str, Service]) -> str:
    return ask(
        "service",
        "name of the service, such as orders",
        read=str,
        refuses=lambda name: f"there is a service {name} already" if name in others else "",
    )


def _ask_audience(name: str, others: Mapping[str, Service]) -> str:
    taken = {each.audience: each.name for each in others.values()}
    return ask(
        "audience",
        "audience of its tokens",
        f"https://{name}.example.com",
        read=str,
        refuses=lambda given: f"{taken[given]} has this audience" if given in taken else "",
    )


def _ask_routes(name: str) -> list[dict[str, Any]]:
    """Ask for one route and for further ones, until an empty answer."""
    what = "a route: METHODS PATH SCOPES"
    found = ask("routes", what, f"GET /{name}/{{id}} {name}:read", read=lambda text: [_route(text)])
    while (more := _ask_for_more(found)) != found:
        found = more
    return found


def _ask_for_more(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return ask(
        "routes",
        "one more route, or nothing",
        read=lambda text: [*found, _route(text)] if text else found,
    )


def _route(text: str) -> dict[str, Any]:
    parts = text.split()
    if len(parts) not in (2, 3):
        raise UsageError(
            f"{text!r} is no route", remedy="write METHODS PATH SCOPES: 'GET /orders orders:read'"
        )
    scopes = parts[2].split(",") if len(parts) > 2 else []  # noqa: PLR2004
    return {"methods": parts[0].split(","), "path": parts[1], "scopes": scopes}


def _caller(text: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    match: dict[str, str] = {}
    for part in text.split(","):
        name, value = _pair(part, "--caller")
        if name in ("scopes", "roles"):
            told[name] = value.split("+")
        elif name == "once":
            told[name] = value == "true"
        elif name in _CALLER_FIELDS:
            told[name] = value
        else:
            match[name] = value
    first: dict[str, Any] = {name: told.pop(name) for name in ("name", "identity") if name in told}
    return {**first, "match": match, **told}


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name or not value:
        raise UsageError(f"{flag}: {text!r} is no NAME=VALUE", remedy="write it as in --help")
    return name, value


def _made(service: Service) -> Mapping[str, str]:
    return {
        cloud: "; ".join(_parts(cloud, service.gateway(cloud).mode)) for cloud in service.clouds
    }


def _parts(cloud: str, mode: str) -> Sequence[str]:
    gateway = _GATEWAY.get((cloud, mode))
    return [_MADE[cloud], *([gateway] if gateway else [])]
