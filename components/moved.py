"""Where a resource stood before it moved: a state of then keeps it, and nothing is made anew."""

import pulumi


def moved_from(
    opts: pulumi.ResourceOptions, before: pulumi.Output[str], name: str
) -> pulumi.ResourceOptions:
    """Return the options of a resource that was called `name` below the URN `before`."""
    return pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(aliases=[pulumi.Alias(name=name, parent=before)])
    )
