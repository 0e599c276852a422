"""Decisions per CPU second of the server's process: ours on Cloud Run, Envoy's own, and others'.

Each server has one worker, the same key and the same tokens (RS256, nine claims), and is asked over
eight kept connections on loopback. CPU time is the process's own, threads and system calls
included. Envoy answers by itself (`direct_response`): it has no back end to ask and, in the first
of its rows, tells nobody who called, which flatters it. Nobody keeps tokens unless its name says
so: keeping one costs something for a fresh token, and is what a repeated one gains by. As in
`benchmarks.verification` the servers take turns in slices, in a new random order each round, and
what counts is a server's fastest twentieth: a neighbour on the same core slows Python more than it
does native code.

The *floor* is what no server in Python can be faster than: one that reads and sends fixed octets,
and `cryptography`'s bare check of a signature. The table of parts says where the rest goes.
"""

import random
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import _servers as servers
from benchmarks.row import Row
from benchmarks.verification import Sample, measure, quiet
from tests.load.asking import ask, cpu_seconds
from tests.load.service import Service, request
from validator_functions.cloud_run import ordinary
from validator_functions.cloud_run.requests import read
from validator_functions.verification import Authorizer, StaticKeys, load

REPEATED_ADVANTAGE = 1.5
_OURS, _CACHED = "Cloud Run server", "Cloud Run server, its cache on"
_ENVOY, _EMPTY = "Envoy jwt_authn", "empty server"
_SLICE = 128
"""Requests; a few milliseconds."""

Taken = dict[tuple[str, str], list[float]]
"""CPU seconds of one request, by server and kind of token."""


def run(quick: bool) -> list[Row]:
    """Measure every server with fresh tokens and with repeated ones."""
    rounds = 30 if quick else 100
    kinds: dict[str, Callable[[Service], Any]] = {
        _OURS: servers.ours,
        _CACHED: servers.ours_with_cache,
        _ENVOY: servers.envoy,
        "Envoy jwt_authn, its cache on": servers.envoy_with_cache,
        "Envoy jwt_authn, telling who called": servers.envoy_telling,
        "FastAPI and PyJWT": servers.fastapi,
        _EMPTY: servers.empty,
    }
    if servers.oathkeeper_program():
        kinds["Ory Oathkeeper"] = servers.oathkeeper
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        service = Service(Path(folder))
        stack.enter_context(service.store.running())
        started = {name: stack.enter_context(start(service)) for name, start in kinds.items()}
        taken = _measured(service, started, rounds)
        return [
            *_rates(taken, f"fastest twentieth of {rounds} x {_SLICE}"),
            *_parts(service, taken, rounds),
        ]


def _measured(service: Service, started: dict[str, servers.Started], rounds: int) -> Taken:
    taken: Taken = {}
    again = service.token()
    for _ in range(rounds):
        fresh = service.tokens(_SLICE)
        order = [(name, kind) for name in started for kind in ("fresh", "repeated")]
        random.shuffle(order)
        for name, kind in order:
            port, pid, path = started[name]
            tokens = fresh if kind == "fresh" else [again] * _SLICE
            requests = [request(token, path) for token in tokens]
            begun = cpu_seconds(pid)
            statuses = ask(port, requests)
            spent = cpu_seconds(pid) - begun
            if set(statuses) != {200}:
                raise RuntimeError(f"{name} refused a good token: {sorted(set(statuses))}")
            taken.setdefault((name, kind), []).append(spent / _SLICE)
    return taken


def _rates(taken: Taken, note: str) -> list[Row]:
    rows = [
        Row(name=f"{name}, {kind} tokens", value=1 / quiet(each), unit="per CPU s", note=note)
        for (name, kind), each in sorted(taken.items(), key=lambda item: item[0][::-1])
        if name != _EMPTY
    ]
    for ours, kind, least in (
        (_OURS, "fresh", 1.0),
        (_CACHED, "fresh", None),
        (_CACHED, "repeated", REPEATED_ADVANTAGE),
    ):
        rows.append(
            Row(
                name=f"{ours}, to Envoy, {kind} tokens",
                value=quiet(taken[_ENVOY, kind]) / quiet(taken[ours, kind]),
                unit="x",
                limit=least,
                more_is_better=True,
            )
        )
    return rows


def _parts(service: Service, taken: Taken, rounds: int) -> list[Row]:
    """Where a fresh token's time goes, in microseconds, and the floor."""
    settings = load({"SIGNET_SETTINGS_FILE": str(service.settings_file)})
    authorizer = Authorizer(settings, StaticKeys.of(settings))
    asked = ordinary.read(request(service.token()))
    if asked is None or not authorizer.authorize(read("envoy", *asked)).allowed:
        raise RuntimeError("the module refused a good token")
    question = read("envoy", *asked)
    timed = measure(
        {"bare": Sample("RS256").bare(), "authorize": lambda: authorizer.authorize(question)},
        rounds * 4,
    )
    empty, whole = quiet(taken[_EMPTY, "fresh"]), quiet(taken[_OURS, "fresh"])
    bare, authorize = quiet(timed["bare"]), quiet(timed["authorize"])
    parts = {
        "an empty server": empty,
        "the bare signature check": bare,
        "the rest of `authorize`": authorize - bare,
        "reading, answering, the loop, cold caches": whole - empty - authorize,
    }
    return [
        Row(name="floor: empty server and bare check", value=1 / (empty + bare), unit="per CPU s"),
        *(
            Row(name=f"of a fresh token: {name}", value=each * 1e6, unit="us")
            for name, each in parts.items()
        ),
    ]
