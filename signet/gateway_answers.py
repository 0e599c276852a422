"""What a client sees of a decision, by gateway. Pure.

The decision, its logged status and its reason are the same everywhere; what reaches the client is
the gateway's own. The table is that of `validator_functions/<runtime>/answers.py` (which have the
sources), and tests hold them together: each way without its cloud, and the matrix of
`docs/runtimes.md` through the gateways themselves. `envoy`, `caddy`, `traefik` and `nginx` are
those proxies with the configuration that the stack exports:

=================  ===  ===  ===  ===  ======================================================
gateway            200  401  403  503  without a token
=================  ===  ===  ===  ===  ======================================================
aws http           200  403  403  500  401 from the gateway; the validator is not asked
aws http-iam       200  403  403  500  401 from the gateway; the validator is not asked
aws rest-token     200  401  403  500  401 from the gateway; the validator is not asked
aws rest-request   200  401  403  500  401, from the gateway or (uncached) from the validator
azure function     200  401  403  503  401 from the function itself
gcp forward-auth   200  401  403  503  401 from the validator
gcp envoy          200  401  403  503  401 from the validator
gcp caddy          200  401  403  503  401 from the validator
gcp traefik        200  401  403  503  401 from the validator
gcp nginx          200  401  403  503  401 from the validator
=================  ===  ===  ===  ===  ======================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from validator_functions.verification.reasons import Reason

_OK: Final = 200


@dataclass(frozen=True, kw_only=True)
class GatewayAnswers:
    """One kind of gateway: what it makes of each decision, and whether it asks at all.

    `without_token` is what a request without credentials gets; `asks_without_token` tells whether
    the validator may be asked about it, and so whether a line of it may be logged.
    """

    title: str
    by_status: Mapping[int, int]
    without_token: int = 401
    asks_without_token: bool = False


@dataclass(frozen=True)
class Expectation:
    """What one gateway must show for one case: the status, and any of these logged reasons.

    None among the reasons stands for no logged refusal.
    """

    status: int
    reasons: frozenset[Reason | None]


ANSWERS: Final[Mapping[tuple[str, str], GatewayAnswers]] = {
    ("aws", "http"): GatewayAnswers(
        title="HTTP API, simple answer",
        by_status={200: 200, 401: 403, 403: 403, 503: 500},
    ),
    ("aws", "http-iam"): GatewayAnswers(
        title="HTTP API, IAM answer",
        by_status={200: 200, 401: 403, 403: 403, 503: 500},
    ),
    ("aws", "rest-token"): GatewayAnswers(
        title="REST API, TOKEN authorizer",
        by_status={200: 200, 401: 401, 403: 403, 503: 500},
    ),
    ("aws", "rest-request"): GatewayAnswers(
        title="REST API, REQUEST authorizer",
        by_status={200: 200, 401: 401, 403: 403, 503: 500},
        asks_without_token=True,
    ),
    ("azure", "function"): GatewayAnswers(
        title="Azure Functions, called directly",
        by_status={200: 200, 401: 401, 403: 403, 503: 503},
        asks_without_token=True,
    ),
    **{
        ("gcp", name): GatewayAnswers(
            title=title,
            by_status={200: 200, 401: 401, 403: 403, 503: 503},
            asks_without_token=True,
        )
        for name, title in (
            ("forward-auth", "Cloud Run, as a proxy asks it"),
            ("envoy", "Cloud Run behind Envoy's ext_authz"),
            ("caddy", "Cloud Run behind Caddy's forward_auth"),
            ("traefik", "Cloud Run behind Traefik's ForwardAuth"),
            ("nginx", "Cloud Run behind nginx's auth_request"),
        )
    },
}
"""By cloud and by the gateway's name in the stack output `gateways`."""


def expected(cloud: str, gateway: str, reason: Reason | None) -> Expectation:
    """Return what a client of this gateway sees when the decision is `reason` (None: allowed).

    Raises KeyError for a gateway that is not in the table.
    """
    answers = ANSWERS[cloud, gateway]
    if reason is Reason.TOKEN_MISSING:
        logged = {None, reason} if answers.asks_without_token else {None}
        return Expectation(answers.without_token, frozenset(logged))
    status = _OK if reason is None else reason.status
    return Expectation(answers.by_status[status], frozenset({reason}))
