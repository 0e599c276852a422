"""How Google's services refuse a request."""

from __future__ import annotations

from sandbox.fakes.http import Said, said_json


class Refusal(Exception):
    """An answer with an error, as Google's JSON APIs put it."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message or code

    def said(self) -> Said:
        """Return it as an answer."""
        told = {"code": self.status, "status": self.code, "message": self.message}
        return said_json(self.status, {"error": told})
