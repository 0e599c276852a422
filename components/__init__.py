"""Everything that declares resources; run by the Pulumi engine only."""
