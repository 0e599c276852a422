"""Which rights are given: Azure's own roles by id, and ours, which grant less. Pure.

Sources: "Azure built-in roles" and "Azure permissions for Security" (Key Vault data actions).
"""

from typing import Final

BLOB_OWNER: Final = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
BLOB_CONTRIBUTOR: Final = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_READER: Final = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
QUEUE_CONTRIBUTOR: Final = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
TABLE_CONTRIBUTOR: Final = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"

SIGNER_ACTIONS: Final = (
    "Microsoft.KeyVault/vaults/keys/read",
    "Microsoft.KeyVault/vaults/keys/sign/action",
)
"""Key Vault Crypto User would also let a signer change, encrypt with and wrap with the key."""

ADMINISTRATOR_ACTIONS: Final = (
    "Microsoft.KeyVault/vaults/keys/read",
    "Microsoft.KeyVault/vaults/keys/update/action",
    "Microsoft.KeyVault/vaults/keys/delete",
    "Microsoft.KeyVault/vaults/keys/recover/action",
)
"""Managing keys without signing; Key Vault Crypto Officer holds both."""

SETTLING_SECONDS: Final = 120
"""How long an app's new roles are waited for. "Troubleshoot Azure RBAC" says up to ten minutes, and
most take less than two (unsure: not tried)."""


def built_in(subscription: str, role: str) -> str:
    """Return the id of one of Azure's own roles."""
    return f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
