"""The Optuna study that a sampler is asked with: it holds trials that are lent, not copied.

Optuna's in-memory storage copies every trial deeply when it is added and would be filled for
every proposal. Here the trials are frozen once, by :class:`~study.search.alike.Alike`, and an
Optuna study of one proposal only looks at them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from study.search.domain import Choice, Domain, Float
from study.search.history import RestoredTrial
from study.search.space import Space
from study.spec import Direction, TrialState


def optuna_study(
    trials: Sequence[FrozenTrial], direction: Direction, sampler: optuna.samplers.BaseSampler
) -> optuna.Study:
    """Return an Optuna study that knows ``trials`` and asks ``sampler``; for one ``ask``."""
    with _quietly():
        return optuna.create_study(storage=_Lent(trials), sampler=sampler, direction=direction)


@final
class _Lent(optuna.storages.InMemoryStorage):  # type: ignore[misc]
    """Holds the trial that is asked for, and shows the others without owning them."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._lent = trials

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[OptunaState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the lent trials and the one that is asked for, which comes last."""
        lent = [one for one in self._lent if states is None or one.state in states]
        return [*lent, *super().get_all_trials(study_id, deepcopy, states)]


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Optuna from telling of every study it creates."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def distributions(space: Space, without: Collection[str]) -> dict[str, BaseDistribution]:
    """Return Optuna's domains of a space, by path."""
    return {
        parameter.path: _distribution(parameter.domain)
        for parameter in space.parameters
        if parameter.path not in without
    }


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    kind = FloatDistribution if isinstance(domain, Float) else IntDistribution
    return kind(domain.low, domain.high, log=domain.log)


def frozen(trial: RestoredTrial, domains: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """Return a trial as Optuna knows it; only of the paths in ``domains``."""
    params = {path: value for path, value in trial.params.items() if path in domains}
    found = create_trial(
        params=params,
        distributions={path: domains[path] for path in params},
        # An infinite report would rank first or last among the pruned for no reason.
        intermediate_values={
            epoch: value if math.isfinite(value) else math.nan
            for epoch, value in trial.reports.items()
        },
        system_attrs=dict(trial.attrs),
        **_outcome(trial),
    )
    # The trial that is asked for is number 0 of its study.
    found.number = found._trial_id = trial.number + 1
    return found


def _outcome(trial: RestoredTrial) -> dict[str, Any]:
    match trial.state:
        case TrialState.COMPLETE:
            return {"state": OptunaState.COMPLETE, "value": trial.value}
        case TrialState.INFEASIBLE:
            # A broken constraint ranks behind every pruned trial, and unlike a COMPLETE one
            # it needs no made-up value; of a FAIL the sampler would learn nothing.
            return {"state": OptunaState.PRUNED, "constraints": {"infeasible": 1.0}}
    return {"state": OptunaState[trial.state.value]}
