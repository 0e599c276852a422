"""What the signers of a deployed token service share: they ask by REST, and may sign and no more.

The SDKs' signers beside them serve people and jobs, find any kind of credentials and read public
keys. A deployed service has one identity and the public key in its settings, and every token is
checked with that before it leaves: a damaged answer never becomes a token.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Final, NoReturn

from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from validator_functions.verification.fetch import Answer, FailureReason, FetchFailed

OK: Final = 200
_DENIED: Final = frozenset({401, 403})
_UNUSABLE: Final = frozenset({400, 404})
_BUSY: Final = 429


def asked(call: Callable[[], Answer], where: str) -> Answer:
    """Return the answer of a call. Raises SigningDenied or KmsUnreachable where there is none."""
    try:
        return call()
    except FetchFailed as error:
        if error.reason is FailureReason.CREDENTIALS_MISSING:
            raise SigningDenied("the platform gives this service no token", where=where) from error
        raise KmsUnreachable(f"the KMS cannot be reached ({error.reason})", where=where) from error


def signature_of(answer: Answer, member: str, where: str, *, urlsafe: bool) -> bytes:
    """Return the signature that stands in an answer's `member`. Raises KmsUnreachable."""
    try:
        text = json.loads(answer.body)[member]
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_" if urlsafe else None, validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise KmsUnreachable("the KMS answered with no signature", where=where) from None


def refused(answer: Answer, where: str, *, disabled: bool) -> NoReturn:
    """Raise what an answer without a signature means; `disabled`: it says that the key is."""
    status = answer.status
    if disabled or status in _UNUSABLE:
        raise KeyUnusable(f"the KMS will not sign with this key ({status})", where=where)
    if status in _DENIED:
        raise SigningDenied(f"the KMS does not let this service sign ({status})", where=where)
    if status == _BUSY:
        raise KmsBusy("the KMS throttled the call", where=where)
    raise KmsUnreachable(f"the KMS failed ({status})", where=where)
