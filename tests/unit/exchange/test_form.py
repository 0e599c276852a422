"""The form of an exchange: RFC 8693 section 2.1, and what RFC 6749 says of forms."""

from urllib.parse import urlencode

import pytest

from signet.issuing.exchange.form import FORM_TYPE, GRANT_TYPE, ID_TOKEN, JWT, parse_form
from signet.issuing.exchange.refusal import ExchangeRefused
from tests.unit.exchange.world import ORDERS, World, told

GOOD = {
    "grant_type": GRANT_TYPE,
    "subject_token": "a.b.c",
    "subject_token_type": JWT,
    "audience": ORDERS,
}


def test_a_good_form_is_read() -> None:
    form = parse_form(FORM_TYPE, urlencode({**GOOD, "scope": "a b", "later": "x"}).encode())
    assert (form.subject_token, form.audience, form.scopes) == ("a.b.c", ORDERS, ("a", "b"))
    assert form.client_id is None
    assert form.issued_token_type == "urn:ietf:params:oauth:token-type:access_token"


@pytest.mark.parametrize(
    "content_type",
    [FORM_TYPE, FORM_TYPE.upper(), f"{FORM_TYPE}; charset=UTF-8", f'{FORM_TYPE};charset="utf-8"'],
)
def test_the_media_type_may_name_utf_8(content_type: str) -> None:
    assert parse_form(content_type, urlencode(GOOD).encode()).audience == ORDERS


def _form(**changes: str | None) -> bytes:
    return urlencode({n: v for n, v in {**GOOD, **changes}.items() if v is not None}).encode()


@pytest.mark.parametrize(
    ("content_type", "body", "reason", "error"),
    [
        ("application/json", _form(), "content_type_invalid", "invalid_request"),
        ("", _form(), "content_type_invalid", "invalid_request"),
        (f"{FORM_TYPE}; charset=latin1", _form(), "content_type_invalid", "invalid_request"),
        (FORM_TYPE, _form(x="y" * 32_768), "form_too_large", "invalid_request"),
        (FORM_TYPE, b"", "parameter_missing", "invalid_request"),
        (FORM_TYPE, _form(subject_token=None), "parameter_missing", "invalid_request"),
        (FORM_TYPE, _form(subject_token=""), "parameter_missing", "invalid_request"),
        (FORM_TYPE, _form(audience=None), "parameter_missing", "invalid_request"),
        (FORM_TYPE, _form(subject_token_type=None), "parameter_missing", "invalid_request"),
        (FORM_TYPE, _form() + b"&audience=x", "parameter_repeated", "invalid_request"),
        (FORM_TYPE, _form() + b"&%61udience=x", "parameter_repeated", "invalid_request"),
        (FORM_TYPE, _form() + b"&later=1&later=2", "parameter_repeated", "invalid_request"),
        (FORM_TYPE, _form() + b"&lonely", "form_invalid", "invalid_request"),
        (FORM_TYPE, _form() + b"&a=%zz", "form_invalid", "invalid_request"),
        (FORM_TYPE, _form() + b"&a=%ff", "form_invalid", "invalid_request"),
        (FORM_TYPE, _form() + b"&a=%00", "form_invalid", "invalid_request"),
        (FORM_TYPE, _form() + b"".join(b"&p%d=1" % n for n in range(40)), "form_invalid",
         "invalid_request"),
        (FORM_TYPE, _form(grant_type="client_credentials"), "grant_type_unknown",
         "unsupported_grant_type"),
        (FORM_TYPE, _form(subject_token_type="urn:ietf:params:oauth:token-type:saml2"),
         "token_type_unknown", "invalid_request"),
        (FORM_TYPE, _form(requested_token_type=ID_TOKEN), "token_type_unknown", "invalid_request"),
        (FORM_TYPE, _form(actor_token="x"), "parameter_refused", "invalid_request"),
        (FORM_TYPE, _form(resource=ORDERS), "parameter_refused", "invalid_request"),
        (FORM_TYPE, _form(client_secret="x"), "parameter_refused", "invalid_request"),
        (FORM_TYPE, _form(scope="a  b"), "scope_refused", "invalid_scope"),
    ],
)  # fmt: skip
def test_a_form_that_is_not_one_request_is_refused(
    content_type: str, body: bytes, reason: str, error: str
) -> None:
    with pytest.raises(ExchangeRefused) as refusal:
        parse_form(content_type, body)
    assert (str(refusal.value.reason), refusal.value.error) == (reason, error)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/token", 405), ("POST", "/", 404), ("POST", "/token/", 404)],
)
def test_there_is_one_path_and_one_method(method: str, path: str, status: int) -> None:
    world = World()
    answer = world.send(_form(), method=method, path=path)
    assert answer.status == status
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_an_audience_that_no_service_has_is_an_invalid_target() -> None:
    world = World()
    answer = world.ask("a.b.c", audience="https://orders.example/")
    assert (answer.status, told(answer)["error"]) == (400, "invalid_target")
    assert world.lines[0]["audience"] is None
    assert world.stores.calls == []
