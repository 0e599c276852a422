"""What a store gave back, judged: a published set of ours, or something else. Pure."""

from email.utils import parsedate_to_datetime

from signet.observed import StoreReading
from validator_functions.verification.errors import VerificationError
from validator_functions.verification.keys import KeySet


def judge(body: bytes, date: str | None = None) -> StoreReading:
    """Return what a store's bytes say; `date` is the `Date` header of its answer.

    Only a well-formed set with a sequence counts as read; anything else is unverified, never
    absent: it may be an error page, or half of an upload. Nothing but a run would ever mend it, so
    it is said to be malformed, and the next run writes over it.
    """
    try:
        found = KeySet.parse(body)
    except VerificationError as error:
        return StoreReading("unverified", detail=str(error), malformed=True)
    if found.sequence is None:
        return StoreReading("unverified", detail="the set carries no sequence", malformed=True)
    return StoreReading(
        "read",
        sequence=found.sequence,
        kids=found.kids,
        denied=found.denied,
        sha256=found.sha256 or "",
        server_time=_epoch(date),
    )


def _epoch(date: str | None) -> int | None:
    """Epoch seconds of an IMF-fixdate (RFC 9110 section 5.6.7), None if it is none."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return int(moment.timestamp()) if moment.tzinfo is not None else None
