"""`signet token`: issue a token, swap a platform's for one, or look at one."""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signet.cli import issuing_record, output, run_options, stacks, token_claims, token_exchange
from signet.errors import NegativeAnswer, SettingsError, UsageError
from signet.paths import repo_root

if TYPE_CHECKING:
    from signet.engine.place import Place
    from signet.issuing.active import ActiveKey
    from signet.issuing.claims import TokenRequest

_DEFAULT_LIFETIME = 300
_INPUT_LIMIT = 65_536

_EXAMPLE = """\
examples:
  signet token issue --stack prod --audience https://orders.example --subject nightly-job
  TOKEN=$(signet token issue --stack local --audience https://api.local.signet.invalid \\
      --subject me --scope demo:read --ttl 10m)
  signet token inspect <<< "$TOKEN"
  SIGNET_TOKEN=... signet token inspect --env SIGNET_TOKEN
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "token", help="issue, exchange and inspect tokens", description=__doc__, epilog=_EXAMPLE
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    issue = actions.add_parser(
        "issue",
        help="print a token signed by the stack's active key",
        description="Print one token on standard output and nothing else. The KMS is reached with "
        "your own cloud credentials, which need the permission to sign.",
        epilog=_EXAMPLE,
    )
    issue.add_argument("--stack", required=True, help="the environment, such as local or prod")
    issue.add_argument("--audience", required=True, help="the one service it is for (`aud`)")
    issue.add_argument("--subject", required=True, help="who it is about (`sub`)")
    issue.add_argument("--scope", action="append", default=[], help="a scope (again for more)")
    issue.add_argument("--role", action="append", default=[], help="a role (again for more)")
    issue.add_argument(
        "--ttl",
        metavar="TIME",
        help="how long it lives, such as 90s or 10m (default: 5m, or the policy's cap if shorter)",
    )
    issue.add_argument("--client-id", help="who asked for it (default: the subject)")
    issue.add_argument("--actor", help="who acts for the subject (`act`, RFC 8693)")
    issue.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a claim of services/contract.yaml, its value as JSON or text (again for more)",
    )
    issue.add_argument(
        "--services", type=Path, default=repo_root() / "services", help=argparse.SUPPRESS
    )
    issue.add_argument("--ring", help="key ring (default: the one whose tokens the service takes)")
    token_exchange.add(actions)
    inspect = actions.add_parser(
        "inspect",
        help="show what a token says, without checking it",
        description="Show the header and the payload of a token from standard input. Nothing is "
        "verified; `signet verify` does that.",
        epilog=_EXAMPLE,
    )
    inspect.add_argument(
        "--env", metavar="NAME", help="take the token from this environment variable instead"
    )


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    chosen = {"issue": _issue, "exchange": token_exchange.run, "inspect": _inspect}
    return chosen[args.action](args)


def _issue(args: argparse.Namespace) -> int:
    from signet.issuing.active import active_key

    stack = stacks.existing_stack(args.stack, quiet=True)
    found = issuing_record.read(stack)
    services = found.outputs.get("services") or {}
    ring = args.ring or token_claims.ring_for(args.audience, services)
    key = active_key(args.stack, found.journal, found.confirmed, ring=ring)
    request = _request(args, key, services)
    agreed = _checked(args, request, found.outputs)
    now = int(time.time())
    token = _sign(stack.place, key, found.identity(key), (request, agreed), now)
    if not args.json:
        sys.stdout.write(token + "\n")
        return 0
    output.emit_json(
        {
            "token": token,
            "token_type": "Bearer",
            "expires_in": request.lifetime,
            "expires_at": now + request.lifetime,
            "issuer": key.issuer,
            "subject": request.subject,
            "audience": request.audience,
            "scopes": list(request.scopes),
            "roles": list(request.roles),
            "kid": key.kid,
            "generation": key.generation,
        }
    )
    return 0


def _request(
    args: argparse.Namespace, key: "ActiveKey", services: Mapping[str, Mapping[str, Any]]
) -> "TokenRequest":
    from signet.issuing.claims import TokenRequest

    if args.ttl is None:
        longest = token_claims.longest_for(args.audience, services) or _DEFAULT_LIFETIME
        lifetime = min(_DEFAULT_LIFETIME, key.longest_lifetime, longest)
    else:
        lifetime = int(run_options.seconds(args.ttl))
    return TokenRequest(
        subject=args.subject,
        audience=args.audience,
        lifetime=lifetime,
        scopes=tuple(args.scope),
        roles=tuple(args.role),
        client_id=args.client_id,
        actor=args.actor,
        extra=token_claims.parse(args.claim),
    )


def _checked(
    args: argparse.Namespace, request: "TokenRequest", outputs: Mapping[str, Any]
) -> frozenset[str]:
    """Hold a request against its service and the claims contract. Raises SettingsError."""
    contract = token_claims.contract(args.services)
    faults = [
        *contract.value_faults(request.extra, "issuer"),
        *token_claims.service_faults(request, outputs.get("services") or {}),
    ]
    if faults:
        raise SettingsError(faults)
    return contract.settable("issuer")


def _sign(
    place: "Place",
    key: "ActiveKey",
    identity: str | None,
    asked: "tuple[TokenRequest, frozenset[str]]",
    now: int,
) -> str:
    from signet.issuing.errors import KmsUnreachable
    from signet.issuing.issuer import confirmed_keys, issue
    from signet.issuing.signers import signer_for

    try:
        with place.applied():
            signer = signer_for(key.cloud, key.key_reference, key.algorithm, identity=identity)
            return issue(
                signer,
                asked[0],
                kid=key.kid,
                issuer=key.issuer,
                longest_lifetime=key.longest_lifetime,
                now=now,
                keys=lambda: confirmed_keys(signer, key.kid),
                agreed=asked[1],
            )
    except KmsUnreachable as error:
        if place.in_sandbox:
            error.remedy = "is the sandbox running? `signet sandbox start` starts it"
        raise


def _inspect(args: argparse.Namespace) -> int:
    from signet.issuing.inspection import inspect

    found = inspect(_token(args), int(time.time()))
    if args.json:
        output.emit_json(found.as_dict())
        return 0
    output.say("UNVERIFIED: anybody can write this; nothing was checked.", style="warn")
    output.print_table("header (unverified)", ["name", "value"], found.header_rows())
    output.print_table("payload (unverified)", ["name", "value", "means"], found.payload_rows())
    output.say(found.sizes(), style="faint")
    output.say("To have it checked: signet verify --help", style="faint")
    return 0


def _token(args: argparse.Namespace) -> str:
    text = _from_environment(args.env) if args.env else _from_standard_input()
    token = text.strip()
    if token[:7].lower() == "bearer ":
        token = token[7:].strip()
    if not token:
        raise UsageError("there is no token to look at", remedy="signet token inspect <<< $TOKEN")
    if len(token) > _INPUT_LIMIT:
        raise NegativeAnswer(f"this is longer than {_INPUT_LIMIT} characters: not a token")
    return token


def _from_environment(name: str) -> str:
    import os

    if name not in os.environ:
        raise UsageError(f"the environment has no {name}", remedy=f"export {name}=..., then again")
    return os.environ[name]


def _from_standard_input() -> str:
    if sys.stdin.isatty():
        output.note("paste the token, then end with Ctrl-D:", style="faint")
    return sys.stdin.read(_INPUT_LIMIT + 16)
