"""Good and bad tokens, put to gateways as callers do, and their answers held against a table."""
