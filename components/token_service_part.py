"""What the token service is in every cloud: what it reports, whatever it is made of there."""

import pulumi


class TokenServicePart(pulumi.ComponentResource):
    """The base of the three clouds' token services, which set all of this."""

    url: pulumi.Output[str]
    """Address of the token endpoint."""
    function_name: pulumi.Output[str]
    """The name of what runs it."""
    log_group_name: pulumi.Output[str]
    """Where every issue and every refusal is logged."""
    settings_sha256: pulumi.Output[str]
    """The settings hash that this run means it to have."""
    reported_sha256: pulumi.Output[str]
    """The settings hash that what runs it itself reports: an old one if it was skipped."""

    def __init__(
        self,
        kind: str,
        name: str,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        """`kind` is the type token; everything below uses `provider`."""
        own = pulumi.ResourceOptions(providers=[provider])
        super().__init__(kind, name, None, pulumi.ResourceOptions.merge(opts, own))

    def _finish(self) -> None:
        self.register_outputs(
            {
                "url": self.url,
                "settingsSha256": self.settings_sha256,
                "reportedSha256": self.reported_sha256,
            }
        )
