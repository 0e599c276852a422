"""The example receiver, called as an ASGI server does: who gets through, and what it acts on."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from examples.webhook_receiver.app import PATH, application
from tests.cases import forge
from tests.cases.settings import artefact, document

SIGNER = forge.Signer("ES256")
RULES = {
    "default": "refuse",
    "rules": [{"methods": ["POST"], "path": PATH, "scopes": ["deployments:announce"]}],
}
BODY = {"service": "orders", "version": "1.2.3", "announced_by": "somebody else"}


class Receiver:
    """The whole program under one settings file, and what it was told."""

    def __init__(self, folder: Path) -> None:
        settings = document(SIGNER, routes=RULES)
        (folder / "settings.json").write_bytes(artefact(settings))
        self.announced: list[tuple[str, dict[str, Any]]] = []
        self.app = application(lambda subject, told: self.announced.append((subject, told)))

    def post(
        self, token: str | None, *body: bytes, path: str = PATH, method: str = "POST"
    ) -> tuple[int, dict[str, Any]]:
        headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "headers": [*headers, (b"x-signet-subject", b"root")],
        }
        parts = [
            {"type": "http.request", "body": part, "more_body": position < len(body) - 1}
            for position, part in enumerate(body)
        ] or [{"type": "http.request"}]
        sent: list[Any] = []

        async def receive() -> Any:
            return parts.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setenv("SIGNET_SETTINGS_FILE", str(tmp_path / "settings.json"))
    return Receiver(tmp_path)


def token(**changes: Any) -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 600, "scope": "deployments:announce"}
    return SIGNER.token(forge.good_claims(**{**times, **changes}))


def test_a_pipeline_announces_as_its_tokens_subject_whatever_the_body_says(
    receiver: Receiver,
) -> None:
    text = json.dumps(BODY).encode()
    status, told = receiver.post(token(sub="ci-orders"), text[:10], text[10:])
    assert (status, told) == (202, {"message": "announced by ci-orders"})
    assert receiver.announced == [("ci-orders", BODY)]


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        (None, 401, "token_missing"),
        ({"scope": "deployments:read"}, 403, "scope_missing"),
        ({"aud": "another"}, 401, "audience_mismatch"),
        ({"exp": 1_000_000_500, "iat": 1_000_000_000, "nbf": 1_000_000_000}, 401, "token_expired"),
    ],
)
def test_nobody_else_gets_through(
    receiver: Receiver, changes: dict[str, Any] | None, status: int, reason: str
) -> None:
    sent = None if changes is None else token(**changes)
    assert receiver.post(sent, b"{}") == (status, {"reason": reason})
    assert receiver.announced == []


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"[]", 400), (b"{", 400), (b'{"a":"' + b"x" * 65_536, 413)]
)
def test_a_body_that_is_no_deployment_is_not_announced(
    receiver: Receiver, body: bytes, status: int
) -> None:
    assert receiver.post(token(), body)[0] == status
    assert receiver.announced == []


def test_another_path_is_refused_before_the_receiver_sees_it(receiver: Receiver) -> None:
    assert receiver.post(token(), path="/hooks/other")[1] == {"reason": "route_not_allowed"}
