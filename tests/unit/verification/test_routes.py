"""Route rules: which apply, and the tricks that get around rules elsewhere."""

from typing import Any

import pytest

from validator_functions.verification import limits
from validator_functions.verification.errors import SettingsError, TokenRefused
from validator_functions.verification.reasons import Reason
from validator_functions.verification.routes import RouteTable, path_segments


def rule(path: str, *methods: str, scope: str = "", **members: Any) -> dict[str, Any]:
    scopes = {"scopes": [scope]} if scope else {}
    return {"methods": list(methods) or ["GET"], "path": path, **scopes, **members}


def table(*rules: Any, default: str = "refuse") -> RouteTable:
    return RouteTable.parse({"default": default, "rules": list(rules)})


def needed(rules: RouteTable, *request: Any) -> tuple[set[str], set[str]]:
    """Scopes and roles that a request needs."""
    scopes, roles = rules.match(*request)
    return set(scopes), set(roles)


_ORDERS = (
    rule("/", scope="root"),
    rule("/orders", "GET", scope="list"),
    rule("/orders/{id}", "GET", scope="read"),
    rule("/orders/{id}", "PUT", "PATCH", scope="write"),
    rule("/orders/new", "GET", scope="new"),
    rule("/orders/{id}/items/{item}", scope="items"),
    rule("/orders/new/items/first", scope="first"),
    rule("/admin/**", "*", roles=["admin"]),
    rule("/admin/{area}", "DELETE", scope="area"),
    rule("/files/{name}.txt".replace("{name}.txt", "a.txt"), scope="text"),
)


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/", {"root"}),
        ("GET", "/orders", {"list"}),
        ("GET", "/orders/", {"list"}),
        ("GET", "/orders/7", {"read"}),
        ("GET", "/orders/7/", {"read"}),
        ("GET", "/orders/a%20b", {"read"}),
        ("GET", "/orders/%6eew", {"new"}),
        ("GET", "/orders/n%C3%A9", {"read"}),
        ("GET", "/orders/\u00e9", {"read"}),
        ("HEAD", "/orders/7", {"read"}),
        ("PUT", "/orders/7", {"write"}),
        ("PUT", "/orders/new", {"write"}),
        ("GET", "/orders/new", {"new"}),
        ("GET", "/orders/7/items/x", {"items"}),
        ("GET", "/orders/new/items/first", {"first"}),
        ("GET", "/orders/new/items/second", {"items"}),
        ("DELETE", "/admin/users", {"area"}),
        ("GET", "/files/a.txt", {"text"}),
    ],
)
def test_the_most_specific_rule_for_method_and_path_applies(
    method: str, path: str, scopes: set[str]
) -> None:
    assert needed(table(*_ORDERS), method, path) == (scopes, set())


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/x/y/z"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PURGE"])
def test_two_stars_cover_everything_below(method: str, path: str) -> None:
    assert needed(table(*_ORDERS), method, path) == (set(), {"admin"})


def test_a_rule_for_a_method_comes_before_one_for_all_methods() -> None:
    rules = table(rule("/x", "*", scope="any"), rule("/x", "GET", scope="get"))
    assert needed(rules, "GET", "/x") == ({"get"}, set())
    assert needed(rules, "HEAD", "/x") == ({"any"}, set())
    assert needed(rules, "POST", "/x") == ({"any"}, set())


