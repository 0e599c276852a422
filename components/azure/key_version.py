"""A key's one version as a dynamic resource: its public half, and whether it may be used.

Azure Resource Manager tells neither, and changes nothing of a key that is there. Both go through
the vault's data plane, and only when something is applied: a preview knows them from the state.
"""

from typing import Any

import pulumi
from pulumi import dynamic

from components.azure import clients
from signet.documents import jwk_from_numbers


class KeyVersionProvider(dynamic.ResourceProvider):
    """Reads a key version's public half once, and enables or disables the version."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Another version or algorithm is another resource; being enabled changes in place."""
        fixed = ("keyUri", "algorithm")
        moved = [name for name in fixed if _olds.get(name) != _news.get(name)]
        changed = _olds.get("enabled") != _news.get("enabled")
        return dynamic.DiffResult(changes=bool(moved) or changed, replaces=moved)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Read the public half, then disable the version if it is to be."""
        vault, name, version = split(props["keyUri"])
        client = clients.keys(vault)
        found = clients.once_allowed(lambda: client.get_key(name, version))
        jwk = public_half(found.key, props["algorithm"])
        if not props["enabled"]:
            client.update_key_properties(name, version, enabled=False)
        return dynamic.CreateResult(f"{name}/{version}", {**props, "jwk": jwk})

    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> dynamic.UpdateResult:
        """Enable or disable the version."""
        vault, name, version = split(_news["keyUri"])
        client = clients.keys(vault)
        enabled = bool(_news["enabled"])
        clients.once_allowed(lambda: client.update_key_properties(name, version, enabled=enabled))
        return dynamic.UpdateResult({**_news, "jwk": _olds["jwk"]})

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Read back whether it is enabled."""
        from azure.core.exceptions import ResourceNotFoundError

        vault, name, version = split(props["keyUri"])
        try:
            # Of a disabled key nothing but its properties may be read.
            versions = clients.keys(vault).list_properties_of_key_versions(name)
            found = next((each for each in versions if each.version == version), None)
        except ResourceNotFoundError:
            found = None
        if found is None:
            return dynamic.ReadResult()
        return dynamic.ReadResult(id_, {**props, "enabled": bool(found.enabled)})


def split(key_uri: str) -> tuple[str, str, str]:
    """Return the vault's address, the key's name and its version."""
    vault, _, rest = key_uri.partition("/keys/")
    name, _, version = rest.partition("/")
    return vault, name, version


def public_half(key: Any, algorithm: str) -> dict[str, str]:
    """Return a JSON Web Key of Microsoft's client as our own, without any other member of it."""
    names = ("n", "e") if key.n is not None else ("x", "y")
    curve = getattr(key.crv, "value", key.crv)
    if curve not in (None, "P-256"):
        raise ValueError(f"a key on the curve {curve} is none of ours")
    return jwk_from_numbers({name: getattr(key, name) for name in names}, algorithm)


class KeyVersion(dynamic.Resource, module="signet", name="KeyVersion"):
    """A key's one version: its public half as a JWK, and whether it is enabled."""

    jwk: pulumi.Output[dict[str, str]]
    """The public half with its `kid`."""

    def __init__(
        self,
        name: str,
        *,
        key_uri: pulumi.Input[str],
        algorithm: str,
        enabled: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            KeyVersionProvider(),
            name,
            {"keyUri": key_uri, "algorithm": algorithm, "enabled": enabled, "jwk": None},
            opts,
        )
