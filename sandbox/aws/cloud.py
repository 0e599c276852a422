"""The AWS of the sandbox as the handlers see it: clients that can reach loopback only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from sandbox.plugin.server import Refused
from sandbox.plugin.spec import Call, Resource
from sandbox.plugin.values import Props, has_unknown

DEFAULT_REGION = "us-east-1"
ACCOUNT = "000000000000"
"""The emulator's account for credentials that name none."""
_TIMEOUT = Config(
    retries={"max_attempts": 2, "mode": "standard"},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@dataclass
class Aws:
    """Clients of one region by default, and the provider's own settings."""

    endpoint: str
    region: str = DEFAULT_REGION
    default_tags: Mapping[str, str] = field(default_factory=dict)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str, region: str | None = None) -> Any:
        """A client. Its endpoint and its credentials are the sandbox's, never the environment's."""
        key = (service, region or self.region)
        with self._lock:  # a boto3 session is not safe to share while it makes clients
            if key not in self._clients:
                self._clients[key] = boto3.session.Session().client(
                    service,  # type: ignore[call-overload]
                    region_name=key[1],
                    endpoint_url=self.endpoint,
                    aws_access_key_id="test",
                    aws_secret_access_key="test",  # noqa: S106 - ministack's fixed credentials
                    config=_TIMEOUT,
                )
            return self._clients[key]


def region_of(call: Call, known: Props) -> str:
    """The region of a resource: its own, or the provider's."""
    return str(known.get("region") or call.cloud.region)


def account_of(call: Call) -> str:
    """The account that the provider's credentials belong to."""
    return str(call.cloud.client("sts").get_caller_identity()["Account"])


def configure(config: Props, environ: Mapping[str, str]) -> Aws:
    """The AWS of the sandbox whose folder the environment names; its ports stand in its record.

    Refuses like the real provider where the account is not one of `allowedAccountIds`.
    """
    allowed = config.get("allowedAccountIds") or [ACCOUNT]
    if ACCOUNT not in allowed:
        raise Refused(
            f"AWS account ID not allowed: {ACCOUNT}. The sandbox has this one account; the stack "
            f"allows {', '.join(allowed)}"
        )
    record = json.loads((Path(environ["SIGNET_SANDBOX"]) / "sandbox.json").read_text("utf-8"))
    region = config.get("region") or environ.get("AWS_REGION") or DEFAULT_REGION
    tags = (config.get("defaultTags") or {}).get("tags") or {}
    return Aws(f"http://127.0.0.1:{record['ports']['aws']}", region, tags)


def with_default_tags(cloud: Aws | None, resource: Resource, inputs: Props) -> Props:
    """Merge the provider's default tags into a resource's own, which win.

    Source: pulumi/pulumi-aws, provider/provider_yaml.go and provider/tags.go (applyTags at check).
    """
    if cloud is None or not cloud.default_tags or "tags" not in resource.inputs:
        return inputs
    own = inputs.get("tags") or {}
    if has_unknown(own) and not isinstance(own, dict):
        return inputs
    return {**inputs, "tags": {**cloud.default_tags, **own}}


def explain(error: Exception) -> str | None:
    """An SDK's error as a sentence, with what to do where the sandbox does not answer."""
    if isinstance(error, EndpointConnectionError):
        return (
            f"the sandbox's AWS does not answer ({error.kwargs.get('endpoint_url', '')}); "
            "start it with `signet sandbox start`"
        )
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"{error.operation_name}: {told.get('Code', '?')}: {told.get('Message', '')}"
    if isinstance(error, BotoCoreError):
        return f"{type(error).__name__}: {error}"
    return None


def code_of(error: ClientError) -> str:
    """The error code that the service gave."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def absent(*codes: str) -> Iterator[None]:
    """Let one of these error codes mean "it is not there", and be content with that."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise


def refuse_taken(found: object, what: str) -> None:
    """Refuse a create where AWS answers a conflict and ministack would overwrite."""
    if found:
        msg = f"ConflictException: {what} exists already"
        raise FileExistsError(msg)


def present(**fields: Any) -> dict[str, Any]:
    """Arguments of a call without those that the program left out."""
    return {name: value for name, value in fields.items() if value is not None}


def tag_changes(old: Props, new: Props) -> tuple[dict[str, str], list[str]]:
    """Tags to set and keys of tags to remove."""
    was, now = old.get("tags") or {}, new.get("tags") or {}
    return dict(now), sorted(set(was) - set(now))


def parse_id(resource_id: str, parts: int, form: str, separator: str = "/") -> list[str]:
    """The parts of a composed import id."""
    found = resource_id.split(separator, parts - 1)
    if len(found) != parts or not all(found):
        msg = f"the import id {resource_id!r} is not of the form {form}"
        raise ValueError(msg)
    return found
