"""How an app's identities are told at preview, when their ids are not known yet."""

import pytest

from sandbox.azure.cloud import prepare
from sandbox.azure.tables import RESOURCES
from sandbox.plugin.diff import difference
from sandbox.plugin.values import UNKNOWN

APP = RESOURCES["azure-native:web:WebApp"]


@pytest.mark.parametrize(
    ("named", "expected"), [(["/id/a"], {"/id/a": {}}), ([UNKNOWN], UNKNOWN), ([], {})]
)
def test_identities_are_told_by_id_or_not_known_at_all(named: object, expected: object) -> None:
    given = {"identity": {"type": "UserAssigned", "userAssignedIdentities": named}}
    told = prepare(None, APP, given)
    assert told["identity"] == {"type": "UserAssigned", "userAssignedIdentities": expected}


@pytest.mark.parametrize(
    ("named", "changed"),
    [(["/id/a", "/id/b"], set()), (["/id/a", "/id/c"], {"identity"}), (["/id/a"], {"identity"})],
)
def test_identities_in_another_order_are_no_change(named: list[str], changed: set[str]) -> None:
    """A protobuf map tells its members in any order (protobuf.dev, "Maps")."""
    old, new = (
        prepare(None, APP, {"identity": {"userAssignedIdentities": each}})
        for each in (["/id/b", "/id/a"], named)
    )
    assert difference(APP, old, new).changed == changed
