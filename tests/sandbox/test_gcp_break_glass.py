"""Google Cloud on a bad day: the break-glass adapter against the fake, asked without sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied
from google.cloud import kms_v1

from components.adoption import FoundKey
from components.gcp.break_glass import GcpBreakGlass
from components.gcp.settings import GcpSettings
from signet.errors import CouldNotCheck
from tests.sandbox.test_gcp_fake import BUCKET, PATH, Cloud
from tests.storage.publishing import check_written_over_what_was_looked_at, published


@dataclass
class Answer:
    status_code: int
    content: bytes
    headers: dict[str, str]


@dataclass
class Session:
    """What an authorised session does, on the fake itself."""

    cloud: Cloud
    token: str = ""
    broken: bool = False
    limits: list[float] = field(default_factory=list)

    def request(self, method: str, url: str, **asked: Any) -> Answer:
        if self.broken:
            raise ConnectionError("no route")
        assert asked["allow_redirects"] is False
        self.limits.append(asked["max_allowed_time"])
        headers = {**asked["headers"], "authorization": f"Bearer {self.token}"}
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        target = url.removeprefix("http://127.0.0.1:1")
        said = self.cloud.say(method, target, asked["data"] or b"", **named)
        return Answer(said.status, said.body, dict(said.headers))


@dataclass
class Kms:
    refuses: bool = False
    asked: list[tuple[str, Any, list[str]]] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)

    def destroy_crypto_key_version(self, *, name: str, timeout: float) -> None:
        if self.refuses or not timeout:
            raise PermissionDenied("no")
        self.destroyed.append(name)

    def update_crypto_key_version(self, **told: Any) -> None:
        if self.refuses:
            raise PermissionDenied("no")
        version = told["crypto_key_version"]
        self.asked.append((version.name, version.state, list(told["update_mask"].paths)))


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    made = Cloud(tmp_path / "gcp")
    made.admin("POST", "bucket", BUCKET, inputs={"publicAccessPrevention": "enforced"})
    return made


def hand(cloud: Cloud, kms: Kms | None = None, **changes: Any) -> GcpBreakGlass:
    where = "/computeMetadata/v1/instance/service-accounts/default/token"
    token = json.loads(cloud.say("GET", where, metadata_flavor="Google").body)["access_token"]
    settings = object.__new__(GcpSettings)
    object.__setattr__(settings, "bucket", BUCKET)
    object.__setattr__(settings, "endpoint", "http://127.0.0.1:1")
    session = Session(cloud, **{"token": token, **changes})
    return GcpBreakGlass(
        settings,
        "public, max-age=300",
        kms=lambda _: kms or Kms(),  # type: ignore[arg-type, return-value]
        session=lambda _: session,  # type: ignore[arg-type, return-value]
    )


def test_a_set_is_written_over_exactly_the_one_that_was_looked_at(cloud: Cloud) -> None:
    adapter = hand(cloud)
    written = check_written_over_what_was_looked_at(adapter)
    assert adapter.held().body.decode() == written


def test_what_is_written_keeps_its_headers(cloud: Cloud) -> None:
    adapter = hand(cloud)
    adapter.write(published(1), adapter.held())
    cloud.admin("PATCH", "bucket", BUCKET, inputs={"publicAccessPrevention": "inherited"})
    told = {"role": "roles/storage.legacyObjectReader", "member": "allUsers"}
    cloud.admin("POST", "binding", f"bucket:{BUCKET}|{told['role']}|allUsers", inputs=told)
    said = cloud.say("GET", PATH)
    assert said.headers["Content-Type"] == "application/jwk-set+json"
    assert said.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("changes", [{"token": "guessed"}, {"broken": True}])
def test_a_store_that_refuses_or_is_out_of_reach_is_told(
    cloud: Cloud, changes: dict[str, Any]
) -> None:
    with pytest.raises(CouldNotCheck) as caught:
        hand(cloud, **changes).held()
    assert caught.value.where.startswith("Cloud Storage: ")


def test_a_version_is_disabled_and_nothing_else_of_it_changes(cloud: Cloud) -> None:
    kms = Kms()
    hand(cloud, kms).disable_key("projects/p/keys/1")
    disabled = kms_v1.CryptoKeyVersion.CryptoKeyVersionState.DISABLED
    assert kms.asked == [("projects/p/keys/1", disabled, ["state"])]
    with pytest.raises(CouldNotCheck, match="Google Cloud did not do it"):
        hand(cloud, Kms(refuses=True)).disable_key("projects/p/keys/1")


def test_a_leftover_version_is_scheduled_for_destruction(cloud: Cloud) -> None:
    kms = Kms()
    left = FoundKey(
        cloud="gcp", id="keys/7", ring="r", generation=0, status="enabled", created_at=1
    )
    assert hand(cloud, kms).remove_key(left, 30).startswith("is destroyed in 30 days")
    assert kms.destroyed == ["keys/7"]
    with pytest.raises(CouldNotCheck):
        hand(cloud, Kms(refuses=True)).remove_key(left, 30)