@pytest.mark.parametrize("default", ["refuse", "allow"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/orders/7"),
        ("get", "/orders/7"),
        ("GET ", "/orders/7"),
        ("", "/orders/7"),
        ("GET\n", "/orders/7"),
        ("GET", "/Orders/7"),
        ("GET", "/ADMIN/x"),
        ("GET", "/orders%2F7"),
        ("GET", "/orders%2f7"),
        ("GET", "/x%5cadmin"),
        ("GET", "/x\\admin"),
        ("GET", "/admin%00"),
        ("GET", "/x/../admin"),
        ("GET", "/x/%2e%2e/admin"),
        ("GET", "/x/.%2E/admin"),
        ("GET", "/./admin"),
        ("GET", "/.."),
        ("GET", "//admin"),
        ("GET", "/admin//x"),
        ("GET", "/admin//"),
        ("GET", "/admin;x=1"),
        ("GET", "/admin%3bx"),
        ("GET", "/x/..;/admin"),
        ("GET", "/admin%252e"),
        ("GET", "/%2561dmin"),
        ("GET", "/admin?x"),
        ("GET", "/admin%3fx"),
        ("GET", "/admin#x"),
        ("GET", "/admin%"),
        ("GET", "/admin%4"),
        ("GET", "/admin%zz"),
        ("GET", "/admin%u0041"),
        ("GET", "/admin%ff"),
        ("GET", "/admin%c0%af"),
        ("GET", "/admin\ud800"),
        ("GET", "/admin\n"),
        ("GET", "/admin%0a"),
        ("GET", "/admin\u202e"),
        ("GET", "/cafe\u0301"),
        ("GET", "/cafe%CC%81"),
        ("GET", "admin"),
        ("GET", ""),
        ("GET", "http://x/admin"),
        ("GET", "*"),
        ("GET", "/" + "a" * 8_192),
    ],
)
def test_a_path_with_two_readings_or_an_unruled_method_is_refused(
    method: str, path: str, default: str
) -> None:
    with pytest.raises(TokenRefused) as refusal:
        table(*_ORDERS, default=default).match(method, path)
    assert refusal.value.reason is Reason.ROUTE_NOT_ALLOWED


def test_an_unmatched_route_is_refused_unless_the_rules_say_otherwise() -> None:
    with pytest.raises(TokenRefused, match="route_not_allowed"):
        table(*_ORDERS).match("GET", "/other")
    with pytest.raises(TokenRefused, match="route_not_allowed"):
        table().match("GET", "/")
    assert needed(table(*_ORDERS, default="allow"), "GET", "/other") == (set(), set())


def test_a_table_that_allows_all_asks_for_nothing_and_looks_at_nothing() -> None:
    rules = table(default="allow")
    assert rules.is_open
    assert needed(rules, "", "", [("X-HTTP-Method-Override", "DELETE")]) == (set(), set())


@pytest.mark.parametrize(
    "header",
    [
        "X-HTTP-Method-Override",
        "x-http-method",
        "X-Method-Override",
        "X-Original-URL",
        "x-rewrite-url",
    ],
)
@pytest.mark.parametrize("default", ["refuse", "allow"])
def test_a_header_that_overrides_method_or_path_is_refused(header: str, default: str) -> None:
    rules = table(*_ORDERS, default=default)
    assert needed(rules, "GET", "/orders/7", [("Accept", "*/*")]) == ({"read"}, set())
    with pytest.raises(TokenRefused, match="overrides"):
        rules.match("GET", "/orders/7", [("Accept", "*/*"), (header, "x")])


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (None, "not an object"),
        ([], "not an object"),
        ({"default": "refuse"}, "not an object"),
        ({"default": "refuse", "rules": [], "x": 1}, "not an object"),
        ({"default": "deny", "rules": []}, "neither `refuse` nor `allow`"),
        ({"default": "refuse", "rules": {}}, "not a list"),
    ],
)
def test_a_document_that_is_no_table_is_a_fault(document: object, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        RouteTable.parse(document)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (7, "not an object"),
        ({"path": "/x"}, "not an object"),
        (rule("/x", other=1), "not an object"),
        (rule("/x", methods=[]), "`methods`"),
        (rule("/x", methods="GET"), "`methods`"),
        (rule("/x", "get"), "`methods`"),
        (rule("/x", "GE T"), "`methods`"),
        (rule("/x", methods=[7]), "`methods`"),
        (rule("/x", scopes="x"), "`scopes`"),
        (rule("/x", scopes=["a b"]), "`scopes`"),
        (rule("/x", scopes=[""]), "`scopes`"),
        (rule("/x", roles=[7]), "`roles`"),
        (rule("x"), "start with"),
        (rule(""), "start with"),
        ({"methods": ["GET"], "path": 7}, "start with"),
        (rule("/x/"), "no request can match"),
        (rule("//x"), "no request can match"),
        (rule("/a b"), "no request can match"),
        (rule("/a%20b"), "no request can match"),
        (rule("/a;b"), "no request can match"),
        (rule("/."), "no request can match"),
        (rule("/x/.."), "no request can match"),
        (rule("/x{id}"), "no request can match"),
        (rule("/{id"), "malformed"),
        (rule("/{}"), "malformed"),
        (rule("/{id+}"), "malformed"),
        (rule("/**/x"), "before the end"),
        (rule("/x**"), None),
    ],
)
def test_each_wrong_rule_is_named(wrong: Any, fault: str | None) -> None:
    if fault is None:
        assert needed(table(wrong), "GET", "/x**") == (set(), set())
        return
    with pytest.raises(SettingsError) as error:
        table(rule("/fine"), wrong, 7)
    assert len(error.value.faults) == 2
    assert fault in error.value.faults[0]
    assert "rules[1]" in error.value.faults[0]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (rule("/x", "GET"), rule("/x", "PUT", "GET"), True),
        (rule("/x/{a}", "GET"), rule("/x/{b}", "GET"), True),
        (rule("/x/**", "*"), rule("/x/**", "*"), True),
        (rule("/x", "GET"), rule("/x", "PUT"), False),
        (rule("/x", "GET"), rule("/x", "*"), False),
        (rule("/x/{a}", "GET"), rule("/x/a", "GET"), False),
        (rule("/x/**", "GET"), rule("/x/{a}", "GET"), False),
    ],
)
def test_two_rules_of_one_shape_and_method_are_a_fault(
    first: Any, second: Any, clash: bool
) -> None:
    if clash:
        with pytest.raises(SettingsError, match="two rules"):
            table(first, second)
    else:
        assert not table(first, second).is_open


