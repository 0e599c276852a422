"""Signet: key rings that rotate, tokens that are checked the same everywhere, and the command."""
