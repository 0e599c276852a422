"""Why a token was not issued.

SignetError
├── SettingsError      exit 2: asked for what is not allowed, or there is no key yet
├── NegativeAnswer
│   ├── KeyUnusable    exit 1: the KMS knows the key and will not sign with it
│   ├── SigningDenied  exit 1: the KMS does not let this caller sign
│   └── WrongKey       exit 1: what was signed does not verify with the confirmed public key
└── CouldNotCheck
    ├── KmsBusy        exit 3: the KMS throttles; the same call may work in a moment
    └── KmsUnreachable exit 3: no answer, or an answer that is no answer

No message holds a token or a part of one.
"""

from signet.errors import CouldNotCheck, NegativeAnswer


class KeyUnusable(NegativeAnswer):
    """The key is disabled, waits for deletion, is gone, or is not for this algorithm."""

    kind = "key_unusable"


class SigningDenied(NegativeAnswer):
    """The caller has no credentials for the KMS, or not the permission to sign."""

    kind = "signing_denied"


class WrongKey(NegativeAnswer):
    """The KMS signed with a key that is not the confirmed one; the token was thrown away."""

    kind = "wrong_key"


class KmsBusy(CouldNotCheck):
    """The KMS throttled the call, and did so again on every bounded retry."""

    kind = "kms_busy"


class KmsUnreachable(CouldNotCheck):
    """The KMS could not be reached, timed out, or answered with something broken."""

    kind = "kms_unreachable"
