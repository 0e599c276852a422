"""Build the `pulumi` command from its Go module, where its installer cannot be reached."""

from pathlib import Path

from tools.house import go_build

_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def build(root: Path, cache: Path, target: Path, version: str) -> None:
    """Build version `version` into the file `target`."""
    program = go_build.Program(
        name=f"the pulumi command v{version}",
        module=root / "tools" / "engine",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        oldest=(1, 25, 11),
        needed=4 * 1024**3,
        remedy="install Pulumi yourself and put it on PATH or name it in SIGNET_PULUMI",
        flags=f"-X {_VERSION_VARIABLE}=v{version}",
    )
    go_build.build(program, root, cache, cache / "engine" / "go", target)
