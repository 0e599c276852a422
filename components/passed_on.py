"""Headers that every gateway handles alike, as the validators have them."""

from collections.abc import Mapping
from typing import Final

from validator_functions.verification.identity import IDENTITY_HEADERS as _IDENTITY
from validator_functions.verification.routes import OVERRIDE_HEADERS as _OVERRIDES

IDENTITY_HEADERS: Final[Mapping[str, str]] = dict(_IDENTITY)
"""Header that a back end gets -> its key in an authorizer's context or an answer's body. Each is
always set or removed, so that none that a caller sent is passed on."""

OVERRIDE_HEADERS: Final = tuple(sorted(_OVERRIDES))
"""Headers by which some back ends take another method or path than the gateway saw. A validator
that is shown one refuses where there are route rules, so a gateway shows them, or removes them."""
