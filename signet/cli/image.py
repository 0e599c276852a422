"""`signet image`: the validator as a container image, in a folder, for a registry of one's own.

It is what `signet:gcpImage` names: an alternative to running from source on Cloud Run, for
organisations that scan, sign and admit images. No container engine is needed.
"""

import argparse
from pathlib import Path
from typing import Any

from signet import paths
from signet.cli import output

_EXAMPLE = """\
examples:
  crane pull --format=oci --platform=linux/amd64 python:3.12-slim@sha256:... base
  signet image --base base
  crane push .signet/image REGION-docker.pkg.dev/PROJECT/REPOSITORY/signet-validator
"""


def add(subparsers: Any) -> None:
    """Declare the command line."""
    parser = subparsers.add_parser(
        "image",
        help="write the validator as a container image",
        description=__doc__,
        epilog=_EXAMPLE,
    )
    parser.add_argument(
        "--base",
        required=True,
        type=Path,
        metavar="DIR",
        help="the base image, in OCI's layout: linux/amd64, that Python, glibc 2.28 or later",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the image goes (default: .signet/image)"
    )
    parser.add_argument(
        "--python", default="", metavar="X.Y", help="signet:python of the stack (default: 3.12)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the image, and say what it is."""
    from components.packaging import build_bundle
    from components.settings import DECLARED
    from components.validator_image import ImageArgs, build_image

    python = args.python or DECLARED["python"].default_text
    out = args.out or paths.state_dir() / "image"
    with output.progress("Writing the image", quiet=args.json):
        bundle = build_bundle(python)
        made = build_image(ImageArgs(base=args.base, bundle=bundle, python=python, out=out))
    if args.json:
        output.emit_json(
            {
                "digest": made.digest,
                "bundleSha256": bundle.tree_sha256,
                "base": made.base_digest,
                "python": python,
                "folder": str(out),
            }
        )
        return 0
    rows = [
        ("digest", made.digest),
        ("bundle", bundle.tree_sha256),
        ("base", made.base_digest),
        ("folder", out),
    ]
    output.print_table(f"validator for Python {python}", ("", ""), rows)
    if not made.python_known:
        output.note(f"The base image does not say which Python it brings; it has to be {python}.")
    output.note(
        f"Next: crane push {out} REGISTRY/PATH, then signet:gcpImage: REGISTRY/PATH@{made.digest}"
    )
    return 0
