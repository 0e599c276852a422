"""Which scopes and roles a route needs: rules by method and path pattern.

A path is matched as a back end will read it: percent-decoded once and free of anything that two
readers could take differently. What is not is refused here, whatever the rules say.

Pattern segments are literal, `{name}` (one segment) or, last, `**` (none or more). Of the rules
that match method and path the most specific applies: compared segment by segment from the left,
literal before `{name}` before `**`. Two rules of one shape and method are refused at parse time,
so there is never a choice. A `HEAD` without a rule of its own takes that of `GET`.
"""

from collections.abc import Mapping, Sequence
from math import inf

from . import limits
from ._frozen import Frozen
from .errors import SettingsError, TokenRefused
from .reasons import Reason

_LONGEST_METHOD = 16
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~!$&'()*+,=:@-")
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")
_ANY_METHOD = "*"
_USUAL_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_LITERAL, _ONE, _REST = range(3)

# Headers by which some back ends take another method or path than the gateway saw.
OVERRIDE_HEADERS = frozenset(
    {
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
    }
)
_OVERRIDE_LENGTHS = frozenset(len(name) for name in OVERRIDE_HEADERS)


class Route(Frozen):
    """One rule: what it matches, and all the scopes and roles that it needs."""

    __slots__ = ("kinds", "least", "literals", "methods", "most", "roles", "scopes", "segments")
    methods: frozenset[str]
    segments: tuple[str, ...]
    kinds: tuple[int, ...]
    literals: tuple[tuple[int, str], ...]
    least: int
    most: float
    scopes: frozenset[str]
    roles: frozenset[str]

    def __init__(
        self,
        methods: frozenset[str],
        segments: tuple[str, ...],
        scopes: frozenset[str],
        roles: frozenset[str],
    ) -> None:
        kinds = tuple(_kind(segment) for segment in segments)
        ends_in_rest = _REST in kinds
        self._fill(
            methods=methods,
            segments=segments,
            kinds=kinds,
            literals=tuple(
                (position, segments[position])
                for position, kind in enumerate(kinds)
                if kind == _LITERAL
            ),
            least=len(kinds) - ends_in_rest,
            most=inf if ends_in_rest else len(kinds),
            scopes=scopes,
            roles=roles,
        )

    def covers(self, path: Sequence[str]) -> bool:
        """Whether the pattern matches these decoded segments."""
        if not self.least <= len(path) <= self.most:
            return False
        for position, wanted in self.literals:  # noqa: SIM110 - `all` takes three times as long
            if path[position] != wanted:
                return False
        return True


class RouteTable:
    """The rules of one gateway. `parse` makes one; `match` raises `TokenRefused` (403)."""

    __slots__ = ("_allow_others", "_rules", "is_open")

    def __init__(self, rules: Sequence[Route], *, allow_others: bool) -> None:
        # `**` sorts last, so that the first rule that matches is the most specific one.
        self._rules = tuple(
            sorted(rules, key=lambda rule: (rule.kinds, _ANY_METHOD in rule.methods))
        )
        self._allow_others = allow_others
        self.is_open = allow_others and not rules

    @classmethod
    def parse(cls, document: object) -> "RouteTable":
        """Read `{"default": "refuse"|"allow", "rules": [...]}`; raise `SettingsError`."""
        if not isinstance(document, Mapping) or document.keys() != {"default", "rules"}:
            raise SettingsError(["`routes` is not an object of `default` and `rules`"])
        faults: list[str] = []
        if document["default"] not in ("refuse", "allow"):
            faults.append("`routes.default` is neither `refuse` nor `allow`")
        rules: list[Route] = []
        members = document["rules"]
        if not isinstance(members, list):
            faults.append("`routes.rules` is not a list")
            members = []
        for position, member in enumerate(members):
            try:
                rules.append(_rule(member))
            except ValueError as fault:
                faults.append(f"`routes.rules[{position}]`: {fault}")
        faults += _clashes(rules)
        if faults:
            raise SettingsError(faults)
        return cls(rules, allow_others=document["default"] == "allow")

    def match(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[frozenset[str], frozenset[str]]:
        """The scopes and roles that a request needs; a table without rules asks for nothing."""
        if self.is_open:
            return frozenset(), frozenset()
        for name, _ in headers:
            if len(name) in _OVERRIDE_LENGTHS and name.lower() in OVERRIDE_HEADERS:
                fault = "a header that overrides method or path"
                raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, fault)
        if method not in _USUAL_METHODS and not _is_method(method):
            raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "not a method")
        segments = path_segments(path)
        covering = self._covering(segments)
        found = _applying(covering, method)
        if found is not None:
            rule, _ = found
            return rule.scopes, rule.roles
        # A route with rules for some methods, or in another letter case, is not an "other" one.
        if not self._allow_others or covering or self._covers_in_another_case(segments):
            raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "no rule for this method and path")
        return frozenset(), frozenset()

    def name_of(self, method: str, path: str) -> str | None:
        """The rule that a request falls under, such as `GET /orders/{id}`; None if there is none.

        For logs: all of it was written by who deployed the rules, nothing by the caller.
        """
        try:
            found = _applying(self._covering(path_segments(path)), method)
        except TokenRefused:
            return None
        if found is None:
            return None
        rule, wanted = found
        return f"{wanted} /{'/'.join(rule.segments)}"

    def _covering(self, segments: tuple[str, ...]) -> list[Route]:
        return [rule for rule in self._rules if rule.covers(segments)]

    def _covers_in_another_case(self, segments: tuple[str, ...]) -> bool:
        folded = tuple(segment.casefold() for segment in segments)
        return any(
            Route(
                rule.methods,
                tuple(segment.casefold() for segment in rule.segments),
                rule.scopes,
                rule.roles,
            ).covers(folded)
            for rule in self._rules
        )


