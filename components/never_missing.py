"""What consumers must find at any moment, whatever a run changes: validators and documents."""

import pulumi


def never_missing(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Return the options with which a replacement never deletes first.

    Providers do delete first where a name is fixed (pulumi-terraform-bridge,
    `nameRequiresDeleteBeforeReplace`; pulumi-gcp's bucket objects; azure-native whenever it
    replaces), and the program's word goes before theirs. Where the old name is in the way of the
    new one, the create then fails before anything is gone: a moved region is a new name.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=False))
