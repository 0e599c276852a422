"""The service: questions of a proxy below `/authorize`, hashes for a probe at `/healthz`.

Settings that are wrong do not stop it: every question is then refused with 503, and the log says
what is wrong.
"""

from urllib.parse import urlsplit

from ..verification.attempt import Deferral
from ..verification.decision import Decision, KeyProvider, Request
from ..verification.errors import SettingsError
from ..verification.key_source import RefreshMode
from ..verification.key_sources import KeySources
from ..verification.reasons import Reason
from ..verification.settings import ValidatorSettings
from ..verification.validator import Validator, key_events
from .answers import Answer, answer, plain
from .requests import PROXIES, Headers, NotAsked, is_question, read

HEALTH_PATHS = ("/healthz", "/health")
"""Cloud Run keeps some paths that end in z to itself ("Known issues"), hence the second."""

_OK, _NOT_FOUND, _NOT_READY = 200, 404, 503


def connect(settings: ValidatorSettings) -> KeyProvider:
    """Return the keys: deployed ones, and the published set that takes away from them."""
    return KeySources.from_settings(
        settings, mode=RefreshMode.BACKGROUND, on_event=key_events(settings)
    )


class App:
    """Answers a proxy's questions for one validator."""

    def __init__(self, validator: Validator, proxy: str = "envoy") -> None:
        if proxy not in PROXIES:
            raise SettingsError([f"SIGNET_PROXY is none of {', '.join(PROXIES)}"])
        self._validator = validator
        self._proxy = proxy
        self._unused = Deferral()

    def handle(
        self, method: str, target: str, headers: Headers, *, waited: bool = False
    ) -> Answer | Deferral:
        """Answer one request, or say which keys it would have to wait for, unless it `waited`.

        Never blocks and never raises: whatever goes wrong is a refusal.
        """
        if is_question(target):
            return self._authorize(method, target, headers, waited=waited)
        if method in ("GET", "HEAD") and urlsplit(target).path in HEALTH_PATHS:
            report = self._validator.report()
            return plain(_OK if report["ready"] else _NOT_READY, report)
        return plain(_NOT_FOUND, {"reason": "not_found"})

    def _authorize(
        self, method: str, target: str, headers: Headers, *, waited: bool
    ) -> Answer | Deferral:
        try:
            request = read(self._proxy, method, target, headers)
        except NotAsked as error:
            refused = self._validator.refuse(
                Decision(reason=Reason.ROUTE_NOT_ALLOWED, detail=f"the proxy: {error}"),
                Request("", "", ()),
                self._proxy,
            )
            return answer(refused)
        with self._unused as deferral:
            decision = self._validator.judge(request)
        if deferral.attempts:
            self._unused = Deferral()
            if not waited:
                return deferral
        self._validator.record(decision, request, self._proxy)
        return answer(decision, request.request_id)