def test_the_order_of_the_rules_does_not_matter() -> None:
    forwards, backwards = table(*_ORDERS), table(*reversed(_ORDERS))
    for path in ("/", "/orders/new", "/orders/7", "/admin/x", "/admin/x/y"):
        assert forwards.match("GET", path) == backwards.match("GET", path)


def test_segments_are_decoded_once() -> None:
    assert path_segments("/a%41/%7E/b+c") == ("aA", "~", "b+c")


def test_every_segment_before_two_stars_counts() -> None:
    rules = table(rule("/a/b/c/**", scope="deep"))
    assert needed(rules, "GET", "/a/b/c/d/e") == ({"deep"}, set())
    assert needed(rules, "GET", "/a/b/c") == ({"deep"}, set())
    for path in ("/a/x/c/d", "/a/b/x/d", "/x/b/c/d", "/a/b", "/a/b/"):
        with pytest.raises(TokenRefused):
            needed(rules, "GET", path)


def test_a_header_that_overrides_is_refused_with_its_reason() -> None:
    with pytest.raises(TokenRefused) as error:
        table(rule("/x")).match("GET", "/x", [("X-HTTP-Method-Override", "DELETE")])
    assert error.value.reason is Reason.ROUTE_NOT_ALLOWED


def test_a_method_has_at_most_16_letters() -> None:
    rules = table(rule("/x", "*"))
    assert needed(rules, "A" * 16, "/x") == (set(), set())
    with pytest.raises(TokenRefused, match="not a method"):
        needed(rules, "A" * 17, "/x")


def test_a_rule_may_name_scopes_and_roles_together() -> None:
    rules = table(rule("/x", scope="read", roles=["admin"]))
    assert needed(rules, "GET", "/x") == ({"read"}, {"admin"})


def test_a_path_may_be_as_long_as_its_limit_and_no_longer() -> None:
    longest = "/" + "a" * (limits.PATH - 1)
    assert path_segments(longest) == (longest[1:],)
    with pytest.raises(TokenRefused):
        path_segments(longest + "a")


def test_capital_letters_have_one_reading() -> None:
    assert path_segments("/X/aXb") == ("X", "aXb")


def test_a_lone_surrogate_beside_an_escape_is_refused_like_any_bad_text() -> None:
    for path in ("/\udc80%41", "/%41\ud800"):
        with pytest.raises(TokenRefused) as error:
            path_segments(path)
        assert error.value.reason is Reason.ROUTE_NOT_ALLOWED
