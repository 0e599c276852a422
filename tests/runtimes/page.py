"""`docs/runtimes.md`: what the last whole run of the matrix found."""

from pathlib import Path

_HEAD = """# One table of cases, every runtime and gateway

`make matrix` puts every case of [the list of refusals](verification.md) and every good token to
the module, to the Lambda handler under AWS's runtime client, to API Gateway and Lambda in the
sandbox, to the Function (Microsoft's types, the sandbox's host), and to Cloud Run's server behind
Envoy, Caddy, Traefik and nginx, the real programs. It compares the verdict, the one logged line's
status and reason, and what the client sees with [the table of its gateway](gateways.md), prints
what differs and, where nothing does, writes this page. A test holds the page to the cases.

- Each distinct set of keys, policy and time is deployed with a settings file of its own, and the
  wall clock of the process stands at the case's second. Nothing else is changed.
- Keys and policies with a fault are settings with a fault: every runtime then answers 503,
  `policy_invalid`. So is a policy that leaves issuer, audience or `typ` unchecked.
- A token is part of a request: one that is empty, too long, or holds a space or a comma is refused
  as credentials (`credentials_malformed`, `token_too_large`), the same everywhere.
- White space at a header's end is no part of its value (RFC 9110): over HTTP such a token is good.
- Lambda columns without a gateway: what API Gateway makes of an answer is taken from its guide.

"""


def page(root: Path) -> Path:
    """Where it is."""
    return root / "docs" / "runtimes.md"


def write(root: Path, tables: str) -> None:
    """Write what a whole run found."""
    page(root).write_text(_HEAD + tables, encoding="utf-8")


def tables(root: Path) -> str:
    """What a whole run found, as it was written."""
    text = page(root).read_text(encoding="utf-8")
    if not text.startswith(_HEAD):
        raise ValueError("the page's head is not the one that is written: run `make matrix`")
    return text.removeprefix(_HEAD)
