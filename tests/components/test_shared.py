"""What services share on Azure and Google Cloud: what a further one costs, and who runs as whom."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from components.readers import Reader, first_of_each
from tests.components import mocked
from tests.components.conftest import Whole
from tests.components.test_services import ALL

MANIFEST = """\
service: {name}
owner: team-{name}
contact: team@example.com
clouds: [azure, gcp]
audience: https://{name}.example.com
routes:
  - {{methods: [GET], path: "/{name}/{{id}}", scopes: ["{name}:read"]}}
{more}
"""
RINGS = {"alpha": "keyRing: own", "orders": "", "bills": ""}
"""Services by what their manifests say of their ring."""


def deployed(whole: Whole, where: Path, *names: str, **settings: Any) -> mocked.Run:
    where = where / "-".join(names)  # a run is known by its settings, this folder among them
    where.mkdir()
    for name in names:
        (where / f"{name}.yaml").write_text(MANIFEST.format(name=name, more=RINGS[name]))
    return whole(settings={**ALL, "services": str(where), **settings})


def own(run: mocked.Run, service: str) -> Counter[str]:
    """The types of what bears a service's name."""
    return Counter(each.type for each in run.resources if service in each.name)


def of_cloud(counted: Counter[str], cloud: str) -> dict[str, int]:
    ours = {"azure": ("azure-native:", "signet:azure:"), "gcp": ("gcp:", "signet:gcp:")}[cloud]
    return {kind: number for kind, number in counted.items() if kind.startswith(ours)}


EACH = {
    "azure": {
        "signet:azure:Validator": 1,
        "azure-native:storage:BlobContainer": 1,
        "azure-native:web:AppServicePlan": 1,
        "azure-native:web:WebApp": 1,
        "azure-native:resources:Deployment": 1,
        "azure-native:monitor:ScheduledQueryRule": 2,
    },
    "gcp": {
        "signet:gcp:Validator": 1,
        "gcp:cloudrunv2/service:Service": 1,
        "gcp:monitoring/alertPolicy:AlertPolicy": 2,
    },
}
"""All that a further service of the environment's ring is: 7 and 4 resources."""


@pytest.mark.parametrize("cloud", EACH)
def test_a_further_service_is_its_function_and_its_alarms(
    whole: Whole, tmp_path: Path, cloud: str
) -> None:
    one = deployed(whole, tmp_path, "orders")
    two = deployed(whole, tmp_path, "orders", "bills")
    assert of_cloud(own(two, "bills"), cloud) == EACH[cloud]
    names = [Counter(each.type for each in run.resources) for run in (one, two)]
    assert of_cloud(names[1] - names[0], cloud) == EACH[cloud]
    waits = [run.of("pulumi-python:dynamic/signet:InForce") for run in (one, two)]
    assert [len(each) for each in waits] == [1, 1]


def test_validators_run_as_their_rings_identity(whole: Whole, tmp_path: Path) -> None:
    run = deployed(whole, tmp_path, *RINGS)
    for service, ring in (
        ("environment", "environment"),
        ("orders", "environment"),
        ("bills", "environment"),
        ("alpha", "alpha"),
    ):
        app = run.one(f"{service}-azure-validator-app")
        (identity,) = app.inputs["identity"]["userAssignedIdentities"]
        assert identity == f"{ring}-azure-validator-identity-id"
        for what in ("blobs", "queues", "tables"):
            assert run.one(f"{ring}-azure-validator-{what}").urn in app.depends_on
        code = run.one(f"{service}-azure-validator-deployment")
        assert run.one(f"{ring}-azure-validator-in-force").urn in code.depends_on
        account = run.one(f"gcp-{service}-validator-service").inputs["template"]["serviceAccount"]
        assert account.startswith(f"sn-test-{ring}-run@")


def test_all_lines_go_to_one_workspace_which_every_output_names(
    whole: Whole, tmp_path: Path
) -> None:
    run = deployed(whole, tmp_path, *RINGS)
    (workspace,) = run.of("azure-native:operationalinsights:Workspace")
    (insights,) = run.of("azure-native:applicationinsights:Component")
    assert workspace.urn in insights.depends_on
    told = set()
    for app in run.of("azure-native:web:WebApp"):
        assert insights.urn in app.depends_on
        site = {each["name"]: each["value"] for each in app.inputs["siteConfig"]["appSettings"]}
        told.add(str(site["APPLICATIONINSIGHTS_CONNECTION_STRING"]))
    assert len(told) == 1
    validators = run.exports["validators"]
    groups = {validators[f"{name}-azure"]["logGroup"] for name in ("environment", *RINGS)}
    assert len(groups) == 1


def test_a_private_store_is_open_to_each_ring_once_under_its_name(
    whole: Whole, tmp_path: Path
) -> None:
    rights: list[dict[str, Any]] = []
    for names in (("alpha",), ("alpha", "bills", "orders")):
        run = deployed(whole, tmp_path, *names, publish="private")
        found = {
            each.name: mocked.plain(each.inputs)
            for each in run.resources
            if "-store-reader-" in each.name and not each.type.startswith("aws:")
        }
        rights.append(found)
    assert rights[0] == rights[1]
    assert set(rights[0]) == {
        "environment-azure-store-reader-0",
        "environment-azure-store-reader-alpha",
        "gcp-environment-store-reader-0",
        "gcp-environment-store-reader-alpha",
    }
    own = rights[0]["environment-azure-store-reader-alpha"]
    assert own["principalId"] == "object-of-signet-test-alpha-validator"
    member = rights[0]["gcp-environment-store-reader-alpha"]["member"]
    assert member.startswith("serviceAccount:sn-test-alpha-run@")


def test_a_reader_was_counted_by_its_rings_first_validator() -> None:
    order = ["environment", "alpha", "environment", "zeta", "environment"]
    assert first_of_each(order) == {"environment": 0, "alpha": 1, "zeta": 3}
    reader = Reader(ring="zeta", who="somebody", counted=3)
    assert reader.name("store") == "store-reader-zeta"
