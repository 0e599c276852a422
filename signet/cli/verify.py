"""`signet verify`: check one token, or a stream of them, by the shared verification module."""

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from signet.cli import output
from signet.errors import CouldNotCheck, UsageError

if TYPE_CHECKING:
    from validator_functions.verification.keys import KeySet
    from validator_functions.verification.policy import Policy

TOKEN_VARIABLE = "SIGNET_TOKEN"  # noqa: S105 - a variable's name
_PUBLISHED_AT = "/.well-known/jwks.json"
_FETCH_SECONDS = 10.0
_COULD_NOT_CHECK = 503

_EXAMPLE = """\
examples:
  signet token issue ... | signet verify --issuer https://keys.example --audience https://api.example
  SIGNET_TOKEN=... signet verify --policy policy.yaml --jwks jwks.json --json
  signet verify --batch < cases.jsonl > answers.jsonl

The token comes from standard input, or from the environment variable SIGNET_TOKEN where that is
set; never from the command line, which other users of the machine and the shell's history can see.
A policy file holds the fields of --batch's `policy`; flags replace what it says.

exit codes: 0 allowed, 1 refused, 2 usage, 3 could not check
"""
_BATCH = """\
--batch reads JSON Lines on standard input, each {"id", "token", "jwks", "policy", "now"}, and
writes one answer for each line, blank ones too: {"id", "allowed", "reason", "status", "claims"}.
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "verify",
        help="check tokens by the shared verification module",
        description=f"{__doc__}\n\n{_BATCH}",
        epilog=_EXAMPLE,
    )
    # Taken so that it can be refused without argparse printing it into a pipeline's log.
    parser.add_argument("unexpected", nargs="*", help=argparse.SUPPRESS)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--batch", action="store_true", help="answer JSON Lines")
    source.add_argument("--token-env", metavar="NAME", help="take the token from this variable")
    source.add_argument(
        "--stdin",
        action="store_true",
        help=f"read standard input even where {TOKEN_VARIABLE} is set",
    )
    rules = parser.add_argument_group("what the token must satisfy")
    rules.add_argument("--policy", metavar="FILE", help="a policy in JSON or YAML")
    rules.add_argument("--issuer", help="the exact `iss`")
    rules.add_argument("--audience", action="append", help="an accepted `aud` (again for more)")
    rules.add_argument(
        "--algorithm", action="append", help="an accepted algorithm (default: RS256)"
    )
    rules.add_argument("--scope", action="append", help="a scope it must have (again for more)")
    rules.add_argument("--role", action="append", help="a role it must have (again for more)")
    rules.add_argument(
        "--typ", help="the `typ` it must have (default: at+jwt; any: absent, JWT or at+jwt)"
    )
    rules.add_argument("--require-claim", action="append", help="a claim it must have")
    rules.add_argument("--max-lifetime", type=int, metavar="SECONDS", help="default: 900")
    rules.add_argument("--clock-skew", type=int, metavar="SECONDS", help="default: 60")
    rules.add_argument("--now", type=int, metavar="EPOCH", help="judge as of then (default: now)")
    rules.add_argument(
        "--jwks",
        action="append",
        metavar="FILE|URL",
        help=f"the key set; again for mirrors (default: the issuer's {_PUBLISHED_AT})",
    )


def run(args: argparse.Namespace) -> int:
    """Check, print the decision, and answer the exit code."""
    if args.unexpected:
        raise UsageError(
            "signet verify: no token is taken from the command line",
            remedy=f"give it on standard input or in {TOKEN_VARIABLE}; the one just typed may "
            "stand in the shell's history now",
        )
    if args.batch:
        return _batch(args)
    from validator_functions.verification.errors import VerificationError
    from validator_functions.verification.token import verify

    policy = _policy(args)
    token = _token(args)
    keys = _keys(args.jwks or _published(policy))
    now = int(time.time()) if args.now is None else args.now
    try:
        claims = verify(token, keys, policy, now)
    except VerificationError as error:
        return _refused(error, as_json=args.json)
    decision = {
        "allowed": True,
        "reason": None,
        "status": 200,
        "kid": claims.kid,
        "claims": claims.as_dict(),
    }
    if args.json:
        output.emit_json(decision)
        return 0
    output.say("allowed", style="good")
    # ASCII and escaped: what a caller put into a claim must not steer a terminal.
    rows = [(name, json.dumps(value)) for name, value in claims.as_dict().items()]
    output.print_table("", ("claim", "value"), [*rows, ("(kid)", claims.kid)])
    return 0


def _batch(args: argparse.Namespace) -> int:
    single = ("policy", "issuer", "audience", "algorithm", "scope", "role", "typ", "require_claim")
    given = [
        f"--{name.replace('_', '-')}"
        for name in (*single, "max_lifetime", "clock_skew", "now", "jwks")
        if getattr(args, name) is not None
    ]
    if given:
        raise UsageError(
            f"signet verify: --batch takes no {', '.join(given)}",
            remedy="each line brings its own `policy`, `jwks` and `now`",
        )
    from signet.cli.verify_batch import answer_all

    answer_all(_standard_input(), sys.stdout.buffer)
    return 0


def _refused(error: Any, *, as_json: bool) -> int:
    reason, status = error.reason, error.reason.status
    if as_json:
        output.emit_json(
            {
                "allowed": False,
                "reason": str(reason),
                "status": status,
                "detail": error.detail,
                "claims": None,
            }
        )
    else:
        from signet.cli.verify_reasons import MEANING

        verdict = "could not check" if status == _COULD_NOT_CHECK else "refused"
        output.say(f"{verdict}: {reason} ({status})", style="bad")
        output.say(f"  {MEANING[reason]}")
        if error.detail:
            output.say(f"  where: {error.detail}", style="faint")
    return CouldNotCheck.exit_code if status == _COULD_NOT_CHECK else 1


def _token(args: argparse.Namespace) -> bytes:
    from validator_functions.verification import limits

    if args.token_env is not None:
        if args.token_env not in os.environ:
            raise UsageError(f"the environment variable {args.token_env} is not set")
        return os.environ[args.token_env].encode(errors="surrogateescape")
    if not args.stdin and os.environ.get(TOKEN_VARIABLE):
        return os.environ[TOKEN_VARIABLE].encode(errors="surrogateescape")
    source = _standard_input()
    if sys.stdin.isatty():
        output.note("paste the token, then press Enter and Ctrl-D:")
    token = source.read(limits.TOKEN + 2)
    # One line end belongs to the shell; anything more is part of what is judged.
    return token.removesuffix(b"\n").removesuffix(b"\r")


def _standard_input() -> BinaryIO:
    # Python leaves it None where the shell closed it (`<&-`), whatever its type says.
    stream: TextIO | None = sys.stdin
    if stream is None:
        raise UsageError("signet verify: standard input is closed")
    return stream.buffer


def _policy(args: argparse.Namespace) -> "Policy":
    from validator_functions.verification.errors import SettingsError
    from validator_functions.verification.policy import Policy

    members: Any
    if args.policy is None:
        members = {"algorithms": ["RS256"], "max_lifetime": 900, "clock_skew": 60, "typ": "at+jwt"}
    else:
        members = _policy_file(args.policy)
    given = {
        "issuer": args.issuer,
        "audience": args.audience,
        "algorithms": args.algorithm,
        "max_lifetime": args.max_lifetime,
        "clock_skew": args.clock_skew,
        "typ": args.typ,
        "scopes": args.scope,
        "roles": args.role,
        "required_claims": args.require_claim,
    }
    members.update({name: value for name, value in given.items() if value is not None})
    if members.get("typ") == "any":
        del members["typ"]
    missing = [f"--{name}" for name in ("issuer", "audience") if name not in members]
    if missing:
        raise UsageError(
            f"signet verify: {' and '.join(missing)} missing",
            remedy="say whose token and for whom; a policy file may say null for `do not check`",
        )
    try:
        return Policy.from_json(members)
    except SettingsError as error:
        raise UsageError(
            "\n  - ".join(["the policy is wrong:", *error.faults]),
            where=args.policy or "",
            remedy="see `signet verify --help`",
        ) from None


def _policy_file(name: str) -> dict[str, Any]:
    from validator_functions.verification import limits, strict_json

    text = _read(name, limits.SETTINGS)
    try:
        if text.lstrip().startswith(b"{"):
            return strict_json.parse_object(text)
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ValueError:
        raise UsageError("the policy is not strict JSON", where=name) from None
    try:
        members = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):
        raise UsageError("the policy is neither JSON nor YAML", where=name) from None
    if not isinstance(members, dict):
        raise UsageError("the policy is not a mapping", where=name)
    return members


def _read(name: str, limit: int) -> bytes:
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - bounded reading
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    if len(data) > limit:
        raise UsageError(f"{name} is larger than {limit} bytes")
    return data


def _published(policy: "Policy") -> list[str]:
    if policy.issuer is None or not policy.issuer.startswith(("https://", "http://")):
        raise UsageError(
            "signet verify: --jwks missing",
            remedy="name a file or a URL; only an issuer that is a URL tells where its set is",
        )
    return [policy.issuer.rstrip("/") + _PUBLISHED_AT]


def _keys(sources: list[str]) -> "KeySet":
    """The first set that can be had; `CouldNotCheck` where none can."""
    from validator_functions.verification import limits
    from validator_functions.verification.errors import SettingsError
    from validator_functions.verification.fetch import FetchFailed
    from validator_functions.verification.keys import KeySet

    problems = []
    for source in sources:
        try:
            remote = "://" in source
            data = _fetch(source) if remote else _read(source, limits.KEY_SET)
            return KeySet.parse(data)
        except FetchFailed as error:
            problems.append(f"{source}: {error}")
        except SettingsError as error:
            problems.append(f"{source}: {error.detail}")
    raise CouldNotCheck(
        "\n  - ".join(["no key set could be had:", *problems]),
        remedy="check the addresses, or give the set as a file with --jwks",
    )


def _fetch(url: str) -> bytes:
    from signet.engine import sandbox_marker
    from validator_functions.verification import limits
    from validator_functions.verification.fetch import HttpFetcher

    loopback = url.startswith("http://") and sandbox_marker.active() is not None
    fetcher = HttpFetcher(loopback_http=loopback, max_bytes=limits.KEY_SET)
    return fetcher(url, timeout=_FETCH_SECONDS).body
