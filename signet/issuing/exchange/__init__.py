"""The token service: a platform's identity token in, a short token for one service out (RFC 8693).

    form -> subject (foreign-issuer profile) -> caller's rule -> rate -> replay -> KMS -> answer

Everything but `lambda_entry` is given its clock, its fetcher, its signers and its store.
"""
