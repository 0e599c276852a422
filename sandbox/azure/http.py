"""How Azure's services refuse a request."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """An answer with an error code of Azure's, as its services put it."""

    def __init__(
        self, status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message or code
        self.headers = dict(headers or {})
