"""A function's settings as a Lambda layer beside its code, and what the function reports of them.

A layer, because a function's environment holds only 4 KB; its folder `python/` is on `sys.path`,
where the code looks for its settings.
"""

import pulumi
import pulumi_aws as aws

from components.validator_settings import FILE_NAME, HASH_VARIABLE


def settings_layer(text: str, file_name: str = FILE_NAME) -> pulumi.Archive:
    """Return the layer's content for one settings artefact."""
    return pulumi.AssetArchive({f"python/{file_name}": pulumi.StringAsset(text)})


def reported_hash(environment: aws.lambda_.outputs.FunctionEnvironment | None) -> str:
    """Return the settings hash that a function resource itself reports; "" where it has none."""
    variables = environment.variables if environment is not None else None
    return str((variables or {}).get(HASH_VARIABLE, ""))
