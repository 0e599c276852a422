"""The shared verification module: who is calling, and may they?

Standard library and `cryptography` only; packed unchanged into every cloud. Names are loaded when
they are first used, so that a function pays at its start only for what it needs.

The core is `verify(token, keys, policy, now) -> Claims`; the entry of a gateway's validator is
`Authorizer.authorize(request) -> Decision`, which never raises.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit import audit_line, is_audited
    from .batch import decide_batch_line
    from .claims import Claims
    from .decision import Authorizer, Decision, KeyProvider, Request, StaticKeys
    from .errors import KeysUnavailable, SettingsError, TokenRefused, VerificationError
    from .keys import Key, KeySet, thumbprint
    from .policy import Policy
    from .reasons import Reason
    from .routes import RouteTable
    from .settings import ValidatorSettings, load
    from .token import unverified_parts, verify, verify_signature

__all__ = [
    "Authorizer",
    "Claims",
    "Decision",
    "Key",
    "KeyProvider",
    "KeySet",
    "KeysUnavailable",
    "Policy",
    "Reason",
    "Request",
    "RouteTable",
    "SettingsError",
    "StaticKeys",
    "TokenRefused",
    "ValidatorSettings",
    "VerificationError",
    "audit_line",
    "decide_batch_line",
    "is_audited",
    "load",
    "thumbprint",
    "unverified_parts",
    "verify",
    "verify_signature",
]

_HOMES = {
    "audit": ("audit_line", "is_audited"),
    "batch": ("decide_batch_line",),
    "claims": ("Claims",),
    "decision": ("Authorizer", "Decision", "KeyProvider", "Request", "StaticKeys"),
    "errors": ("KeysUnavailable", "SettingsError", "TokenRefused", "VerificationError"),
    "keys": ("Key", "KeySet", "thumbprint"),
    "policy": ("Policy",),
    "reasons": ("Reason",),
    "routes": ("RouteTable",),
    "settings": ("ValidatorSettings", "load"),
    "token": ("unverified_parts", "verify", "verify_signature"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = found  # this function costs more than most of what it finds
    return found
