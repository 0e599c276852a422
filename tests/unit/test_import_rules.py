"""The rooms of DESIGN's table keep to themselves, and the command starts without a cloud's SDK."""

import json
import subprocess
import sys

import pytest

from signet.paths import repo_root
from tools import import_rules

ROOT = repo_root()


def test_no_module_imports_what_its_room_may_not() -> None:
    assert import_rules.violations(ROOT) == []


def test_every_package_at_the_root_is_in_the_table() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= set(import_rules.OWN)
    for module, _ in import_rules.modules(ROOT):
        import_rules.room_of(module)


ALLOWED = [
    ("validator_functions.verification.token", "import json, hashlib"),
    ("validator_functions.verification.token", "from cryptography.hazmat.primitives import hashes"),
    ("validator_functions.verification.token", "from . import keys"),
    ("validator_functions.aws_lambda.handler", "from ..verification import decision"),
    ("signet.rotation", "from signet import key_ring"),
    ("signet.service", "from ruamel.yaml import YAML"),
    ("signet.service", "from urllib.parse import urlsplit"),
    ("signet.issuing.issuer", "def f():\n    from signet.issuing.signers import aws"),
    ("signet.issuing.signers.azure", "from azure.keyvault.keys import KeyClient"),
    ("signet.probing.forgery", "from signet.issuing.pyjwt_algorithm import encode"),
    ("signet.engine.stack", "from pulumi import automation"),
    ("signet.engine.stack", "def run():\n    import components.environment"),
    ("signet.cli.sandbox", "def run():\n    import sandbox"),
    ("components.aws.validator", "import pulumi_aws as aws"),
    ("components.environment", "from components.aws import validator"),
    ("components.environment", "from signet.engine import sandbox_marker"),
    ("sandbox.aws.cloud", "import boto3"),
    ("tests.unit.test_x", "import sandbox, pulumi, joserfc"),
]

FORBIDDEN = [
    ("validator_functions.verification.token", "import jwt"),
    ("validator_functions.verification.token", "import signet.journal"),
    ("validator_functions.verification.token", "def f():\n    import boto3"),
    ("validator_functions.verification.token", "from ..aws_lambda import handler"),
    ("validator_functions.verification.token", "from .. import aws_lambda"),
    ("validator_functions.aws_lambda.handler", "import boto3"),
    ("validator_functions.aws_lambda.handler", "from validator_functions import cloud_run"),
    ("signet.rotation", "import time"),
    ("signet.rotation", "import os"),
    ("signet.rotation", "from urllib.request import urlopen"),
    ("signet.rotation", "import pulumi"),
    ("signet.rotation", "from signet.engine import stack"),
    ("signet.rotation", "from . import cli"),
    ("signet.rotation", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pulumi"),
    ("signet.issuing.issuer", "import boto3"),
    ("signet.issuing.issuer", "from signet.issuing.signers import aws"),
    ("signet.issuing.signers.azure", "import boto3"),
    ("signet.probing.decision_log", "import boto3"),
    ("signet.probing.cases", "from signet.cli import output"),
    ("signet.engine.stack", "import components"),
    ("signet.engine.stack", "from signet.cli import output"),
    ("signet.engine.stack", "def run():\n    import sandbox"),
    ("signet.cli.main", "import rich"),
    ("signet.cli.main", "import importlib\nimportlib.import_module('sandbox')"),
    ("components.aws.validator", "import pulumi_gcp"),
    ("components.aws.validator", "from ..gcp import validator"),
    ("components.aws.validator", "def f():\n    import components.azure.validator"),
    ("components.environment", "import pulumi_aws"),
    ("components.environment", "import sandbox"),
    ("components.packaging", "from signet.cli import main"),
    ("components.packaging", "from signet.engine import stack"),
    ("tools.house.uv", "import requests"),
    ("signet.journal", "import tests"),
]

KNOWN = frozenset(
    {
        *(module for module, _ in ALLOWED + FORBIDDEN),
        "validator_functions.aws_lambda",
        "validator_functions.cloud_run",
        "components.gcp.validator",
        "signet.cli",
        "signet.cli.output",
        "signet.engine",
        "signet.engine.sandbox_marker",
        "signet.issuing.signers.aws",
        "signet.key_ring",
    }
)


def objections(module: str, source: str) -> list[str]:
    found = import_rules.imports(source, module, package=False, known=KNOWN)
    return [reason for one in found if (reason := import_rules.objection(module, one))]


@pytest.mark.parametrize(("module", "source"), ALLOWED)
def test_the_table_allows(module: str, source: str) -> None:
    assert objections(module, source) == []


@pytest.mark.parametrize(("module", "source"), FORBIDDEN)
def test_the_table_forbids(module: str, source: str) -> None:
    assert len(objections(module, source)) == 1


def test_an_import_in_a_package_file_is_resolved_from_the_package_itself() -> None:
    found = import_rules.imports(
        "from .aws import kms\nfrom . import b", "x.y", package=True, known=frozenset({"x.y.b"})
    )
    assert [one.module for one in found] == ["x.y.aws", "x.y.b"]


_START = """
import contextlib, io, json, sys
from signet.cli.main import main
with contextlib.redirect_stdout(io.StringIO()) as shown:
    try:
        code = main(["--help"])
    except SystemExit as ended:
        code = ended.code
print(json.dumps({"code": code, "help": shown.getvalue(), "loaded": sorted(sys.modules)}))
"""

# None of these is needed to print help, and each costs more than the whole of it.
HEAVY = {"pulumi", "grpc", "boto3", "botocore", "azure", "google", "cryptography", "jwt"}
HEAVY |= {"pulumi_aws", "pulumi_azure_native", "pulumi_gcp", "rich", "jsonschema", "ruamel"}


def test_help_is_printed_without_loading_any_clouds_sdk() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    told = json.loads(done.stdout)
    assert not told["code"]
    assert "usage: signet" in told["help"]
    assert {name.partition(".")[0] for name in told["loaded"]} & HEAVY == set()
