"""The published documents read by others: native gateways and libraries of other languages."""
