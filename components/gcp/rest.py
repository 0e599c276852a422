"""Google's REST APIs by plain requests, for looking only: what is there, which name is taken."""

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components import read_back

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

STORAGE: Final = "https://storage.googleapis.com"
IAM: Final = "https://iam.googleapis.com"
RUN: Final = "https://run.googleapis.com"
API_GATEWAY: Final = "https://apigateway.googleapis.com"
LOGGING: Final = "https://logging.googleapis.com"
MONITORING: Final = "https://monitoring.googleapis.com"

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105
_MISSING: Final = 404
_FAILED: Final = 400
_SECONDS: Final = 10


class Refused(Exception):
    """An answer that is neither a success nor "not found"; `status` is HTTP's."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status


@dataclass(frozen=True)
class Google:
    """Where to ask: the sandbox's address, None for Google's own."""

    endpoint: str | None

    def get(self, host: str, path: str) -> Mapping[str, Any] | None:
        """Return a resource, None where there is none.

        Raises Refused, or google-auth's and requests' own errors (the latter are OSErrors).
        """
        found = self.read(host, path, "application/json")
        if found is None:
            return None
        told: Mapping[str, Any] = json.loads(found)
        return told

    def read(self, host: str, path: str, accept: str) -> bytes | None:
        """Return what is there as bytes, None where there is nothing. Raises as `get` does."""
        from google.auth.transport.requests import AuthorizedSession

        session = AuthorizedSession(self._credentials())  # type: ignore[no-untyped-call]
        url, headers = f"{self.endpoint or host}{path}", {"Accept": accept}
        with session:
            answer = session.get(url, headers=headers, timeout=_SECONDS)
        if answer.status_code == _MISSING:
            return None
        if answer.status_code >= _FAILED:
            raise Refused(answer.status_code, answer.text[:300])
        return bytes(answer.content)

    def _credentials(self) -> "Credentials":
        if self.endpoint is None:
            import google.auth

            found, _ = google.auth.default(scopes=[_SCOPE])
            return found
        from google.oauth2.credentials import Credentials

        return Credentials(token=sandbox_token(self.endpoint))  # type: ignore[no-untyped-call]


def sandbox_token(endpoint: str) -> str:
    """Return the token that the fake's metadata server gives."""
    address = urllib.parse.urlsplit(endpoint).netloc
    connection = http.client.HTTPConnection(address, timeout=read_back.SECONDS)
    try:
        connection.request("GET", _TOKEN_PATH, headers={"Metadata-Flavor": "Google"})
        told = json.load(connection.getresponse())
    finally:
        connection.close()
    return str(told["access_token"])
