"""A fake Key Vault data plane: keys are read, signed with, listed, enabled and disabled.

Source: Key Vault REST API 7.4 (Get Key, Sign, Get Keys, Update Key) and the requests of
azure-keyvault-keys. Not here: versions after the first, rotation, import, backup, encryption.
All vaults of the sandbox answer at one address, so a key's name is unique across them.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sandbox.azure.http import Refusal
from sandbox.azure.identity import Identity
from sandbox.azure.memory import Memory
from sandbox.fakes.http import Asked, Said, said_json

# Microsoft's client demands that the vault's host ends in a dot and this, which an address on
# loopback can only do so.
_RESOURCE = "https://0.0.1:{port}"
# What a vault's tokens are made out to where nothing is derived from its host.
_REAL_RESOURCE = "https://vault.azure.net"
_ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
_P256_BYTES = 32
_BAD, _DENIED, _MISSING, _CONFLICT = 400, 403, 404, 409


class Vaults:
    """The keys of every vault."""

    def __init__(self, memory: Memory, identity: Identity, port: int) -> None:
        self._memory = memory
        self._identity = identity
        self._port = port
        self._resource = _RESOURCE.format(port=port)

    def uri(self, name: str, version: str = "") -> str:
        """Return a key's identifier."""
        return f"https://127.0.0.1:{self._port}/keys/{name}" + (f"/{version}" if version else "")

    def answer(self, asked: Asked) -> Said:
        """Answer a request below `/keys`."""
        if not self._identity.require(asked, self._resource, _REAL_RESOURCE):
            challenge = (
                f'Bearer authorization="https://127.0.0.1:{self._port}/sandbox", '
                f'resource="{self._resource}"'
            )
            return Said(401, {"WWW-Authenticate": challenge})
        _, *rest = asked.path.strip("/").split("/")
        match asked.method, rest:
            case "GET", [] | [""]:
                return self._list()
            case "GET", [name, "versions"]:
                return self._versions(name)
            case "GET", [name, *version]:
                return said_json(200, self._bundle(name, *version))
            case "PATCH", [name, *version]:
                return self._update(asked, name, *version)
            case "POST", [name, version, "sign"]:
                return self._sign(asked, name, version)
        raise Refusal(_BAD, "UnsupportedByTheFake", f"{asked.method} {asked.target}")

    def create(self, name: str, vault: str, asked: dict[str, Any], tags: dict[str, str]) -> str:
        """Make a key and return its version. Azure Resource Manager's part."""
        with self._memory.looked_at() as told:
            if name in told["keys"]:
                raise Refusal(_CONFLICT, "Conflict", f"a key {name} is in a vault of the sandbox")
            if f"{vault}/{name}" in told["retired"]:
                raise Refusal(_CONFLICT, "ObjectIsDeletedButRecoverable", f"{vault}/{name}")
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
        if asked["kty"].startswith("EC"):
            key = ec.generate_private_key(ec.SECP256R1())
        else:
            key = rsa.generate_private_key(65537, int(asked.get("keySize") or 2048))
        version = secrets.token_hex(16)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._memory.keep_key(f"{name}-{version}", pem)
        now = int(time.time())
        with self._memory.drafted() as told:
            told["keys"][name] = {
                "vault": vault,
                "version": version,
                "kty": asked["kty"],
                "ops": asked.get("keyOps") or ["sign", "verify"],
                "enabled": (asked.get("attributes") or {}).get("enabled", True),
                "created": now,
                "updated": now,
                "tags": tags,
            }
        return version

    def delete(self, name: str) -> None:
        """Delete a key softly: its name stays taken for as long as its vault is there."""
        with self._memory.drafted() as told:
            gone = told["keys"].pop(name, None)
            if gone:
                told["retired"][f"{gone['vault']}/{name}"] = gone["version"]
        if gone:
            self._memory.forget_key(f"{name}-{gone['version']}")

    def purge(self, vault: str) -> None:
        """Forget a vault and the names that it kept."""
        with self._memory.drafted() as told:
            told["retired"] = {
                name: v for name, v in told["retired"].items() if not name.startswith(f"{vault}/")
            }

    def _key(self, name: str, version: str = "") -> dict[str, Any]:
        with self._memory.looked_at() as told:
            found: dict[str, Any] | None = told["keys"].get(name)
        if found is None or version not in ("", found["version"]):
            raise Refusal(_MISSING, "KeyNotFound", f"no key {name} {version}")
        return found

    def _private(self, name: str, key: dict[str, Any]) -> Any:
        return load_pem_private_key(self._memory.key(f"{name}-{key['version']}"), None)

    def _bundle(self, name: str, version: str = "") -> dict[str, Any]:
        key = self._key(name, version)
        public = self._private(name, key).public_key().public_numbers()
        told = {"kid": self.uri(name, key["version"]), "kty": key["kty"], "key_ops": key["ops"]}
        if isinstance(public, rsa.RSAPublicNumbers):
            width = (public.n.bit_length() + 7) // 8
            told |= {"n": _encoded(public.n.to_bytes(width, "big")), "e": "AQAB"}
        else:
            x, y = (n.to_bytes(_P256_BYTES, "big") for n in (public.x, public.y))
            told |= {"crv": "P-256", "x": _encoded(x), "y": _encoded(y)}
        return {"key": told, "attributes": _attributes(key), "tags": key["tags"]}

    def _list(self) -> Said:
        with self._memory.looked_at() as told:
            found = [
                {"kid": self.uri(name), "attributes": _attributes(key), "tags": key["tags"]}
                for name, key in told["keys"].items()
            ]
        return said_json(200, {"value": found, "nextLink": None})

    def _versions(self, name: str) -> Said:
        key = self._key(name)
        uri = self.uri(name, key["version"])
        told = {"kid": uri, "attributes": _attributes(key), "tags": key["tags"]}
        return said_json(200, {"value": [told], "nextLink": None})

    def _update(self, asked: Asked, name: str, version: str = "") -> Said:
        self._key(name, version)
        wanted = (asked.json().get("attributes") or {}).get("enabled")
        with self._memory.drafted() as told:
            if wanted is not None:
                told["keys"][name]["enabled"] = bool(wanted)
                told["keys"][name]["updated"] = int(time.time())
        return said_json(200, self._bundle(name, version))

    def _sign(self, asked: Asked, name: str, version: str) -> Said:
        key, told = self._key(name, version), asked.json()
        if not key["enabled"]:
            raise Refusal(_DENIED, "Forbidden", "Operation sign is not allowed on a disabled key.")
        algorithm = str(told.get("alg"))
        if _ALGORITHMS.get(algorithm) != key["kty"].removesuffix("-HSM"):
            raise Refusal(_BAD, "BadParameter", f"{algorithm} with {key['kty']}")
        digest = base64.urlsafe_b64decode(told["value"] + "==")
        prehashed = utils.Prehashed(hashes.SHA256())
        private = self._private(name, key)
        if algorithm == "ES256":
            r, s = utils.decode_dss_signature(private.sign(digest, ec.ECDSA(prehashed)))
            signed = r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
        elif algorithm == "PS256":
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            signed = private.sign(digest, salted, prehashed)
        else:
            signed = private.sign(digest, padding.PKCS1v15(), prehashed)
        return said_json(200, {"kid": self.uri(name, version), "value": _encoded(signed)})


def _attributes(key: dict[str, Any]) -> dict[str, Any]:
    return {name: key[name] for name in ("enabled", "created", "updated")}


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
