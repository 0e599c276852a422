"""What every runtime's entry does: read the settings, build the service, answer even without them.

Everything slow happens while a runtime imports its entry. Settings that are wrong do not stop it:
every request is then refused with 503, and the log says what is wrong.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from signet.errors import SettingsError, SignetError
from signet.issuing.errors import KeyUnusable
from signet.issuing.exchange.lines import SERVICE, Trace, exchange_line, faults_line, keys_line
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.replay import ReplayStore
from signet.issuing.exchange.service import (
    Answer,
    Clocks,
    HttpRequest,
    TokenService,
    answer,
    refused,
)
from signet.issuing.exchange.signing import Connect, signings
from signet.issuing.exchange.subjects import Subjects
from signet.issuing.signers import TokenSigner
from signet.strict_json import RecordError
from signet.token_service import HASH_VARIABLE, SigningKey, TokenServiceSettings, unpacked
from validator_functions.verification.fetch import HttpFetcher
from validator_functions.verification.key_source import RefreshMode
from validator_functions.verification.own_files import tree_sha256
from validator_functions.verification.ring_source import KeyEvent

TEXT_VARIABLE = "SIGNET_SETTINGS"
"""Where a container or an app has its settings; a Lambda function has a layer."""
HEALTH_PATH = "/health"
_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """All that differs between the clouds in which the service runs."""

    cloud: str
    connect: Callable[[TokenServiceSettings], Connect]
    """How a key of this cloud is signed with."""
    remember: Callable[[TokenServiceSettings], ReplayStore]
    """Where used tokens are; asked only where a rule takes tokens once."""
    write: Callable[[str], None]
    """Takes one log line."""
    mode: RefreshMode = RefreshMode.BACKGROUND


class Entry:
    """The service of one instance, or the reason why there is none."""

    def __init__(self, edge: Edge, read: Callable[[], bytes]) -> None:
        """`read` gives the settings' bytes."""
        self._edge = edge
        self._service: TokenService | None = None
        self._environment: str | None = None
        try:
            settings = checked(read())
            self._environment = settings.environment
            self._service = build(settings, edge)
        except (RecordError, SignetError, OSError, UnicodeDecodeError) as error:
            faults = (
                [str(f) for f in error.faults] if isinstance(error, SettingsError) else [str(error)]
            )
            edge.write(faults_line(faults, cloud=edge.cloud, at=time.time()))

    def report(self) -> dict[str, object]:
        """Which code and settings this is, for a probe; nothing secret. As a validator's is."""
        return {
            "signet": "report",
            "time": int(time.time()),
            "ready": self._service is not None,
            "bundle_sha256": _own_sha256(),
            "settings_sha256": os.environ.get(HASH_VARIABLE),
            "environment": self._environment,
            "service": SERVICE,
        }

    def health(self) -> Answer:
        """Return the report as an answer; 503 where nothing can be issued."""
        return answer(200 if self._service is not None else 503, self.report())

    def answer(self, request: Callable[[], HttpRequest]) -> Answer:
        """Answer the request that `request` makes out of the runtime's own, or refuses."""
        trace = Trace(parts={"total": 0.0})
        try:
            asked = request()
            trace.request_id = asked.request_id
            if self._service is not None:
                return self._service.handle(asked)
            why = "the service is not set up"
            raise ExchangeRefused(Reason.SETTINGS_INVALID, why, retry_after=5)
        except ExchangeRefused as error:
            self._edge.write(
                exchange_line(
                    trace,
                    error,
                    environment=self._environment,
                    cloud=self._edge.cloud,
                    at=time.time(),
                )
            )
            return refused(error)


def from_variable() -> bytes:
    """Return the settings that a variable carries. Raises RecordError."""
    return unpacked(os.environ.get(TEXT_VARIABLE, ""))


def checked(data: bytes) -> TokenServiceSettings:
    """Return the settings, if they are those that were deployed. Raises RecordError."""
    if os.environ.get(HASH_VARIABLE) != hashlib.sha256(data).hexdigest():
        raise RecordError(f"{HASH_VARIABLE} is not the hash of the settings")
    return TokenServiceSettings.parse(data.decode("utf-8"))


@cache
def _own_sha256() -> str | None:
    """The hash of this artefact's own files; None where this code runs from none.

    PyJWT stands beside it there, and in a checkout elsewhere.
    """
    return tree_sha256(str(_ROOT)) if (_ROOT / "jwt").is_dir() else None


def build(settings: TokenServiceSettings, edge: Edge) -> TokenService:
    """Return the service of these settings. Raises RecordError or SettingsError."""
    if settings.cloud != edge.cloud:
        raise RecordError(f"the settings are for {settings.cloud}, and this runs in {edge.cloud}")

    def told(event: KeyEvent) -> None:
        edge.write(
            keys_line(event, environment=settings.environment, cloud=edge.cloud, at=time.time())
        )

    connect = edge.connect(settings)

    def of_this_cloud(key: SigningKey) -> TokenSigner:
        if key.cloud != edge.cloud:
            raise KeyUnusable(f"the key that signs is in {key.cloud}, where this service is not")
        return connect(key)

    return TokenService(
        settings,
        Subjects(
            [caller for service in settings.services for caller in service.callers],
            settings.subject_audience,
            HttpFetcher(loopback_http=settings.sandbox),
            mode=edge.mode,
            on_event=told,
        ),
        signings(settings.keys, of_this_cloud),
        edge.remember(settings) if settings.replay else None,
        clocks=Clocks(wall=time.time, monotonic=time.monotonic),
        write=edge.write,
    )
