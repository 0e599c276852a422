"""What three libraries say to the table of refusals: `python -m tests.comparison` (see there)."""