def _applying(covering: Sequence[Route], method: str) -> tuple[Route, str] | None:
    """The most specific of these rules that is about the method, and the word by which it is."""
    for wanted in (method, "GET") if method == "HEAD" else (method,):
        for rule in covering:
            if wanted in rule.methods:
                return rule, wanted
            if _ANY_METHOD in rule.methods:
                return rule, _ANY_METHOD
    return None


def _is_method(method: str) -> bool:
    return (
        len(method) <= _LONGEST_METHOD
        and method.isascii()
        and method.isalpha()
        and method.isupper()
    )


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier()


def _kind(segment: str) -> int:
    if segment == "**":
        return _REST
    return _ONE if segment.startswith("{") else _LITERAL


def _rule(member: object) -> Route:
    if not isinstance(member, Mapping) or not {"methods", "path"} <= member.keys() <= {
        "methods",
        "path",
        "scopes",
        "roles",
    }:
        raise ValueError("not an object of `methods`, `path`, `scopes` and `roles`")
    methods = _texts(member["methods"], "methods")
    if not methods or not all(name == _ANY_METHOD or _is_method(name) for name in methods):
        raise ValueError("`methods` is not a list of upper-case methods or `*`")
    scopes = _texts(member.get("scopes", []), "scopes")
    if any(scope.split() != [scope] for scope in scopes):
        raise ValueError("`scopes` holds an empty scope or one with a space")
    roles = _texts(member.get("roles", []), "roles")
    return Route(frozenset(methods), _pattern(member["path"]), frozenset(scopes), frozenset(roles))


def _texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError(f"`{name}` is not a list of non-empty strings")
    return value


def _pattern(path: object) -> tuple[str, ...]:
    if path == "/":
        return ()
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError("`path` does not start with `/`")
    segments = tuple(path[1:].split("/"))
    for position, segment in enumerate(segments):
        if segment == "**":
            if position != len(segments) - 1:
                raise ValueError("`**` stands before the end of `path`")
        elif segment.startswith("{"):
            if not (segment.endswith("}") and _is_name(segment[1:-1])):
                raise ValueError("a `{name}` in `path` is malformed")
        elif not _PLAIN.issuperset(segment) or segment in ("", ".", ".."):
            raise ValueError("`path` has a segment that no request can match")
    return segments


def _clashes(rules: Sequence[Route]) -> list[str]:
    faults = []
    seen: dict[tuple[str, ...], set[str]] = {}
    for rule in rules:
        shape = tuple(
            "{}" if kind == _ONE else segment
            for kind, segment in zip(rule.kinds, rule.segments, strict=True)
        )
        taken = seen.setdefault(shape, set())
        if taken & rule.methods:
            faults.append(f"`routes.rules`: two rules for /{'/'.join(rule.segments)}")
        taken |= rule.methods
    return faults


_AMBIGUOUS = frozenset("/\\%;?#")
# A path of these alone has one reading and nothing to decode.
_ORDINARY = "".join(_PLAIN).encode() + b"/"


def path_segments(path: str) -> tuple[str, ...]:
    """Decode a request's path into its segments, or refuse it (RFC 3986 sections 2 and 3.3)."""
    if not path.startswith("/") or len(path) > limits.PATH:
        raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "not an absolute path")
    if path == "/":
        return ()
    # One slash at the end means the same to most back ends; two are an empty segment.
    parts = path.removesuffix("/")[1:].split("/")
    if path.isascii() and not path.encode().translate(None, _ORDINARY):
        segments = tuple(parts)
    else:
        segments = tuple([_segment(part) for part in parts])
    if "" in segments or "." in segments or ".." in segments:
        raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "an empty or a dot segment")
    return segments


def _segment(part: str) -> str:
    text = _unescaped(part) if "%" in part else part
    # `;` starts parameters for some back ends, `%` a second decoding, `\` is `/` for others.
    if not text.isprintable() or not _AMBIGUOUS.isdisjoint(text):
        raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "a character with more than one reading")
    if not text.isascii():
        from unicodedata import is_normalized

        if not is_normalized("NFC", text):
            raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "not in Unicode normal form C")
    return text


def _unescaped(part: str) -> str:
    first, *others = part.encode("utf-8", "surrogatepass").split(b"%")
    octets = bytearray(first)
    for other in others:
        digits = other[:2]
        if len(digits) != 2 or not _HEXADECIMAL.issuperset(digits):  # noqa: PLR2004
            raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "a malformed escape")
        octets.append(int(digits, 16))
        octets += other[2:]
    try:
        return octets.decode()
    except UnicodeError:
        raise TokenRefused(Reason.ROUTE_NOT_ALLOWED, "not UTF-8") from None
