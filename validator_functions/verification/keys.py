"""Key sets (RFC 7517), parsed as strictly as tokens are verified.

Our own sets are refused whole for one bad member: nothing that we publish is ever half right. A
foreign issuer's set may hold members that are not for us, which are skipped; a private or
symmetric key in it still refuses the whole set, because then nobody but the issuer's own mistakes
decides who can sign.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from . import algorithms, encoding, limits, strict_json
from ._frozen import Frozen
from .algorithms import Check
from .digests import sha256
from .errors import SettingsError
from .reasons import Reason

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_CERTIFICATE_TEXTS = ("x5u", "x5t", "x5t#S256")
_LARGEST_SEQUENCE = 2**53 - 1


class Profile(Frozen):
    """How a set is read. `algorithms` are what a foreign issuer's members without `alg` may be."""

    __slots__ = ("algorithms", "foreign")
    foreign: bool
    algorithms: tuple[str, ...]

    def __init__(self, *, foreign: bool, algorithms: tuple[str, ...] = ()) -> None:
        self._fill(foreign=foreign, algorithms=algorithms)


OWN = Profile(foreign=False)


def foreign(*algorithms: str) -> Profile:
    """The profile of a foreign issuer, whose members without `alg` are of one of `algorithms`."""
    return Profile(foreign=True, algorithms=algorithms)


class Key(Frozen):
    """One public key with the one algorithm that it may be used for.

    `signature_length` is in characters of base64url: each of its signatures is just so long.
    """

    __slots__ = ("algorithm", "check", "kid", "kty", "public_key", "signature_length")
    kid: str
    algorithm: str
    kty: str
    public_key: Any
    check: Check
    signature_length: int

    def __init__(self, kid: str, algorithm: str, public_key: Any, check: Check) -> None:
        self._fill(
            kid=kid,
            algorithm=algorithm,
            kty=algorithms.KEY_TYPES[algorithm],
            public_key=public_key,
            check=check,
            signature_length=algorithms.signature_length(algorithm, public_key),
        )

    def __repr__(self) -> str:
        return f"Key(kid={self.kid!r}, algorithm={self.algorithm!r})"


