"""`signet token exchange`: swap a platform's identity token for one of a stack's token service."""

import argparse
import json
import sys
from typing import Any, Final

from signet.cli import output, stacks
from signet.errors import CouldNotCheck, NegativeAnswer, UsageError
from signet.probing.gateway_call import GatewayAnswer, post_form

URL_VARIABLE: Final = "SIGNET_TOKEN_SERVICE"
_GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
_INPUT_LIMIT: Final = 32_768
_LATER: Final = frozenset({429, 500, 502, 503, 504})

EXAMPLE = """\
examples:
  TOKEN=$(signet token exchange --stack prod --audience https://orders.example <<< "$ID_TOKEN")
  SIGNET_TOKEN_SERVICE=https://... signet token exchange --audience https://orders.example \\
      --env ID_TOKEN --scope orders:read
"""


def add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = actions.add_parser(
        "exchange",
        help="swap a platform's token for a short one of the token service",
        description="Print one token on standard output and nothing else. The platform's token is "
        "read from standard input, or from an environment variable; never from the command line, "
        "which others on this machine can see.",
        epilog=EXAMPLE,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--stack", help="take the address from this stack's outputs")
    where.add_argument("--url", help=f"the token endpoint (default: ${URL_VARIABLE})")
    parser.add_argument("--audience", required=True, help="the one service it is for (`aud`)")
    parser.add_argument("--scope", action="append", default=[], help="a scope (again for more)")
    parser.add_argument("--client-id", help="which caller, where several rules fit")
    parser.add_argument("--env", metavar="NAME", help="take the platform's token from there")


def run(args: argparse.Namespace) -> int:
    """Exchange one token."""
    form = {
        "grant_type": _GRANT_TYPE,
        "subject_token": _subject_token(args.env),
        "subject_token_type": _JWT,
        "audience": args.audience,
    }
    if args.scope:
        form["scope"] = " ".join(args.scope)
    if args.client_id:
        form["client_id"] = args.client_id
    url = _url(args)
    answer = post_form(url, form)
    told = _members(answer)
    token = told.get("access_token")
    if answer.status != 200 or not isinstance(token, str):  # noqa: PLR2004
        raise _refusal(answer, told, url)
    missing = sorted(set(args.scope) - set(str(told.get("scope", "")).split(" ")))
    if missing:
        output.note(f"not granted: {' '.join(missing)}", style="warn")
    if args.json:
        output.emit_json(told)
    else:
        sys.stdout.write(token + "\n")
    return 0


def _refusal(answer: GatewayAnswer, told: dict[str, Any], url: str) -> Exception:
    said = told.get("error_description") or f"status {answer.status}"
    reason = f" ({told['reason']})" if told.get("reason") else ""
    what = f"the token service gave no token: {said}{reason}"
    if answer.status in _LATER:
        seconds = answer.headers.get("retry-after", "a few")
        return CouldNotCheck(what, where=url, remedy=f"try again in {seconds} s")
    return NegativeAnswer(
        what,
        where=url,
        remedy='its log says which rule and claim it was (docs/token-service.md, "Refusals")',
    )


def _members(answer: GatewayAnswer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _url(args: argparse.Namespace) -> str:
    import os

    named = args.url or (os.environ.get(URL_VARIABLE) if args.stack is None else None)
    if named:
        return str(named)
    if args.stack is None:
        raise UsageError(
            "it is not said which token service to ask",
            remedy=f"give --stack or --url, or set {URL_VARIABLE}",
        )
    outputs = stacks.existing_stack(args.stack, quiet=True).outputs()
    service = outputs.get("tokenService")
    if not isinstance(service, dict) or not service.get("url"):
        raise UsageError(
            f"the stack {args.stack} has no token service",
            remedy="set signet:tokenService to create, then `signet up`",
        )
    return str(service["url"])


def _subject_token(variable: str | None) -> str:
    import os

    if variable is not None:
        text = os.environ.get(variable, "")
    elif sys.stdin.isatty():
        raise UsageError("there is no token on standard input", remedy="pipe it in, or give --env")
    else:
        text = sys.stdin.read(_INPUT_LIMIT + 1)
    token = text.strip()
    if not token or len(token) > _INPUT_LIMIT:
        where = f"${variable}" if variable else "standard input"
        raise UsageError(
            f"{where} holds no token", remedy="give the platform's token, and nothing else"
        )
    return token
