"""The proposer word by word: an Optuna study is filled anew, by copies, for every proposal."""

from collections.abc import Iterable, Mapping
from typing import Any

import optuna
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from study.search import RestoredTrial, Space, TpeSpec, Value
from study.search.optuna_study import distributions
from study.search.samplers import Question
from study.spec import Direction, TrialState


def literal_proposal(
    trials: Iterable[RestoredTrial],
    space: Space,
    direction: Direction,
    fixed: Mapping[str, Value],
    seed: int,
) -> dict[str, Value]:
    """What TPE proposes after ``trials``, which are in the order of their numbers."""
    known = list(trials)
    alike = [t for t in known if all(t.params.get(p) == v for p, v in fixed.items())]
    num_ranked = sum(trial.is_ranked for trial in alike)
    question = Question(space, seed, len(known), num_ranked, bool(fixed))
    sampler = TpeSpec().build(question)
    study = optuna.create_study(
        storage=optuna.storages.InMemoryStorage(), sampler=sampler, direction=direction
    )
    domains = distributions(space, without=fixed)
    for trial in alike:
        params = {path: value for path, value in trial.params.items() if path in domains}
        study.add_trial(
            create_trial(
                params=params,
                distributions={path: domains[path] for path in params},
                intermediate_values=dict(trial.reports),
                **_outcome(trial),
            )
        )
    asked = study.ask()
    drawn: dict[str, Value] = {}
    for parameter in space.parameters:
        path = parameter.path
        if parameter.is_active(drawn):
            drawn[path] = fixed[path] if path in fixed else asked._suggest(path, domains[path])
    return drawn


def _outcome(trial: RestoredTrial) -> dict[str, Any]:
    match trial.state:
        case TrialState.COMPLETE:
            return {"state": OptunaState.COMPLETE, "value": trial.value}
        case TrialState.INFEASIBLE:
            return {"state": OptunaState.PRUNED, "constraints": {"infeasible": 1.0}}
    return {"state": OptunaState[trial.state.value]}
