"""Whether the names that this environment takes on Google Cloud are free: its buckets'.

Key ring and key, which Google never deletes, are looked at by `components.gcp.key_census`, which
takes over what is this environment's and refuses what is another's.
"""

from collections.abc import Callable, Iterator
from typing import Final

from components.collisions import ChosenName
from components.gcp import names, rest
from components.gcp.rest import Google
from components.gcp.settings import GcpSettings
from signet.errors import CouldNotCheck

_FORBIDDEN: Final = 403


def chosen_names(
    settings: GcpSettings,
    connect: Callable[[str | None], Google] = Google,
    *,
    token_service: bool = False,
    source: bool = True,
) -> Iterator[ChosenName]:
    """Give the names to ask about."""
    buckets = [("bucket", settings.bucket)]
    if source:
        code = names.source_bucket(settings.bucket)
        buckets.append(("bucket (of the code, computed from gcpBucket)", code))
    if token_service:
        used = names.used_tokens_bucket(settings.bucket)
        buckets.append(("bucket (of used tokens, computed from gcpBucket)", used))
    for what, name in buckets:
        yield ChosenName(
            setting="gcpBucket",
            value=name,
            what=f"Google Cloud: the {what}",
            resource_type="gcp:storage/bucket:Bucket",
            recorded_as="name",
            taken=_asker(connect, settings, name),
            remedy="choose another name: bucket names are one for all of Google Cloud",
        )


def _asker(
    connect: Callable[[str | None], Google], settings: GcpSettings, name: str
) -> Callable[[], str | None]:
    def ask() -> str | None:
        from google.auth.exceptions import GoogleAuthError

        try:
            found = connect(settings.endpoint).get(rest.STORAGE, f"/storage/v1/b/{name}")
        except rest.Refused as refused:
            if refused.status == _FORBIDDEN:
                return "belongs to another project, or may not be looked at by this identity"
            raise CouldNotCheck("a bucket's name", where=f"gcp: {refused}") from refused
        except (GoogleAuthError, OSError) as error:
            raise CouldNotCheck("a bucket's name", where=f"gcp: {error}") from error
        return None if found is None else "exists already"

    return ask
