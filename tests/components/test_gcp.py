"""Google Cloud's part under mocks: what is declared, for whom, and what is refused before."""

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.aws.settings import AwsSettings
from components.bundle_tar import pack, source_archive
from components.gcp import envoy, names, openapi, signing_key
from components.gcp.key_census import Existing
from components.gcp.signing_key import kms_algorithm
from components.gcp.validator import encoded
from components.passed_on import IDENTITY_HEADERS, OVERRIDE_HEADERS
from components.settings import Settings, parse
from components.surroundings import Surroundings
from signet.errors import RunFailed, SettingsError
from signet.probing.declared_ways import cloud_run_faults
from tests.components import mocked
from tests.components.conftest import NOTHING, Whole
from tests.components.mocked import Run, private_material

SETTINGS: dict[str, Any] = {
    "environment": "dev",
    "clouds": ["gcp"],
    "home": "gcp",
    "audience": "https://api.example.com",
    "requiredScope": "api:read",
    "gcpProject": "example-org-dev",
    "gcpRegion": "europe-west3",
    "gcpKeyRing": "signet-dev",
    "gcpBucket": "example-org-signet-dev-keys",
    "gcpIssuerPrincipals": ["serviceAccount:ci@example-org-dev.iam.gserviceaccount.com"],
}
RING = "projects/example-org-dev/locations/europe-west3/keyRings/signet-dev"


@pytest.fixture
def deployed(whole: Whole) -> Callable[..., Run]:
    """Run the whole program of an environment of Google Cloud alone, which has `existing`."""
    return lambda existing=NOTHING, **changes: whole(
        settings={**SETTINGS, **changes}, existing=existing
    )


def test_a_ring_is_one_key_with_a_version_for_each_generation(deployed: Any) -> None:
    found = deployed()
    key = found.one("gcp-environment-crypto-key")
    assert key.inputs["purpose"] == "ASYMMETRIC_SIGN"
    assert key.inputs["skipInitialVersionCreation"] is True
    assert key.inputs["versionTemplate"]["algorithm"] == "RSA_SIGN_PKCS1_2048_SHA256"
    assert key.inputs["deletionPolicy"] == "PREVENT"
    assert key.inputs["labels"] == {"signet-environment": "dev", "signet-ring": "environment"}
    assert key.protect
    assert key.retain_on_delete
    versions = found.of("gcp:kms/cryptoKeyVersion:CryptoKeyVersion")
    assert sorted(each.name for each in versions) == [
        "gcp-environment-1-key",
        "gcp-environment-2-key",
    ]
    assert all(each.inputs["state"] == "ENABLED" and each.protect for each in versions)


