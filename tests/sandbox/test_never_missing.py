"""The published documents while the provider replaces them, under the real engine."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.cloud import Documents
from components.gcp.jwks_store import JwksStore, JwksStoreArgs
from components.gcp.settings import GcpSettings
from signet.documents import JWKS_PATH
from tests.sandbox.test_engine import _forgotten_loops, counts, in_sandbox, stack_for  # noqa: F401

pytestmark = [
    pytest.mark.engine,
    pytest.mark.filterwarnings("ignore:.* in favor of :DeprecationWarning"),
]

PROJECT, REGION, BUCKET = "p-local", "europe-west3", "signet-never-missing"


def declared(max_age: int, publish: Any = "public") -> Callable[[], None]:
    """A store alone, as the environment declares it."""

    def declare() -> None:
        import pulumi_gcp as gcp

        settings = object.__new__(GcpSettings)
        for name, value in {"project": PROJECT, "region": REGION, "bucket": BUCKET}.items():
            object.__setattr__(settings, name, value)
        own = gcp.Provider("gcp", project=PROJECT, region=REGION)
        documents = Documents(
            ring="environment",
            folder="",
            jwks=pulumi.Output.from_input('{"keys":[]}'),
            discovery=pulumi.Output.from_input("{}"),
        )
        JwksStore(
            "store",
            JwksStoreArgs(
                environment="test",
                gcp=settings,
                documents={"store": documents},
                max_age=max_age,
                publish=publish,
                force_destroy=True,
            ),
            pulumi.ResourceOptions(provider=own),
        )

    return declare


@contextmanager
def watched(url: str) -> Iterator[list[int]]:
    """Statuses of a reader who asks without a pause."""
    seen: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
                    seen.append(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    seen.append(error.code)
            done.wait(0.005)

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        yield seen
    finally:
        done.set()
        reader.join(10)


def test_other_headers_are_written_over_and_no_reader_misses_a_document(
    in_sandbox: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    ports = json.loads((Path(in_sandbox["SIGNET_SANDBOX"]) / "sandbox.json").read_text())["ports"]
    url = f"http://127.0.0.1:{ports['gcp']}/{BUCKET}/{JWKS_PATH}"
    stack_for(in_sandbox, tmp_path, "missing", declared(300)).up()
    with watched(url) as seen:
        second = stack_for(in_sandbox, tmp_path, "missing", declared(60))
        assert counts(second.up())["replace"] == 2, "as the real provider replaces them"
    assert set(seen) == {200}
    assert len(seen) > 20
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=60"
    second.destroy()
    second.workspace.remove_stack("missing")
    with pytest.raises(urllib.error.HTTPError) as gone:
        urllib.request.urlopen(url, timeout=5)
    with gone.value:
        assert gone.value.code == 404
