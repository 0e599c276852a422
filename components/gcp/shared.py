"""What all services of an environment share on Google Cloud, made when it is first asked for."""

import pulumi
from pulumi_gcp import serviceaccount

from components.gcp import names
from components.gcp.settings import GcpSettings
from components.readers import Reader, first_of_each
from components.settings import Settings


class Shared:
    """The validators' accounts, one for each ring, below the cloud's component.

    A project may have 100 accounts, until its owner asks for more (IAM, "Create service accounts").
    """

    def __init__(self, settings: Settings, of_gcp: GcpSettings, cloud: pulumi.Resource) -> None:
        self._settings = settings
        self._gcp = of_gcp
        self._cloud = cloud
        self._accounts: dict[str, serviceaccount.Account] = {}
        self._asked: list[str] = []
        """The ring of each validator, in their order."""

    def account(self, ring: str) -> pulumi.Output[str]:
        """Return the address of what all validators of a ring run as: they may do the same."""
        self._asked.append(ring)
        if ring not in self._accounts:
            self._accounts[ring] = self._make_account(ring)
        address: pulumi.Output[str] = self._accounts[ring].email
        return address

    @property
    def readers(self) -> list[Reader]:
        """The accounts that read private documents, as IAM names them."""
        if self._settings.publish == "public":
            return []
        return [
            Reader(ring=ring, who=self._accounts[ring].member, counted=number)
            for ring, number in first_of_each(self._asked).items()
        ]

    def _make_account(self, ring: str) -> serviceaccount.Account:
        environment, validator = self._settings.environment, f"gcp-{ring}-validator"
        before = pulumi.create_urn(validator, "signet:gcp:Validator", parent=self._cloud)
        return serviceaccount.Account(
            f"{validator}-run",
            account_id=names.account_id(environment, f"{ring}-run"),
            project=self._gcp.project,
            display_name=f"Signet {environment}: validators of the ring {ring}",
            # It was one validator's, and stood below it.
            opts=pulumi.ResourceOptions(parent=self._cloud, aliases=[pulumi.Alias(parent=before)]),
        )
