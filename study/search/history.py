"""What is known of the trials, and the Optuna study that says the same.

The study's journal is the truth. An Optuna study is drawn up from it, in memory, whenever a
sampler is asked, so it can neither be ahead of the journal nor fall behind.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from study.search.domain import Choice, Domain, Float, Value
from study.search.space import Space
from study.spec import Direction, TrialState

if TYPE_CHECKING:
    import optuna


@final
@dataclass(frozen=True)
class RestoredTrial:
    """One trial as the journal tells it."""

    number: int
    """Place in the order of proposals, from 0."""

    params: Mapping[str, Value]
    """What was drawn, by dotted path; active parameters only."""

    state: TrialState
    """Where it stands."""

    value: float | None = None
    """The objective it ended with; a trial that is COMPLETE has one."""

    reports: Mapping[int, float] = field(default_factory=dict)
    """The objective at each rung, by epoch."""

    def __post_init__(self) -> None:
        if self.state is TrialState.COMPLETE and self.value is None:
            raise ValueError(f"trial {self.number} is COMPLETE and must have a value")

    @property
    def is_ranked(self) -> bool:
        """Whether it says how good its parameters are."""
        return self.state in {TrialState.COMPLETE, TrialState.PRUNED}


def settled(state: TrialState, value: float | None) -> TrialState:
    """Return how a trial with this objective really ended: not a finite number is a failure."""
    is_broken = value is not None and not math.isfinite(value)
    return TrialState.FAIL if is_broken and state is not TrialState.INFEASIBLE else state


def optuna_study(
    trials: Iterable[RestoredTrial],
    space: Space,
    direction: Direction,
    *,
    sampler: optuna.samplers.BaseSampler | None = None,
    without: Collection[str] = (),
) -> optuna.Study:
    """Return an Optuna study, in memory, that holds ``trials``.

    Args:
        trials: In the order of their numbers; Optuna numbers them anew.
        space: What they were drawn from.
        direction: Which way is better.
        sampler: Answers the study's ``ask``.
        without: Paths that Optuna shall not know of.
    """
    import optuna

    distributions = {
        parameter.path: _distribution(parameter.domain)
        for parameter in space.parameters
        if parameter.path not in without
    }
    with _quietly():
        found = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(), sampler=sampler, direction=direction
        )
        for trial in trials:
            found.add_trial(_frozen(trial, distributions))
    return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Optuna from telling of every study it creates."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _distribution(domain: Domain) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    kind = FloatDistribution if isinstance(domain, Float) else IntDistribution
    return kind(domain.low, domain.high, log=domain.log)


def _frozen(
    trial: RestoredTrial, distributions: Mapping[str, optuna.distributions.BaseDistribution]
) -> optuna.trial.FrozenTrial:
    from optuna.trial import create_trial

    params = {path: value for path, value in trial.params.items() if path in distributions}
    return create_trial(
        params=params,
        distributions={path: distributions[path] for path in params},
        # An infinite report would rank first or last among the pruned for no reason.
        intermediate_values={
            epoch: value if math.isfinite(value) else math.nan
            for epoch, value in trial.reports.items()
        },
        **_outcome(trial),
    )


def _outcome(trial: RestoredTrial) -> dict[str, Any]:
    from optuna.trial import TrialState as OptunaState

    match trial.state:
        case TrialState.COMPLETE:
            return {"state": OptunaState.COMPLETE, "value": trial.value}
        case TrialState.INFEASIBLE:
            # A broken constraint ranks behind every pruned trial, and unlike a COMPLETE one
            # it needs no made-up value; of a FAIL the sampler would learn nothing.
            return {"state": OptunaState.PRUNED, "constraints": {"infeasible": 1.0}}
    return {"state": OptunaState[trial.state.value]}
