"""What is measured, and the shape of one measurement."""

from benchmarks.row import Row

__all__ = ["Row"]
