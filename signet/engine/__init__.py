"""Drives the Pulumi engine: the command, stacks, locks, leftovers, and the record in the state."""
