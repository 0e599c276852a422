"""Token exchange on one core, whole requests in this process, with the time of each part.

Each request brings a token of its own (made before the clock starts), as GitHub shapes it. The KMS
costs nothing: a key in this process signs, and its time is taken off. What stays of `sign` is
PyJWT's encoding and the check of the token before it leaves.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from benchmarks.row import Row
from signet.issuing.exchange.form import FORM_TYPE, GRANT_TYPE, JWT
from signet.issuing.exchange.service import Clocks, HttpRequest, TokenService
from signet.issuing.exchange.signing import signings
from signet.issuing.exchange.subjects import Subjects
from signet.token_service import Limits
from tests.unit.exchange.world import ISSUER, ORDERS, World, settings
from tests.unit.issuing.local_keys import LocalSigner

LEAST_PER_SECOND = 200.0


class _Timed(LocalSigner):
    """A local key that adds up how long it signed."""

    seconds = 0.0

    def sign(self, message: bytes) -> bytes:
        begun = time.process_time()
        try:
            return super().sign(message)
        finally:
            self.seconds += time.process_time() - begun


def run(quick: bool) -> list[Row]:
    """Exchange one token after the other."""
    count = 300 if quick else 2_000
    world, signer = World(), _Timed("RS256")
    lines: list[str] = []
    service = _service(world, signer, lines.append)
    requests = [_request(world, number) for number in range(count)]
    service.handle(requests[0])
    signer.seconds = 0.0
    lines.clear()
    begun = time.process_time()
    answers = [service.handle(request) for request in requests]
    taken = time.process_time() - begun
    if any(answer.status != 200 for answer in answers):  # noqa: PLR2004
        raise RuntimeError(f"not every exchange was answered: {answers[-1].body}")
    note = f"{count} requests, one thread, processor time"
    free = taken - signer.seconds
    return [
        Row(
            name="exchange, KMS at no cost",
            value=count / free,
            unit="1/s",
            limit=LEAST_PER_SECOND,
            more_is_better=True,
            note=note,
        ),
        Row(name="exchange, RSA-2048 signed here", value=count / taken, unit="1/s", note=note),
        *_parts(lines, signer.seconds / count * 1_000),
    ]


def _parts(lines: list[str], signing: float) -> list[Row]:
    import json

    told: list[dict[str, Any]] = [json.loads(line)["ms"] for line in lines]
    rows = []
    for name in ("form", "subject", "policy", "sign", "total"):
        value = statistics.fmean(part[name] for part in told)
        if name in {"sign", "total"}:
            value -= signing
        rows.append(
            Row(name=f"  of it: {name}", value=value, unit="ms", note="mean, without the KMS")
        )
    rows.append(Row(name="  taken off: the local key", value=signing, unit="ms", note="mean"))
    return rows


def _service(world: World, signer: LocalSigner, write: Callable[[str], None]) -> TokenService:
    limits = Limits(
        caller_per_second=10**6, caller_burst=10**6, sign_per_second=10**6, sign_burst=10**6
    )
    told = settings(signer, limits=limits)
    return TokenService(
        told,
        Subjects(told.services[0].callers, ISSUER, world.stores),
        signings(told.keys, lambda _: signer),
        None,
        clocks=Clocks(wall=lambda: world.now, monotonic=time.process_time),
        write=write,
    )


def _request(world: World, number: int) -> HttpRequest:
    form = {
        "grant_type": GRANT_TYPE,
        "subject_token": world.token("github", jti=f"run-{number}"),
        "subject_token_type": JWT,
        "audience": ORDERS,
        "scope": "orders:read",
    }
    return HttpRequest(
        method="POST",
        path="/token",
        headers={"content-type": FORM_TYPE},
        body=urlencode(form).encode(),
        request_id=f"r-{number}",
    )
