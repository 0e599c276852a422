"""What API Gateway keeps of an answer, in the emulator: never wider than what was decided."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signet.probing.declared_ways import authorizer_faults
from tests.cases import forge
from tests.cases.settings import artefact, document, issuer

from .deployed import Deployment
from .emulator import emulator
from .runtimes import Runtime, unpacked
from .sandbox_gateways import HEADER, SandboxGateways, _Gateway

pytestmark = pytest.mark.drill

KEYED = (HEADER, "$context.httpMethod", "$context.path")
SIGNER = forge.Signer("ES256")
GOOD = f"Bearer {SIGNER.token()}"


@contextmanager
def gateways(folder: Path, **how: Any) -> Iterator[dict[str, _Gateway]]:
    """The four authorizers, made as `how` says."""
    told = document(
        SIGNER,
        sandbox=True,
        issuers=[issuer(SIGNER, jwks_urls=["http://127.0.0.1:9/jwks.json"])],
        audit={**document()["audit"], "passes": True},
    )
    with emulator(folder / "emulator") as port:
        host = SandboxGateways(port, unpacked(folder / "bundle"), **how)
        with host.deployed(Deployment(artefact(told), float(forge.NOW)), folder):
            yield {each.name.rpartition(", ")[2]: _gateway(each) for each in host.runtimes}


def _gateway(runtime: Runtime) -> _Gateway:
    assert isinstance(runtime, _Gateway)
    return runtime


def test_a_kept_answer_lets_nothing_pass_that_was_not_decided(tmp_path: Path) -> None:
    with gateways(tmp_path, ttl=60, sources=KEYED) as found:
        for name in ("TOKEN", "HTTP simple", "HTTP IAM"):
            gateway = found[name]
            assert gateway.status("GET", "/orders/7", GOOD) == (200, True), name
            assert gateway.status("GET", "/orders/7", GOOD) == (200, False), name
            # The role that this needs is not in the token, whatever is kept.
            assert gateway.status("DELETE", "/orders/7", GOOD)[0] == 403, name
            assert gateway.status("GET", "/elsewhere", GOOD)[0] == 403, name
            assert gateway.status("GET", "/orders/7", GOOD) == (200, False), name


def test_a_simple_answer_kept_by_the_token_alone_is_the_trap_that_is_told(tmp_path: Path) -> None:
    with gateways(tmp_path, ttl=60) as found:
        simple, iam = found["HTTP simple"], found["HTTP IAM"]
        assert simple.status("GET", "/orders/7", GOOD) == (200, True)
        assert simple.status("DELETE", "/orders/7", GOOD) == (200, False)
        # A policy names what was decided, so that it does not matter how it is kept.
        assert iam.status("GET", "/orders/7", GOOD) == (200, True)
        assert iam.status("DELETE", "/orders/7", GOOD) == (403, False)
    declared = {
        "Name": "theirs",
        "AuthorizerResultTtlInSeconds": 60,
        "EnableSimpleResponses": True,
        "IdentitySource": [HEADER],
    }
    assert "every route" in authorizer_faults(declared)[0]
