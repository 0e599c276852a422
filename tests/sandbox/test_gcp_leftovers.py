"""What an interrupted run made on Google Cloud is found by name and labels, against the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.gcp import leftovers, rest
from components.gcp.rest import Google
from components.surroundings import Surroundings
from sandbox.gcp.cloud import Gcp
from signet.errors import CouldNotCheck
from signet.interrupted import Wanted
from tests.sandbox.gcp_running import running

PROJECT = "example-org-dev"
OURS = {"signet-environment": "dev"}
ACCOUNT = f"projects/{PROJECT}/serviceAccounts/a@{PROJECT}.iam.gserviceaccount.com"
SERVICE = f"projects/{PROJECT}/locations/europe-west3/services/s"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    with running(tmp_path / "gcp") as made:
        here = Surroundings(stack="", in_sandbox=True, ports={"gcp": made.port})
        monkeypatch.setattr(Surroundings, "observe", lambda _: here)
        yield made


def look(kind: str, inputs: dict[str, Any], *recorded: str) -> Any:
    wanted = Wanted(
        type=kind,
        name="n",
        inputs=inputs,
        recorded=dict.fromkeys(recorded, ({},)),
        provider={"project": PROJECT},
    )
    return leftovers.find(wanted)


def test_a_bucket_is_ours_by_its_labels(cloud: Gcp) -> None:
    kind, inputs = "gcp:storage/bucket:Bucket", {"name": "b", "labels": OURS}
    assert look(kind, inputs) == []
    cloud.create("bucket", "b", inputs)
    assert look(kind, inputs) == ["b"]
    assert look(kind, inputs, "b") == []
    assert look(kind, {"name": "b", "labels": {"signet-environment": "prod"}}) == []
    assert look(kind, {"name": "b"}) == []


def test_an_account_is_ours_by_its_display_name(cloud: Gcp) -> None:
    kind = "gcp:serviceaccount/account:Account"
    inputs = {"accountId": "a", "displayName": "Signet dev: signs"}
    assert look(kind, inputs) == []
    cloud.create("account", ACCOUNT, inputs)
    assert look(kind, inputs) == [ACCOUNT]
    assert look(kind, {**inputs, "displayName": "somebody else's"}) == []
    assert look(kind, {"accountId": "a"}) == []


def test_a_service_is_ours_by_its_labels(monkeypatch: pytest.MonkeyPatch, cloud: Gcp) -> None:
    asked: list[str] = []

    def get(_self: Google, host: str, path: str) -> dict[str, Any]:
        asked.append(host + path)
        return {"labels": OURS}

    monkeypatch.setattr(Google, "get", get)
    inputs = {"name": "s", "location": "europe-west3", "labels": OURS}
    assert look("gcp:cloudrunv2/service:Service", inputs) == [SERVICE]
    assert asked == [f"https://run.googleapis.com/v2/{SERVICE}"]
    assert look("gcp:cloudrunv2/service:Service", {**inputs, "labels": {"x": "y"}}) == []


def test_a_metric_is_ours_by_its_description(cloud: Gcp) -> None:
    kind, inputs = "gcp:logging/metric:Metric", {"name": "m/x", "description": "of Signet dev"}
    assert look(kind, inputs) == []
    cloud.create("metric", "m/x", inputs)
    assert look(kind, inputs) == ["m/x"]
    assert look(kind, {"name": "m/x", "description": "theirs"}) == []


def test_a_saved_query_is_ours_by_its_description(cloud: Gcp) -> None:
    kind, name = "gcp:logging/savedQuery:SavedQuery", "signet-dev-flood"
    inputs = {
        "parent": f"projects/{PROJECT}",
        "location": "global",
        "name": name,
        "description": "of Signet dev",
    }
    identity = f"projects/{PROJECT}/locations/global/savedQueries/{name}"
    assert look(kind, inputs) == []
    cloud.create("savedQueries", identity, inputs)
    assert look(kind, inputs) == [identity]
    assert look(kind, {**inputs, "description": "theirs"}) == []


@pytest.mark.parametrize(
    ("kind", "place", "inputs", "others"),
    [
        (
            "gcp:monitoring/alertPolicy:AlertPolicy",
            "alertPolicies",
            {"displayName": "Signet dev: flood", "userLabels": OURS},
            {"displayName": "Signet dev: flood", "userLabels": {"signet-environment": "x"}},
        ),
        (
            "gcp:monitoring/notificationChannel:NotificationChannel",
            "notificationChannels",
            {"displayName": "signet-dev-team", "userLabels": OURS},
            {"displayName": "signet-dev-team", "userLabels": {"signet-environment": "x"}},
        ),
        (
            "gcp:monitoring/dashboard:Dashboard",
            "dashboards",
            {"dashboardJson": '{"displayName": "Signet dev"}'},
            {"dashboardJson": '{"displayName": "Signet prod"}'},
        ),
    ],
)
def test_what_google_names_itself_is_looked_for_in_its_list(
    cloud: Gcp, kind: str, place: str, inputs: dict[str, Any], others: dict[str, Any]
) -> None:
    assert look(kind, inputs) == []
    cloud.create(place, f"projects/{PROJECT}/{place}/1", others)
    cloud.create(place, f"projects/{PROJECT}/{place}/2", inputs)
    assert look(kind, inputs) == [f"projects/{PROJECT}/{place}/2"]


@pytest.mark.parametrize(
    "kind",
    [
        "gcp:kms/keyRing:KeyRing",
        "gcp:kms/cryptoKeyVersion:CryptoKeyVersion",
        "gcp:storage/bucketIAMMember:BucketIAMMember",
        "gcp:storage/bucketObject:BucketObject",
    ],
)
def test_what_is_put_again_or_found_by_the_program_is_not_looked_for(cloud: Gcp, kind: str) -> None:
    assert look(kind, {}) == []


def test_an_object_and_a_binding_may_be_made_twice_as_google_lets_them(cloud: Gcp) -> None:
    cloud.create("bucket", "b", {})
    for content in (b"one", b"two"):
        cloud.create("object", "b/o", {}, cloud.keep(content))
    found = cloud.read("object", "b/o")
    assert found is not None
    assert found["stored"]["size"] == 3


def test_a_type_without_a_rule_cannot_be_looked_for(cloud: Gcp) -> None:
    assert look("gcp:compute/network:Network", {}) is None


@pytest.mark.parametrize("error", [rest.Refused(403, "no"), ConnectionError("no route")])
def test_a_google_that_does_not_say_could_not_be_checked(
    monkeypatch: pytest.MonkeyPatch, cloud: Gcp, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Google, "get", fail)
    with pytest.raises(CouldNotCheck, match="Google Cloud does not say"):
        look("gcp:storage/bucket:Bucket", {"name": "b", "labels": OURS})


def test_the_fake_shows_nothing_to_who_has_no_right(cloud: Gcp) -> None:
    import urllib.error
    import urllib.request

    cloud.create("bucket", "b", {"labels": OURS})
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{cloud.port}/storage/v1/b/b", timeout=5)
    refused.value.close()
