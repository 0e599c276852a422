"""A Pulumi resource provider in Python, directly on the provider protocol.

`spec` says what a resource type is, `check`, `diff`, `naming` and `state` decide,
`server` speaks gRPC. Nothing here knows a cloud: a cloud's room hands over one `spec.Provider`.

Why not `pulumi.provider.experimental`: it loses the hashes of archives and cannot answer unknown
outputs at preview (tried with pulumi 3.259.0).
"""
