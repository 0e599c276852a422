"""Azure Resource Manager by plain requests, for looking only: what is there, which name is free.

The provider looks at nothing before it makes something, and Microsoft's own client of the resource
manager would be one package for each service.
"""

from collections.abc import Mapping
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

    def post(self, path: str, version: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask a question that takes a body, such as whether a name is free."""
        return self._ask("POST", path, version, body) or {}

    def _ask(
        self, method: str, path: str, version: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, path, params={"api-version": version}, json=body)
        request.url = self.client.format_url(request.url)
        answer = self.client.send_request(request, **_OPTIONS)
        if answer.status_code == _MISSING:
            return None
        if answer.status_code >= _FAILED:
            raise HttpResponseError(response=answer)
        told: Mapping[str, Any] = answer.json()
        return told
