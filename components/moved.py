"""Where a resource stood before it moved: a state of then keeps it, and nothing is made anew."""

import pulumi


def moved_from(
    opts: pulumi.ResourceOptions, before: pulumi.Output[str], name: str
) -> pulumi.ResourceOptions:
    """Return the options of a resource that was called `name` below the URN `before`."""
    return _known(opts, pulumi.Alias(name=name, parent=before))


def once_called(opts: pulumi.ResourceOptions, name: str) -> pulumi.ResourceOptions:
    """Return the options of a resource that was called `name`, below the same parent.

    So is what stands below a component that got another name, after a run that was killed between
    the two: the engine moves what is below a moved component, and does not rename it
    (`deploy.Snapshot.NormalizeURNReferences`), while the SDK only looks below the old component.
    """
    return _known(opts, pulumi.Alias(name=name))


def _known(opts: pulumi.ResourceOptions, before: pulumi.Alias) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=[before]))
