"""What a token must satisfy, parsed once into a frozen object."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._frozen import Frozen
from .algorithms import SUPPORTED
from .errors import SettingsError

LARGEST_SKEW = 300
# What every JSON reader keeps exact; a deployment's cap is far lower (`settings`).
LONGEST_LIFETIME = 2**53
ACCESS_TOKEN = "at+jwt"  # noqa: S105
_UNNAMED_TYPES = frozenset({None, "jwt", ACCESS_TOKEN})


def normal_type(typ: str) -> str:
    """A `typ` as RFC 7515 section 4.1.9 compares it: no case, `application/` left out."""
    return typ.lower().removeprefix("application/")


class Policy(Frozen):
    """The rules for the tokens of one issuer.

    Seconds throughout. `issuer` or `audiences` None means "do not check", which `signet verify
    --batch` and foreign tests may say and `ValidatorSettings` never does. `typ` None accepts an
    absent `typ`, `JWT` and `at+jwt`. `denied_jtis` holds `(iss, jti)` pairs, or a bare `jti` for
    the policy's issuer. `foreign` ignores `x5t` and `x5c` in headers.

    Raises `SettingsError` that lists every fault.
    """

    __slots__ = (
        "algorithms",
        "audiences",
        "clock_skew",
        "denied_jtis",
        "denied_kids",
        "foreign",
        "further",
        "issuer",
        "max_lifetime",
        "required_claims",
        "roles",
        "scopes",
        "typ",
        "types",
    )
    issuer: str | None
    audiences: frozenset[str] | None
    algorithms: frozenset[str]
    max_lifetime: int
    clock_skew: int
    typ: str | None
    types: frozenset[str | None]
    scopes: frozenset[str]
    roles: frozenset[str]
    required_claims: tuple[str, ...]
    denied_kids: frozenset[str]
    denied_jtis: frozenset[str | tuple[str, str]]
    foreign: bool
    further: bool
    """Whether anything beyond the mandatory claims is asked: denied ids, claims, scopes, roles."""

    def __init__(
        self,
        *,
        issuer: str | None,
        audiences: Iterable[str] | None,
        algorithms: Iterable[str] = ("RS256",),
        max_lifetime: int = 900,
        clock_skew: int = 60,
        typ: str | None = ACCESS_TOKEN,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        required_claims: Iterable[str] = (),
        denied_kids: Iterable[str] = (),
        denied_jtis: Iterable[str | tuple[str, str]] = (),
        foreign: bool = False,
    ) -> None:
        faults: list[str] = []
        check = _Checks(faults)
        self._fill(
            issuer=None if issuer is None else check.text("issuer", issuer),
            audiences=None
            if audiences is None
            else frozenset(check.texts("audience", audiences, least=1)),
            algorithms=frozenset(check.algorithms(algorithms)),
            max_lifetime=check.number("max_lifetime", max_lifetime, 1, LONGEST_LIFETIME),
            clock_skew=check.number("clock_skew", clock_skew, 0, LARGEST_SKEW),
            typ=typ,
            types=_UNNAMED_TYPES if typ is None else frozenset({check.media_type(typ)}),
            scopes=frozenset(check.scopes(scopes)),
            roles=frozenset(check.texts("roles", roles)),
            required_claims=tuple(check.texts("required_claims", required_claims)),
            denied_kids=frozenset(check.texts("denied_kids", denied_kids)),
            denied_jtis=frozenset(check.token_ids(denied_jtis)),
            foreign=foreign,
            further=any((scopes, roles, required_claims, denied_jtis)),
        )
        if faults:
            raise SettingsError(faults)

    @classmethod
    def from_json(cls, members: object, *, signature_only: bool = False) -> "Policy":
        """Read the policy object of `signet verify --batch`; an unknown field is a fault.

        With `signature_only` nothing but `algorithms` has to stand in it.
        """
        if not isinstance(members, Mapping):
            raise SettingsError(["the policy is not an object"])
        faults = ["a field that no policy has" for name in members if name not in _FIELDS]
        needed = {"algorithms"} if signature_only else _MANDATORY
        faults += [f"`{name}` is missing" for name in sorted(needed.difference(members))]
        if faults:
            raise SettingsError(faults)
        arguments: dict[str, Any] = {"issuer": None, "audiences": None, "typ": None}
        arguments.update((_FIELDS[name], value) for name, value in members.items())
        if "denied_jtis" in arguments:
            arguments["denied_jtis"] = _pairs(arguments["denied_jtis"])
        return cls(**arguments)


_FIELDS = {
    "issuer": "issuer",
    "audience": "audiences",
    "algorithms": "algorithms",
    "max_lifetime": "max_lifetime",
    "clock_skew": "clock_skew",
    "typ": "typ",
    "scopes": "scopes",
    "roles": "roles",
    "required_claims": "required_claims",
    "denied_kids": "denied_kids",
    "denied_jtis": "denied_jtis",
}
_MANDATORY = frozenset({"issuer", "audience", "algorithms", "max_lifetime", "clock_skew"})


def _pairs(value: Any) -> Any:
    """`["iss", "jti"]` pairs of JSON as tuples; anything else unchanged, for the checks."""
    if not isinstance(value, list):
        return value
    return [tuple(item) if isinstance(item, list) else item for item in value]


class _Checks:
    """Collects faults; each method returns the value, or a harmless one after noting a fault."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults

    def text(self, name: str, value: object) -> str:
        if isinstance(value, str) and value and value.isprintable():
            return value
        self._faults.append(f"`{name}` is not a non-empty printable string")
        return ""

    def texts(self, name: str, values: object, *, least: int = 0) -> list[str]:
        return self._each(name, values, least, lambda value: isinstance(value, str) and value)

    def scopes(self, values: object) -> list[str]:
        # RFC 6749 section 3.3: a scope token holds no space.
        return self._each(
            "scopes", values, 0, lambda value: isinstance(value, str) and value.split() == [value]
        )

    def algorithms(self, values: object) -> list[str]:
        return self._each(
            "algorithms", values, 1, lambda value: isinstance(value, str) and value in SUPPORTED
        )

    def token_ids(self, values: object) -> list[str | tuple[str, str]]:
        def good(value: object) -> bool:
            if isinstance(value, tuple):
                return len(value) == 2 and all(isinstance(part, str) and part for part in value)  # noqa: PLR2004
            return isinstance(value, str) and value != ""

        return self._each("denied_jtis", values, 0, good)

    def number(self, name: str, value: object, least: int, most: int) -> int:
        if type(value) is int and least <= value <= most:
            return value
        self._faults.append(f"`{name}` is not an integer from {least} to {most}")
        return least

    def media_type(self, value: object) -> str:
        if isinstance(value, str) and value and value.isascii():
            return normal_type(value)
        self._faults.append("`typ` is not a non-empty ASCII string")
        return ""

    def _each(
        self, name: str, values: object, least: int, good: Callable[[object], object]
    ) -> list[Any]:
        if isinstance(values, (list, tuple, frozenset, set)):
            items = list(values)
            if len(items) >= least and all(good(item) for item in items):
                return items
        self._faults.append(f"`{name}` is not a list of {least} or more fitting values")
        return []
