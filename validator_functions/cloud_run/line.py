"""What the server holds for each connection, and what it asks for each request."""

import socket
from typing import Protocol

from ..verification.attempt import Deferral
from .answers import Answer
from .dialogue import Asked, Dialogue
from .requests import Headers


class Handle(Protocol):
    """Answers a request, or says what it would have to wait for; never that where it `waited`."""

    def __call__(
        self, method: str, target: str, headers: Headers, *, waited: bool = False
    ) -> Answer | Deferral:
        """Decide."""
        ...  # pragma: no cover - a Protocol's body


class Line:
    """One connection, and how far its request has come: `came`, then `asked`, then `answer`.

    It is closed at `limit`; `since` is when it last sent a whole request. A parked one is answered
    once its `deferral` has finished, at the latest at `until`.
    """

    __slots__ = (
        *("answer", "asked", "came", "deferral", "dialogue", "limit", "since", "socket", "until"),
    )

    def __init__(self, connection: socket.socket, now: float, seconds: float) -> None:
        self.socket = connection
        self.dialogue = Dialogue()
        self.came = b""
        self.asked: Asked | None = None
        self.answer: Answer | Deferral | None = None
        self.deferral = Deferral()
        self.since = self.until = now
        self.limit = now + seconds
