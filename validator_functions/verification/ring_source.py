"""What a key source is given and what it tells: plain values."""

from collections.abc import Iterable
from enum import StrEnum

from ._frozen import Frozen
from .keys import OWN, KeySet, Profile
from .refresh_timing import Timing


class RefreshMode(StrEnum):
    """Whether threads run between requests.

    `background`: they do (containers, Cloud Run with a request under way, App Service): a set past
    its freshness is renewed while decisions go on. `inline`: they do not (AWS Lambda freezes the
    process with its answer): nothing is tried until the contact is older than A + C, then one
    decision waits.
    """

    BACKGROUND = "background"
    INLINE = "inline"


class KeyEvent(Frozen):
    """Something that operators want to know, for the log: never key or token material.

    `kind` is a `trusted_keys.Change`, `fetch_failed` or `set_refused`; `alarm` asks for a person.
    """

    __slots__ = ("alarm", "detail", "issuer", "kid", "kind", "url")
    kind: str
    issuer: str
    url: str
    kid: str | None
    detail: str
    alarm: bool

    def __init__(
        self,
        kind: str,
        *,
        issuer: str,
        url: str,
        kid: str | None = None,
        detail: str = "",
        alarm: bool = False,
    ) -> None:
        self._fill(kind=kind, issuer=issuer, url=url, kid=kid, detail=detail, alarm=alarm)


class RingSource(Frozen):
    """Where one issuer's keys come from.

    Attributes:
        issuer: the exact `iss`.
        urls: addresses of the published set, the own cloud's store first, then the mirrors.
        deployed: the set that came with the settings; None only under `trust: published`.
        fixed: `trust: deployed`, where published sets can only take away.
        profile: how fetched sets are read; a foreign issuer's carry no sequence.
        timing: A, C, E and the patience of one decision.
    """

    __slots__ = ("deployed", "fixed", "issuer", "profile", "timing", "urls")
    issuer: str
    urls: tuple[str, ...]
    deployed: KeySet | None
    fixed: bool
    profile: Profile
    timing: Timing

    def __init__(
        self,
        *,
        issuer: str,
        urls: Iterable[str],
        deployed: KeySet | None,
        fixed: bool,
        profile: Profile = OWN,
        timing: Timing | None = None,
    ) -> None:
        self._fill(
            issuer=issuer,
            urls=tuple(dict.fromkeys(urls)),
            deployed=deployed,
            fixed=fixed,
            profile=profile,
            timing=timing or Timing(),
        )


def ignore_event(_event: KeyEvent) -> None:
    """Tell nobody."""
