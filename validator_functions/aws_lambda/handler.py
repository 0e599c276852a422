"""The Lambda function's entry: one authorizer event, one answer.

Everything slow happens while this module is imported, which Lambda does once for each instance.
Settings that are wrong do not stop the import: every request is then refused with 503, and the
log says what is wrong.
"""

import os
from typing import Any

from ..verification.decision import Decision, KeyProvider, Request
from ..verification.key_source import RefreshMode
from ..verification.key_sources import KeySources
from ..verification.reasons import Reason
from ..verification.settings import ValidatorSettings
from ..verification.validator import Validator, key_events
from . import answers
from .events import Gateway, UnknownEvent, read

ANSWER_VARIABLE = "SIGNET_HTTP_API_ANSWER"
"""`simple` (default) or `iam`, as the HTTP API's authorizer was declared: no event tells."""


def _connect(settings: ValidatorSettings) -> KeyProvider:
    # Lambda freezes a function with its answer, so that nothing runs between requests.
    return KeySources.from_settings(
        settings, mode=RefreshMode.INLINE, on_event=key_events(settings)
    )


_validator = Validator.start(_connect)
_answers_simply = os.environ.get(ANSWER_VARIABLE, "simple") != "iam"


def handler(event: object, context: Any) -> dict[str, Any]:
    """Answer an authorizer event, or a probe `{"signet": "probe"}`.

    A probe can only come from a direct invocation, which IAM guards: API Gateway never sends one.
    Raises `Unauthorized` and `CouldNotCheck`, as API Gateway wants it (see `answers`).
    """
    if event == {"signet": "probe"}:
        return _validator.report()
    invocation_id = str(getattr(context, "aws_request_id", ""))
    try:
        asked = read(event, invocation_id)
    except UnknownEvent as error:
        _validator.refuse(
            Decision(reason=Reason.INTERNAL_ERROR, detail=f"event: {error}"),
            Request("", "", (), invocation_id),
        )
        raise answers.CouldNotCheck(str(Reason.INTERNAL_ERROR)) from None
    simply = asked.gateway is Gateway.HTTP and _answers_simply
    namable = simply or answers.names_one_method(asked.arn)
    decision = _validator.decide(
        asked.request,
        asked.gateway.value,
        barred="" if namable else "no policy can name this path alone",
    )
    if simply:
        return answers.simple(decision)
    return answers.policy(decision, asked.arn, says_401=asked.gateway is Gateway.REST)