def test_a_key_that_google_is_still_generating_is_waited_for(
    deployed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # terraform-provider-google, issue 5895: until then a version tells no public key.
    monkeypatch.setattr(signing_key, "_PAUSE", 0.001)
    monkeypatch.setattr(mocked._Cloud, "generating", 5)
    found = deployed(audience="https://generated.example.com")
    jwks = found.one("gcp-environment-store-jwks").inputs["content"]["value"]
    assert len(json.loads(jwks)["keys"]) == 2


@pytest.mark.parametrize(
    ("state", "remedy"),
    [("PENDING_GENERATION", "run `signet up` again"), ("DESTROYED", "look at it in the console")],
)
def test_a_key_that_does_not_become_ready_ends_the_run_with_what_to_do(
    deployed: Any, monkeypatch: pytest.MonkeyPatch, state: str, remedy: str
) -> None:
    monkeypatch.setattr(signing_key, "_PAUSE", 60.0)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(signing_key, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(mocked._Cloud, "generating", 1_000)
    monkeypatch.setattr(mocked._Cloud, "unready", state)
    with pytest.raises(RunFailed, match=f"which is {state}") as raised:
        deployed(audience=f"https://{state.lower()}.example.com".replace("_", "-"))
    assert remedy in str(raised.value)
    assert set(slept) == ({60.0} if state == "PENDING_GENERATION" else set())


def test_only_the_issuers_account_may_sign_and_only_its_users_become_it(deployed: Any) -> None:
    found = deployed()
    roles = {
        (each.inputs["role"], each.inputs["member"])
        for each in found.of("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")
    }
    issuer = "serviceAccount:sn-dev-environment-issuer@example-org-dev.iam.gserviceaccount.com"
    assert roles == {
        ("roles/cloudkms.signer", issuer),
        ("roles/cloudkms.publicKeyViewer", issuer),
    }
    (user,) = found.of("gcp:serviceaccount/iAMMember:IAMMember")
    assert user.inputs["member"] == SETTINGS["gcpIssuerPrincipals"][0]


def test_the_documents_are_public_without_listing_and_say_how_long_they_keep(
    deployed: Any,
) -> None:
    found = deployed()
    bucket = found.one("gcp-environment-store-bucket")
    assert bucket.inputs["uniformBucketLevelAccess"] is True
    assert bucket.inputs["publicAccessPrevention"] == "inherited"
    reader = found.one("gcp-environment-store-reader-0")
    assert (reader.inputs["role"], reader.inputs["member"]) == (
        "roles/storage.legacyObjectReader",
        "allUsers",
    )
    jwks = found.one("gcp-environment-store-jwks")
    assert jwks.inputs["contentType"] == "application/jwk-set+json"
    assert jwks.inputs["cacheControl"] == "public, max-age=300"
    # Google's SDK counts every object's content as a secret, though this one is published.
    assert len(json.loads(jwks.inputs["content"]["value"])["keys"]) == 2
    assert reader.urn in jwks.depends_on


def test_private_documents_are_the_validators_alone(deployed: Any) -> None:
    found = deployed(publish="private")
    bucket = found.one("gcp-environment-store-bucket")
    assert bucket.inputs["publicAccessPrevention"] == "enforced"
    reader = found.one("gcp-environment-store-reader-0")
    assert reader.inputs["member"].startswith("serviceAccount:sn-dev-environment-run@")


def test_a_validator_runs_from_source_and_reports_its_settings_hash(deployed: Any) -> None:
    found = deployed(gcpMinInstances=2, gcpConcurrency=40)
    service = found.one("gcp-environment-validator-service")
    template = service.inputs["template"]
    (container,) = template["containers"]
    assert container["baseImageUri"] == "python312"
    assert [*container["commands"], *container["args"]] == [
        "python3",
        "-m",
        "validator_functions.cloud_run",
    ]
    assert container["sourceCode"]["cloudStorageSource"]["generation"] == "7"
    assert template["scaling"] == {"minInstanceCount": 2, "maxInstanceCount": 10}
    assert template["maxInstanceRequestConcurrency"] == 40
    assert service.inputs["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert service.inputs["invokerIamDisabled"] is True
    told = found.exports["validators"]["environment-gcp"]
    values = {each["name"]: each["value"] for each in container["envs"]}
    assert values["SIGNET_SETTINGS_SHA256"] == told["settingsSha256"]
    confirmed = json.loads(found.exports["confirmed"])
    report = confirmed["validators"]["environment-gcp"]
    assert report["expected"] == report["reported"] == told["settingsSha256"]


def test_nothing_private_is_declared_and_every_component_is_finished(deployed: Any) -> None:
    found = deployed()
    assert private_material(found) == []
    components = [each for each in found.resources if not each.custom]
    assert {each.type for each in components if each.type.startswith("signet:gcp:")} == {
        f"signet:gcp:{name}"
        for name in (
            "Cloud",
            "CodeStore",
            "JwksStore",
            "KeyRing",
            "Monitoring",
            "SigningKey",
            "Validator",
        )
    }
    assert {each.urn for each in components} <= found.finished


def test_what_google_never_deletes_is_taken_over(deployed: Any) -> None:
    found = deployed(Existing(ring=True, key=True))
    assert found.one("gcp-environment-key-ring").import_id == RING
    assert found.one("gcp-environment-crypto-key").import_id == f"{RING}/cryptoKeys/environment"
    fresh = deployed()
    assert fresh.one("gcp-environment-key-ring").import_id == ""


def settings_of(**changes: Any) -> Settings:
    raw = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in {**SETTINGS, **changes}.items()
        if value is not None
    }
    return parse(raw, Surroundings(stack="dev"))


def test_the_default_issuer_is_the_first_clouds_store() -> None:
    assert settings_of().issuer == "https://storage.googleapis.com/example-org-signet-dev-keys"


FAULTS = [
    ("gcpProject", None),
    ("gcpProject", "Example"),
    ("gcpRegion", "frankfurt"),
    ("gcpBucket", "my-google-keys"),
    ("gcpBucket", "a" * 56),
    ("gcpBucket", "with.dots"),
    ("gcpKeyRing", "no spaces"),
    ("gcpIssuerPrincipals", []),
    ("gcpIssuerPrincipals", ["allUsers"]),
    ("gcpKeyProtection", "hsm"),
    ("gcpMinInstances", 11),
    ("gcpCpu", "3"),
    ("gcpProxy", "nginx"),
    ("gcpImage", "europe-docker.pkg.dev/example-org-dev/signet/validator:latest"),
    ("gcpImage", "europe-docker.pkg.dev/example-org-dev/signet/validator"),
    ("gcpImage", f"europe-docker.pkg.dev/example-org-dev/signet/validator@sha256:{'A' * 64}"),
    ("gcpImage", f"europe-docker.pkg.dev/example-org-dev/signet/validator:v1@sha256:{'a' * 64}"),
    ("gcpImage", f"validator@sha256:{'a' * 64}"),
]


@pytest.mark.parametrize(("key", "value"), FAULTS)
def test_a_wrong_setting_is_named(key: str, value: Any) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_of(**{key: value})
    assert f"signet:{key}" in {fault.key for fault in raised.value.faults}


def test_google_settings_are_needed_with_google_alone() -> None:
    aws = {
        "awsRegion": "eu-central-1",
        "awsBucket": "b-of-aws",
        "awsIssuerPrincipals": ["arn:aws:iam::111122223333:root"],
    }
    found = settings_of(
        clouds=["aws"], home="aws", **aws, **{key: None for key in SETTINGS if key[:3] == "gcp"}
    )
    assert found.gcp is None
    assert isinstance(found.aws, AwsSettings)


def test_names_are_cut_to_googles_limits_and_stay_apart() -> None:
    longest = "e" * 20
    one, two = names.account_id(longest, "environment-issuer"), names.account_id(longest, "run-x-y")
    assert len(one) <= 30
    assert one != two
    assert len(names.service(longest, "s" * 40)) <= 49
    assert names.account_id("dev", "environment-run") == "sn-dev-environment-run"


@pytest.mark.parametrize(
    ("algorithm", "size", "wanted"),
    [
        ("RS256", 3072, "RSA_SIGN_PKCS1_3072_SHA256"),
        ("PS256", 2048, "RSA_SIGN_PSS_2048_SHA256"),
        ("ES256", 256, "EC_SIGN_P256_SHA256"),
    ],
)
def test_algorithms_by_googles_names(algorithm: str, size: int, wanted: str) -> None:
    assert kms_algorithm(algorithm, size) == wanted


def test_the_source_is_the_bundles_tree_and_always_the_same_bytes(tmp_path: Path) -> None:
    bundle = tmp_path / "b.zip"
    with zipfile.ZipFile(bundle, "w") as made:
        made.writestr("b/c.py", "1")
        made.writestr("a.py", "2")
    packed = pack(bundle.read_bytes())
    assert packed == pack(bundle.read_bytes()) == source_archive(bundle).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["a.py", "b/c.py"]


def test_settings_that_fit_no_variable_are_refused() -> None:
    with pytest.raises(RunFailed, match="holds 32768"):
        encoded("x" * 25_000)


def test_the_validator_is_not_for_everybody_to_ask(deployed: Any) -> None:
    (service,) = deployed().of("gcp:cloudrunv2/service:Service")
    assert cloud_run_faults(service.inputs) == []
    (asked,) = deployed(gcpIngress="all").of("gcp:cloudrunv2/service:Service")
    assert len(cloud_run_faults(asked.inputs)) == 1


@pytest.mark.parametrize(
    ("proxy", "told"),
    [("envoy", {"envoy"}), ("forwarded", {"caddy", "traefik"}), ("original", {"nginx"})],
)
def test_only_the_configuration_of_the_kind_that_asks_is_exported(
    deployed: Any, proxy: str, told: set[str]
) -> None:
    attached = deployed(gcpProxy=proxy).exports["attached"]["gcp"]
    assert attached.keys() == {*told, "openapi"}
    for name in told:
        assert all(header in attached[name] for header in IDENTITY_HEADERS)
        assert "/authorize" in attached[name]


def test_envoy_fails_closed_and_clears_what_a_caller_claims() -> None:
    told = json.loads(envoy.filter_and_cluster("https://v-abc.a.run.app"))
    clear, ask = told["http_filters"]
    removed = clear["typed_config"]["mutations"]["request_mutations"]
    assert [each["remove"] for each in removed[:-1]] == list(IDENTITY_HEADERS)
    spelled = removed[-1]["remove_on_match"]["key_matcher"]["safe_regex"]["regex"]
    assert all(re.fullmatch(spelled, name.replace("-", "_")) for name in IDENTITY_HEADERS)
    sent = {each["exact"] for each in ask["typed_config"]["allowed_headers"]["patterns"]}
    assert sent == {"x-request-id", *OVERRIDE_HEADERS}
    assert ask["typed_config"]["failure_mode_allow"] is False
    assert ask["typed_config"]["http_service"]["path_prefix"] == "/authorize"
    assert told["clusters"][0]["transport_socket"]["typed_config"]["sni"] == "v-abc.a.run.app"


def test_api_gateways_own_check_is_told_issuer_keys_and_audience() -> None:
    told = json.loads(openapi.document("dev", "https://i", "https://i/jwks", "aud", "https://b"))
    (scheme,) = told["securityDefinitions"].values()
    assert (scheme["x-google-issuer"], scheme["x-google-audiences"]) == ("https://i", "aud")
    assert told["security"] == [{"signet": []}]
