"""Swap a pipeline's platform identity for a short token of Signet (RFC 8693, no stored secret).

    SIGNET_TOKEN_URL=https://tokens.example.com/token SIGNET_AUDIENCE=https://orders.example.com \
        python3 get_token.py --output "$RUNNER_TEMP/token"

The platform's token is asked for on GitHub (`permissions: id-token: write`), with
`SIGNET_SUBJECT_AUDIENCE` as its audience; elsewhere it is `SIGNET_SUBJECT_TOKEN` (GitLab:
`id_tokens`). `SIGNET_SCOPE` narrows what is asked for. The token goes into a file that only its
owner reads and, on GitHub, masked into the step's output `token`; never to the log.

Exit codes: 0 a token, 1 refused, 2 usage, 3 could not ask.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_SECONDS = 20
_TRIES = 3
_LONGEST_WAIT = 30
_BUSY, _UNAVAILABLE = 429, 503
_REFUSED, _USAGE, _COULD_NOT = 1, 2, 3


class Failed(Exception):
    """Ends the step: what to say, and the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the credentials to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def main(
    arguments: list[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Get one token and put it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, help="the file that the token is written to")
    args = parser.parse_args(arguments)
    try:
        form = {
            "grant_type": _EXCHANGE,
            "subject_token": _subject_token(environ),
            "subject_token_type": _JWT,
            "audience": _needed(environ, "SIGNET_AUDIENCE"),
        }
        if environ.get("SIGNET_SCOPE"):
            form["scope"] = environ["SIGNET_SCOPE"]
        token = _exchange(_address(_needed(environ, "SIGNET_TOKEN_URL")), form, sleep)
        _hand_over(token, args.output, environ.get("GITHUB_OUTPUT"))
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    return 0


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise Failed(f"{name} is not set", _USAGE)
    return value


def _address(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and parts.hostname != "127.0.0.1":
        raise Failed(f"{url}: tokens are sent over https alone", _USAGE)
    return url


def _subject_token(environ: Mapping[str, str]) -> str:
    """The platform's own token: given, or asked of GitHub ("OpenID Connect reference")."""
    if environ.get("SIGNET_SUBJECT_TOKEN"):
        return environ["SIGNET_SUBJECT_TOKEN"]
    url, bearer = (environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{part}", "") for part in ("URL", "TOKEN"))
    if not url or not bearer:
        raise Failed(
            "the platform gives no identity: on GitHub set `permissions: id-token: write`, on "
            "GitLab `id_tokens: SIGNET_SUBJECT_TOKEN: aud: ...`",
            _USAGE,
        )
    audience = urllib.parse.quote(_needed(environ, "SIGNET_SUBJECT_AUDIENCE"), safe="")
    request = urllib.request.Request(  # noqa: S310 - checked by _address
        f"{_address(url)}&audience={audience}", headers={"Authorization": f"bearer {bearer}"}
    )
    status, _, told = _ask(request)
    value = told.get("value")
    if not isinstance(value, str):
        raise Failed(f"GitHub gave no identity token (status {status})", _COULD_NOT)
    return value


def _exchange(url: str, form: Mapping[str, str], sleep: Callable[[float], None]) -> str:
    request = urllib.request.Request(  # noqa: S310 - checked by _address
        url,
        data=urllib.parse.urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    for left in reversed(range(_TRIES)):
        status, wait, told = _ask(request)
        token = told.get("access_token")
        if isinstance(token, str):
            return token
        if status not in (_BUSY, _UNAVAILABLE) or not left:
            break
        sleep(min(wait, _LONGEST_WAIT))
    said = " ".join(str(told[name]) for name in ("error", "error_description") if name in told)
    code = _COULD_NOT if status in (_BUSY, _UNAVAILABLE) or not said else _REFUSED
    raise Failed(f"no token (status {status}): {said or 'no answer of a token service'}", code)


def _ask(request: urllib.request.Request) -> tuple[int, int, dict[str, Any]]:
    """Status, seconds to wait before trying again, and the JSON object of the answer."""
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            status, headers, body = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, headers, body = error.code, error.headers, error.read()
    except OSError as error:
        raise Failed(f"{request.host} does not answer: {error}", _COULD_NOT) from None
    wait = headers.get("Retry-After", "1")
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    return status, int(wait) if wait.isdecimal() else 1, told if isinstance(told, dict) else {}


def _hand_over(token: str, file: Path | None, github_output: str | None) -> None:
    if not token.isascii() or not token.isprintable():
        raise Failed("the token service's answer is no token", _COULD_NOT)
    if github_output:
        # The mask comes first: from here on the runner hides the value wherever it is printed.
        sys.stdout.write(f"::add-mask::{token}\n")
        with Path(github_output).open("a", encoding="utf-8") as output:
            output.write(f"token={token}\n")
    if file is not None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as made:
            made.write(token)
    if not github_output and file is None:
        raise Failed("say where the token goes: --output FILE", _USAGE)


def _run() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    _run()
