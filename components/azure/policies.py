"""API Management policy fragments, as text. Pure: addresses in, XML out.

Source: "API Management policy reference" (send-request, validate-jwt, set-header, choose).
"""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from components.passed_on import IDENTITY_HEADERS, OVERRIDE_HEADERS

_SECONDS: Final = 3
_ANSWER: Final = "signetAnswer"


def ask_the_function(url: str) -> str:
    """Return the fragment that asks a validator about each request, and fails closed.

    Identity headers that the caller sent are removed first, and whatever could make the back end
    take another method or path than was decided about. Without an answer (`ignore-error` leaves
    none) and for every answer but 200 the request ends here; a refusal is passed on with the
    function's own status, challenge and body. The function gets a request made anew: the caller's
    `Authorization`, method and path, and no other header of his.
    """
    stripped = "".join(
        f'<set-header name="{name}" exists-action="delete" />'
        for name in (*IDENTITY_HEADERS, *OVERRIDE_HEADERS)
    )
    passed = "".join(_passed_on(name) for name in IDENTITY_HEADERS)
    answer = f'((IResponse)context.Variables["{_ANSWER}"])'
    none = f'context.Variables.GetValueOrDefault&lt;IResponse&gt;("{_ANSWER}") == null'
    failed = _attribute(f"@({none})")
    refused = _attribute(f"@({answer}.StatusCode != 200)")
    return (
        "<fragment>"
        f"{stripped}"
        f'<send-request mode="new" response-variable-name="{_ANSWER}" timeout="{_SECONDS}" '
        'ignore-error="true">'
        f"<set-url>{escape(url)}</set-url>"
        "<set-method>GET</set-method>"
        + _set("Authorization", '@(context.Request.Headers.GetValueOrDefault("Authorization",""))')
        + _set("x-signet-original-method", "@(context.Request.Method)")
        + _set("x-signet-original-path", "@(context.Request.OriginalUrl.Path)")
        + _set("x-request-id", "@(context.RequestId.ToString())")
        + "</send-request>"
        "<choose>"
        f"<when condition={failed}>"
        "<return-response>"
        '<set-status code="503" reason="Service Unavailable" />'
        '<set-header name="Retry-After" exists-action="override"><value>1</value></set-header>'
        "</return-response>"
        "</when>"
        f"<when condition={refused}>"
        f'<return-response response-variable-name="{_ANSWER}" />'
        "</when>"
        "</choose>"
        f"{passed}"
        "</fragment>"
    )


def native(issuer: str, audience: str, scope: str) -> str:
    """Return the fragment with API Management's own check, for teams that want no call.

    Weaker on purpose and known: no denied keys before its cache of the key set ends, no check of
    `typ`, and no cap on a token's lifetime.
    """
    required = (
        f'<required-claims><claim name="scope" match="any" separator=" "><value>{escape(scope)}'
        "</value></claim></required-claims>"
        if scope
        else ""
    )
    return (
        "<fragment>"
        '<validate-jwt header-name="Authorization" require-scheme="Bearer" '
        'require-expiration-time="true" require-signed-tokens="true" clock-skew="60" '
        'failed-validation-httpcode="401">'
        f"<openid-config url={quoteattr(f'{issuer}/.well-known/openid-configuration')} />"
        f"<audiences><audience>{escape(audience)}</audience></audiences>"
        f"<issuers><issuer>{escape(issuer)}</issuer></issuers>"
        f"{required}"
        "</validate-jwt>"
        "</fragment>"
    )


def _set(name: str, expression: str) -> str:
    value = escape(expression)
    return f'<set-header name="{name}" exists-action="override"><value>{value}</value></set-header>'


def _passed_on(header: str) -> str:
    read = f'((IResponse)context.Variables["{_ANSWER}"]).Headers.GetValueOrDefault("{header}","")'
    return _set(header, f"@({read})")


def _attribute(expression: str) -> str:
    """Quote an expression for an attribute; `&lt;` and `&gt;` in it are written as such already."""
    return "'" + expression.replace("'", "&apos;") + "'"
