"""The program: settings, record, what the clouds hold, plan, environment, exports.

`__main__.py` runs it under plain `pulumi up`, and the command runs it inline.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Final

import pulumi

from components import adoption, observe, packaging, record
from components.environment import Environment, EnvironmentArgs
from components.observe import CloudReader
from components.setting_values import NAMESPACE
from components.settings import ENVIRONMENT_RING, Settings, load
from components.surroundings import Surroundings
from signet.errors import Fault, RunFailed, SettingsError
from signet.journal import Journal
from signet.rotation import plan
from signet.rotation_plan import Plan

_KEY_TYPES: Final[Mapping[str, str]] = {
    "aws:kms/key:Key": "keyId",
    "azure-native:keyvault:Key": "keyUriWithVersion",
    "gcp:kms/cryptoKeyVersion:CryptoKeyVersion": "name",
}
"""By type of a KMS key: the output whose last part is what `FoundKey.id` names it by."""

Readers = Callable[[Settings], Mapping[str, CloudReader]]


def main(readers: Readers = observe.readers, clock: Callable[[], float] = time.time) -> None:
    """Declare the environment of the selected stack.

    Raises SettingsError, CouldNotCheck or RunFailed before anything is declared.
    """
    settings = load(Surroundings.observe(pulumi.get_stack()))
    known = record.read()
    _check_issuer(settings, known.journal)
    seen = observe.observe(readers(settings))
    recorded = {
        each
        for kind, name in _KEY_TYPES.items()
        for outputs in known.outputs_of(kind)
        for each in (str(outputs.get(name, "")), str(outputs.get(name, "")).rpartition("/")[2])
    }
    found = adoption.numbered(seen.keys, _generations(known))
    planned = plan(
        known.journal,
        known.confirmed,
        seen.stores,
        settings.rotation,
        int(clock()),
        keys=adoption.readings(found, recorded, known.confirmed),
    )
    journal = _say(planned)
    taken = adoption.decide(found, recorded, journal, known.confirmed)
    bundle = packaging.build_bundle(settings.python)
    written = record.write_journal(journal)
    environment = Environment(
        settings.environment,
        EnvironmentArgs(
            settings=settings,
            journal=journal,
            journal_resource=written,
            confirmed=known.confirmed,
            adoption=taken,
            bundle=bundle,
        ),
    )
    confirmed = record.write_confirmed(environment.confirmed, [written, environment])
    _export(settings, environment, confirmed, taken)


def _generations(known: record.Record) -> dict[str, int]:
    """Return the generation of each recorded key version, by the name of its component."""
    told = {}
    for urn, outputs in (known.resources or {}).items():
        named = re.search(r"CryptoKeyVersion::.*-([0-9]+)-key$", urn)
        if named:
            told[str(outputs.get("name", ""))] = int(named[1])
    return told


def _check_issuer(settings: Settings, journal: Journal | None) -> None:
    """An issuer never changes: every consumer has it written down."""
    ring = journal.rings.get(ENVIRONMENT_RING) if journal is not None else None
    if ring is None or ring.issuer == settings.issuer:
        return
    how = (
        "computed from where the first cloud's documents are" if settings.issuer_is_default else ""
    )
    problem = f"the issuer of this environment is {ring.issuer} for good"
    raise SettingsError(
        [
            Fault(
                key=f"{NAMESPACE}:issuer",
                value=settings.issuer,
                problem=f"{problem}; this value was {how}" if how else problem,
                remedy=f"set {NAMESPACE}:issuer to {ring.issuer}, or make a new environment",
            )
        ]
    )


def _say(planned: Plan) -> Journal:
    """Show the plan in words, and return its journal. Raises RunFailed when it stops the run."""
    if planned.stopped or planned.journal is None:
        raise RunFailed(
            "the key rings stand in a way that this run must not go on from",
            details=[stop.text for stop in planned.stops],
            remedy="settle what each line says, then run it again; nothing was changed",
        )
    for alarm in planned.alarms:
        pulumi.log.warn(str(alarm))
    for line in (*planned.transitions, *planned.held):
        pulumi.log.info(str(line))
    return planned.journal


def _export(
    settings: Settings,
    environment: Environment,
    confirmed: pulumi.Stash,
    taken: adoption.Adoption,
) -> None:
    pulumi.export("issuer", environment.issuer)
    pulumi.export("audience", settings.audience)
    pulumi.export("requiredScope", settings.required_scope)
    pulumi.export("jwksUrls", environment.jwks_urls)
    pulumi.export("gateways", environment.gateways)
    pulumi.export("attached", environment.attached)
    pulumi.export("validators", environment.validators)
    pulumi.export("issuers", environment.issuers)
    pulumi.export("signingKeys", environment.signing_keys)
    pulumi.export("confirmed", confirmed.input)
    leftovers = [
        {"cloud": key.cloud, "id": key.id, "ring": key.ring, "generation": key.generation}
        for key in taken.leftovers
    ]
    pulumi.export("leftovers", leftovers)
    for key in taken.leftovers:
        pulumi.log.warn(
            f"{key.cloud}: the KMS key {key.id} carries the tags of {key.ring} generation "
            f"{key.generation}, and nothing records it: an interrupted run made it. Remove it by "
            "hand (for AWS: aws kms schedule-key-deletion --pending-window-in-days 7 --key-id ...)."
        )
