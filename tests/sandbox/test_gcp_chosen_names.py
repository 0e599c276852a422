"""Whether bucket names are free on Google Cloud, against the fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.gcp import rest
from components.gcp.chosen_names import chosen_names
from components.gcp.rest import Google
from components.gcp.settings import GcpSettings
from components.settings import parse
from components.surroundings import Surroundings
from sandbox.gcp.cloud import Gcp
from signet.errors import CouldNotCheck
from tests.components.mocked import config
from tests.components.test_gcp import SETTINGS
from tests.sandbox.gcp_running import running


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Gcp]:
    with running(tmp_path / "gcp") as made:
        yield made


def settings(cloud: Gcp) -> GcpSettings:
    raw = {key.removeprefix("signet:"): value for key, value in config(SETTINGS).items()}
    found = parse(raw, Surroundings(stack="dev")).gcp
    assert found is not None
    return replace(found, endpoint=f"http://127.0.0.1:{cloud.port}")


def test_both_buckets_are_asked_about_and_one_that_is_there_is_taken(cloud: Gcp) -> None:
    first, source = chosen_names(settings(cloud))
    assert source.value == f"{first.value}-source"
    assert (first.taken(), source.taken()) == (None, None)
    cloud.create("bucket", source.value, {})
    assert (first.taken(), source.taken()) == (None, "exists already")


def test_a_bucket_of_source_is_taken_only_where_something_runs_from_source(cloud: Gcp) -> None:
    plain = settings(cloud)
    image = replace(plain, image=f"127.0.0.1:1/validator@sha256:{'0' * 64}")
    kept = [
        each.keeps_source(token_service=service)
        for each in (plain, image)
        for service in (False, True)
    ]
    assert kept == [True, True, False, True]
    (first,) = chosen_names(image, source=False)
    assert first.value == image.bucket


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (rest.Refused(403, "no"), "belongs to another project"),
        (rest.Refused(500, "no"), None),
        (ConnectionError("no route"), None),
    ],
)
def test_a_bucket_that_may_not_be_looked_at_is_somebody_elses(
    monkeypatch: pytest.MonkeyPatch, cloud: Gcp, error: Exception, told: str | None
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Google, "get", fail)
    first, _ = chosen_names(settings(cloud))
    if told is None:
        with pytest.raises(CouldNotCheck):
            first.taken()
    else:
        assert told in (first.taken() or "")
