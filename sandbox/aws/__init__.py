"""The sandbox's AWS: every resource type that Signet declares, as calls on ministack.

What a type does stands in its service's table; `provider` puts the tables together.
"""
