"""Azure Resource Manager by plain requests, for looking only: what is there, which name is free.

The provider looks at nothing before it makes something, and Microsoft's own client of the resource
manager would be one package for each service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.azure import clients, names

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

PUBLIC: Final = "https://management.azure.com"
"""Azure's own address, and in every cloud the audience of its tokens."""

_MISSING: Final = 404
_FAILED: Final = 400
_OPTIONS: Final[dict[str, Any]] = {"connection_timeout": 3, "read_timeout": 10}


@dataclass(frozen=True)
class Manager:
    """A client. Every method raises azure.core's AzureError where Azure does not answer."""

    client: "PipelineClient[HttpRequest, HttpResponse]"

    @classmethod
    def connect(cls, endpoint: names.Endpoint | None) -> "Manager":
        """Return a client that signs in as whoever deploys."""
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy

        return cls(
            PipelineClient(
                endpoint.secure if endpoint is not None else PUBLIC,
                policies=[
                    RetryPolicy(retry_total=2),
                    BearerTokenCredentialPolicy(clients.credential(), f"{PUBLIC}/.default"),
                ],
            )
        )

    def get(self, path: str, version: str) -> Mapping[str, Any] | None:
        """Return a resource by its id, None where there is none."""
        return self._ask("GET", path, version)

    def listed(self, path: str, version: str) -> Iterator[Mapping[str, Any]]:
        """Give each resource of a list, page by page (`value`, `nextLink`).

        Only from our manager's own address: a request carries the token of whoever deploys.
        """
        from azure.core.exceptions import AzureError

        told = self._ask("GET", path, version) or {}
        yield from told.get("value", ())
        while link := str(told.get("nextLink") or ""):
            if not link.startswith(self.client.format_url("/")):
                raise AzureError(f"the list of {path} goes on at another address")
            told = self._send("GET", link) or {}
            yield from told.get("value", ())

    def post(self, path: str, version: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask a question that takes a body, such as whether a name is free."""
        return self._ask("POST", path, version, body) or {}

    def _ask(
        self, method: str, path: str, version: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        return self._send(method, path, body, {"api-version": version})

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any] | None:
        """Send a request to where `path` is, of our manager or of the address that it gave us."""
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, path, params=params, json=body)
        request.url = self.client.format_url(request.url)
        answer = self.client.send_request(request, **_OPTIONS)
        if answer.status_code == _MISSING:
            return None
        if answer.status_code >= _FAILED:
            raise HttpResponseError(response=answer)
        told: Mapping[str, Any] = answer.json()
        return told
