"""One published document as a dynamic resource over azure-storage-blob.

The provider's own blob needs a shared key and cannot set `Cache-Control`. Here the deployer's Entra
identity writes, the headers travel with the content in one request, and a write is conditional on
the version that was last written, so that an overtaken run never puts an older set back.
"""

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import dynamic

from components.azure import clients
from signet.published import judge

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

_COMPARED = ("content", "contentType", "cacheControl")
_PLACE = ("accountUrl", "container", "blob")


class DocumentProvider(dynamic.ResourceProvider):
    """Writes, compares, reads and removes one blob."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Content and headers change in place; another place is another document."""
        moved = [name for name in _PLACE if _olds.get(name) != _news.get(name)]
        changed = any(_olds.get(name) != _news.get(name) for name in _COMPARED)
        return dynamic.DiffResult(changes=bool(moved) or changed, replaces=moved)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Write it. One that is there already has been made by a run that died: it is taken over.

        Nobody else can have put it into this container, which is ours alone.
        """
        told = clients.once_allowed(lambda: _write(props, None))
        return dynamic.CreateResult(f"{props['container']}/{props['blob']}", {**props, **told})

    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> dynamic.UpdateResult:
        """Write over the version that was written last."""
        told = clients.once_allowed(lambda: _write(_news, _olds.get("etag")))
        return dynamic.UpdateResult({**_news, **told})

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Read back what is there, headers included."""
        from azure.core.exceptions import ResourceNotFoundError

        client = clients.blob(*(props[name] for name in _PLACE))
        try:
            found = client.download_blob()
        except ResourceNotFoundError:
            return dynamic.ReadResult()
        headers = found.properties.content_settings
        seen = {
            "content": found.readall().decode("utf-8", "replace"),
            "contentType": headers.content_type,
            "cacheControl": headers.cache_control,
            "etag": found.properties.etag,
        }
        return dynamic.ReadResult(id_, {**props, **seen})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove it; one that is gone is no error."""
        from azure.core.exceptions import ResourceNotFoundError

        client = clients.blob(*(_props[name] for name in _PLACE))
        try:
            client.delete_blob()
        except ResourceNotFoundError:
            return


def _write(props: dict[str, Any], etag: str | None) -> dict[str, Any]:
    """Write over the version that was written last, or over one that this content supersedes.

    A taint writes the set without the engine (`components.azure.break_glass`), and whoever altered
    a store is written over, but never a set that is newer than this one: `--refresh` then shows it.
    """
    from azure.core.exceptions import ResourceModifiedError

    client = clients.blob(*(props[name] for name in _PLACE))
    try:
        return _upload(client, props, etag)
    except ResourceModifiedError as error:
        found = client.download_blob()
        if etag is None or _sequence(found.readall()) >= _sequence(props["content"].encode()) > 0:
            raise RuntimeError(
                f"azure: {props['blob']} is not as the last run wrote it: somebody else has written"
                " it. Look at it, then run `signet up` with --refresh, which takes note of what is"
                " there"
            ) from error
        return _upload(client, props, str(found.properties.etag))


def _upload(client: "BlobClient", props: dict[str, Any], etag: str | None) -> dict[str, Any]:
    from azure.core import MatchConditions
    from azure.storage.blob import ContentSettings

    condition: dict[str, Any] = (
        {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
    )
    made = client.upload_blob(
        props["content"].encode(),
        overwrite=True,
        content_settings=ContentSettings(
            content_type=props["contentType"], cache_control=props["cacheControl"]
        ),
        **condition,
    )
    return {"etag": made["etag"]}


def _sequence(body: bytes) -> int:
    """The number of a published set; 0 for anything else."""
    return judge(body).sequence or 0


class Document(dynamic.Resource, module="signet", name="Document"):
    """A document in Blob Storage with its headers."""

    etag: pulumi.Output[str]
    """Blob Storage's entity tag of it."""

    def __init__(
        self,
        name: str,
        *,
        account_url: str,
        container: str,
        blob: str,
        content: pulumi.Input[str],
        content_type: str,
        cache_control: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            DocumentProvider(),
            name,
            {
                "accountUrl": account_url,
                "container": container,
                "blob": blob,
                "content": content,
                "contentType": content_type,
                "cacheControl": cache_control,
                "etag": None,
            },
            opts,
        )
