"""The token service: a platform's identity token in, a short token for one service out (RFC 8693).

    form -> subject (foreign-issuer profile) -> caller's rule -> rate -> replay -> KMS -> answer

Everything but `entry` and what each runtime has of its own (`aws_lambda`, `azure_function`,
`cloud_run`) is given its clock, its fetcher, its signers and its store.
"""
