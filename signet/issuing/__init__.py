"""Issuing tokens with a key that never leaves its KMS."""
