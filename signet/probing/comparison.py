"""Puts every case to every gateway and holds the answers against the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from signet.gateway_answers import Expectation, expected
from signet.probing.cases import Case, cases_for
from signet.probing.decision_log import LogSource, await_decisions
from signet.probing.forgery import Bench
from signet.probing.gateway_call import Gateway, GatewayAnswer
from validator_functions.verification.reasons import Reason

Call = Callable[[str, str | None], GatewayAnswer]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One case at one gateway: what was to be seen and what was."""

    gateway: Gateway
    expectation: Expectation
    status: int
    reason: Reason | None
    logged: int
    """How many decisions the validator logged; more than one means that two requests mixed."""
    subject: str | None
    """Who the backend was told is calling; None unless the request passed."""
    seconds: float
    wanted_subject: str | None
    bundle: str | None = None
    """The hash of the bundle that decided, where the validator logged one."""

    @property
    def as_expected(self) -> bool:
        """Whether status, logged reason and subject are all as the tables say."""
        return (
            self.status == self.expectation.status
            and self.logged <= 1
            and self.reason in self.expectation.reasons
            and self.subject == self.wanted_subject
        )


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """One case at every gateway."""

    case: Case
    observations: Sequence[Observation]

    @property
    def as_expected(self) -> bool:
        """Whether every gateway did as expected."""
        return all(observation.as_expected for observation in self.observations)

    @property
    def differences(self) -> list[str]:
        """What was not as expected, in words."""
        return [
            f"{self.case.name} at {o.gateway.cloud} {o.gateway.name}: {o.status}, logged {o.reason}"
            f" ({o.logged} times), subject {o.subject}"
            for o in self.observations
            if not o.as_expected
        ]

    @property
    def logged_reasons(self) -> list[Reason]:
        """The different reasons that validators logged, in the gateways' order."""
        return list(dict.fromkeys(o.reason for o in self.observations if o.reason is not None))


def compare(
    bench: Bench,
    gateways: Sequence[Gateway],
    logs: Mapping[str, LogSource],
    call: Call,
    *,
    cases: Iterable[Case] | None = None,
) -> list[CaseResult]:
    """Put each case to each gateway, one after the other; `logs` is by cloud.

    Raises CouldNotCheck when a gateway does not answer at all.
    """
    results = []
    for case in cases_for(bench) if cases is None else cases:
        credentials = case.credentials(bench)
        observations = [
            _observe(
                gateway,
                call(gateway.url, credentials),
                logs[gateway.cloud],
                expected(gateway.cloud, gateway.name, case.reason),
                bench.subject if case.reason is None else None,
            )
            for gateway in gateways
        ]
        results.append(CaseResult(case=case, observations=observations))
    return results


def _observe(
    gateway: Gateway,
    answer: GatewayAnswer,
    log: LogSource,
    expectation: Expectation,
    wanted_subject: str | None,
) -> Observation:
    found = await_decisions(log, wanted=expectation.reasons != {None})
    subject = answer.identity().get("subject") if answer.status == 200 else None  # noqa: PLR2004
    return Observation(
        gateway=gateway,
        expectation=expectation,
        status=answer.status,
        reason=found[-1].reason if found else None,
        logged=len(found),
        subject=subject if isinstance(subject, str) else None,
        seconds=answer.seconds,
        wanted_subject=wanted_subject,
        bundle=found[-1].bundle if found else None,
    )
