"""Mutants of the verification package: `make mutants` (see `__main__`)."""
