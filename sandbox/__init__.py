"""Three clouds on loopback, for the stacks `local` and `local-fast`, for demos and for tests."""

from sandbox.supervisor import Status, environment, start, status, stop

__all__ = ["Status", "environment", "start", "status", "stop"]