class KeySet:
    """Keys by exact `kid`, with the `sequence` and the `denied` list that our own sets carry.

    `sha256` is the digest of the bytes that were parsed, or None when an object was. `chosen`
    remembers which key a header's exact bytes chose under which policy; `token` alone uses it.
    """

    __slots__ = ("_keys", "chosen", "denied", "get", "sequence", "sha256")

    def __init__(
        self,
        keys: Mapping[str, Key],
        *,
        sequence: int | None = None,
        denied: frozenset[str] = frozenset(),
        sha256: str | None = None,
    ) -> None:
        self._keys = dict(keys)
        self.get = self._keys.get
        self.chosen: dict[bytes, tuple[object, Key]] = {}
        self.sequence = sequence
        self.denied = denied
        self.sha256 = sha256

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def __repr__(self) -> str:
        return f"KeySet(kids={sorted(self._keys)}, sequence={self.sequence})"

    @property
    def kids(self) -> frozenset[str]:
        """The `kid`s of all keys, denied ones too."""
        return frozenset(self._keys)

    @classmethod
    def parse(cls, data: bytes | Mapping[str, Any], *, profile: Profile = OWN) -> "KeySet":
        """Parse a JWK Set from its bytes, or from an object that strict JSON gave.

        Raises `SettingsError` with `key_set_invalid`, which names the member and never its value.
        """
        try:
            digest = None
            if isinstance(data, bytes):
                if len(data) > limits.KEY_SET:
                    raise ValueError("the set is too large")
                digest = sha256(data).hex()
                data = strict_json.parse_object(data, limits.KEY_SET)
            return cls._from_members(data, profile, digest)
        except ValueError as fault:
            raise SettingsError([_describe(fault)], Reason.KEY_SET_INVALID) from None

    @classmethod
    def _from_members(
        cls, document: Mapping[str, Any], profile: Profile, digest: str | None
    ) -> "KeySet":
        if not isinstance(document, Mapping):
            raise ValueError("the set is not an object")
        # RFC 7517 section 5: members that are not understood are ignored.
        members = document.get("keys")
        if not isinstance(members, list) or not 0 < len(members) <= limits.KEYS:
            raise ValueError(f"`keys` is not a list of 1 to {limits.KEYS} keys")
        keys: dict[str, Key] = {}
        seen: set[str] = set()
        for position, member in enumerate(members):
            try:
                key = _key(member, profile, seen)
            except ValueError as fault:
                raise ValueError(f"keys[{position}]: {_describe(fault)}") from None
            if key is not None:
                keys[key.kid] = key
        if not keys:
            raise ValueError("no member of the set can be used")
        if profile.foreign:
            return cls(keys, sha256=digest)
        return cls(
            keys,
            sequence=_sequence(document.get("sequence")),
            denied=_denied(document.get("denied", [])),
            sha256=digest,
        )


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The RFC 7638 SHA-256 thumbprint of an RSA or EC public JWK, in base64url."""
    names = ("e", "kty", "n") if jwk.get("kty") == "RSA" else ("crv", "kty", "x", "y")
    members = ",".join(f'"{name}":"{jwk[name]}"' for name in names)
    return encoding.encode(sha256(f"{{{members}}}".encode()))


def check_key_id(kid: object) -> str:
    """Return `kid` if it can be one: 1 to 256 printable ASCII characters; else `ValueError`.

    Whatever a `kid` spells (a path, SQL, a URL), it is only ever compared with known ones.
    """
    if (
        not isinstance(kid, str)
        or not 0 < len(kid) <= limits.KEY_ID
        or not (kid.isascii() and kid.isprintable())
    ):
        raise ValueError("`kid` is not a string of 1 to 256 printable ASCII characters")
    return kid


def _describe(fault: ValueError) -> str:
    # Errors of the JSON scanner, the codecs and `cryptography` may quote their input.
    return str(fault) if type(fault) is ValueError else "not well-formed"


def _sequence(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= _LARGEST_SEQUENCE:
        raise ValueError("`sequence` is not a positive integer")
    return value


def _denied(value: object) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > limits.DENIED:
        raise ValueError(f"`denied` is not a list of at most {limits.DENIED} key ids")
    return frozenset(check_key_id(kid) for kid in value)


def _key(jwk: object, profile: Profile, seen: set[str]) -> Key | None:
    """Read one member; None is a member that a foreign issuer has for other purposes."""
    if not isinstance(jwk, Mapping):
        raise ValueError("not an object")
    kty = jwk.get("kty")
    if not _PRIVATE_MEMBERS.isdisjoint(jwk) or kty == "oct":
        raise ValueError("a private or symmetric key")
    if profile.foreign and not _usable(jwk, profile):
        return None
    kid = check_key_id(jwk.get("kid"))
    if kid in seen:
        raise ValueError("its `kid` stands twice in the set")
    seen.add(kid)
    _check_use(jwk)
    _check_certificates(jwk)
    algorithm = jwk.get("alg")
    if algorithm is None and profile.foreign:
        algorithm = _implied_algorithm(jwk, profile)
    if not isinstance(algorithm, str) or algorithm not in algorithms.SUPPORTED:
        raise ValueError("`alg` is missing or not one of those supported")
    if kty != algorithms.KEY_TYPES[algorithm]:
        raise ValueError("`kty` is not that of its `alg`")
    if kty == "RSA":
        modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
        built = algorithms.rsa_key(algorithm, modulus, exponent)
    else:
        if jwk.get("crv") != algorithms.CURVES[algorithm]:
            raise ValueError("`crv` is not that of its `alg`")
        size = algorithms.COORDINATE_BYTES[algorithm]
        built = algorithms.ec_key(algorithm, _octets(jwk, "x", size), _octets(jwk, "y", size))
    return Key(kid, algorithm, *built)


def _usable(jwk: Mapping[str, Any], profile: Profile) -> bool:
    """Whether a foreign member is a signature key of a kind that we support."""
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (
        isinstance(operations, list) and "verify" not in operations
    ):
        return False
    algorithm = jwk.get("alg")
    if algorithm is None:
        return _implied_algorithm(jwk, profile) is not None
    return isinstance(algorithm, str) and algorithm in algorithms.SUPPORTED


def _implied_algorithm(jwk: Mapping[str, Any], profile: Profile) -> str | None:
    """The one algorithm of the policy that this key could be for, when there is just one."""
    fitting = [
        name
        for name in profile.algorithms
        if algorithms.KEY_TYPES.get(name) == jwk.get("kty")
        and algorithms.CURVES.get(name) == jwk.get("crv")
    ]
    return fitting[0] if len(fitting) == 1 else None


def _check_use(jwk: Mapping[str, Any]) -> None:
    if "use" in jwk and jwk["use"] != "sig":
        raise ValueError("`use` is not `sig`")
    if "key_ops" in jwk:
        operations = jwk["key_ops"]
        if not isinstance(operations, list) or "verify" not in operations:
            raise ValueError("`key_ops` does not hold `verify`")
        names = [name for name in operations if isinstance(name, str)]
        # RFC 7517 section 4.3: no duplicates.
        if len(names) != len(operations) or len(set(names)) != len(names):
            raise ValueError("`key_ops` is not a list of different strings")


def _check_certificates(jwk: Mapping[str, Any]) -> None:
    """Certificates take no part in verification, but must be of their types (RFC 7517 4.6-4.9)."""
    if not all(isinstance(jwk.get(name, ""), str) for name in _CERTIFICATE_TEXTS):
        raise ValueError("`x5u`, `x5t` or `x5t#S256` is not a string")
    chain = jwk.get("x5c", [])
    if not isinstance(chain, list) or not all(isinstance(item, str) for item in chain):
        raise ValueError("`x5c` is not a list of strings")


def _bytes(jwk: Mapping[str, Any], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= limits.KEY_MEMBER:
        raise ValueError(f"`{name}` is not base64url of a fitting length")
    try:
        return encoding.decode(text.encode("ascii"))
    except ValueError:
        raise ValueError(f"`{name}` is not canonical base64url") from None


def _number(jwk: Mapping[str, Any], name: str) -> int:
    octets = _bytes(jwk, name)
    # RFC 7518 section 6.3.1: as few octets as represent the value.
    if octets[0] == 0:
        raise ValueError(f"`{name}` has leading zeros")
    return int.from_bytes(octets)


def _octets(jwk: Mapping[str, Any], name: str, size: int) -> int:
    octets = _bytes(jwk, name)
    # RFC 7518 section 6.2.1.2: the full size of a coordinate.
    if len(octets) != size:
        raise ValueError(f"`{name}` is not {size} octets long")
    return int.from_bytes(octets)
