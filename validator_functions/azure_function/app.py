"""The functions of the app, in the Python v2 programming model.

Everything slow happens while this module is imported, which the worker does once. Settings that are
wrong do not stop the import: every request is then refused with 503, and the log says what is
wrong. Both functions are anonymous to the platform: the token is what is checked, and a health
probe tells hashes only.
"""

import logging
from json import dumps

import azure.functions as func

from ..verification.decision import KeyProvider
from ..verification.key_source import RefreshMode
from ..verification.key_sources import KeySources
from ..verification.settings import ValidatorSettings
from ..verification.validator import Validator, key_events
from .answers import answer
from .requests import read

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OK, _NOT_READY = 200, 503
_GATEWAY = "function"
"""What the log calls who asked: anybody may ask this function, so no header can tell more."""

_log = logging.getLogger("signet.decisions")
_log.setLevel(logging.INFO)


def write_line(line: str) -> None:
    """Log a line: the worker sends what is logged, and not what is printed, to the workspace."""
    _log.info("%s", line)


def _connect(settings: ValidatorSettings) -> KeyProvider:
    return KeySources.from_settings(
        settings,
        mode=RefreshMode.BACKGROUND,
        on_event=key_events(settings, write_line),
    )


validator = Validator.start(_connect, write=write_line)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name("authorize")
@app.route(route="authorize", methods=_METHODS)
def authorize(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Decide about the request that is told of, or about this one."""
    asked = read(req, str(context.invocation_id))
    return answer(validator.decide(asked, _GATEWAY), asked.request_id)


@app.function_name("health")
@app.route(route="health", methods=["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger's own name
    """Tell which bundle and settings this is; 503 where it cannot decide anything."""
    report = validator.report()
    return func.HttpResponse(
        dumps(report),
        status_code=_OK if report["ready"] else _NOT_READY,
        headers={"cache-control": "no-store"},
        mimetype="application/json",
    )
