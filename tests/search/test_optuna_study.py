"""What Optuna is told of the trials."""

import math
from collections.abc import Collection
from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState as OptunaState

from study.search import Choice, Float, Integer, Parameter, RestoredTrial, Space, Value
from study.search.history import settled
from study.search.optuna_study import distributions, frozen, optuna_study
from study.spec import Direction, TrialState

SPACE = Space(
    (
        Parameter("loss.name", Choice(("bce", "reg"))),
        Parameter("kind", Choice(("hard", 0.5, False))),
        Parameter("loss.temperature", Float(0.02, 0.5, log=True), {"loss.name": ("reg",)}),
        Parameter("batch_size", Integer(64, 512, log=True)),
    )
)
PARAMS: dict[str, Value] = {
    "loss.name": "reg",
    "kind": 0.5,
    "loss.temperature": 0.1,
    "batch_size": 128,
}


def told(
    *trials: RestoredTrial, without: Collection[str] = (), direction: Direction = "maximize"
) -> list[optuna.trial.FrozenTrial]:
    domains = distributions(SPACE, without)
    found: list[optuna.trial.FrozenTrial] = optuna_study(
        [frozen(trial, domains) for trial in trials], direction, optuna.samplers.RandomSampler()
    ).trials
    return found


def trial(state: TrialState, value: float | None = None, **reports: float) -> RestoredTrial:
    by_epoch = {int(name.removeprefix("at_")): report for name, report in reports.items()}
    return RestoredTrial(0, PARAMS, state, value, by_epoch)


def test_a_complete_trial_has_its_value_and_what_was_drawn() -> None:
    (found,) = told(trial(TrialState.COMPLETE, 0.7, at_1=0.5, at_3=0.7))
    assert found.state is OptunaState.COMPLETE
    assert found.value == 0.7
    assert found.params == PARAMS
    assert found.intermediate_values == {1: 0.5, 3: 0.7}
    assert found.distributions == {
        "loss.name": optuna.distributions.CategoricalDistribution(("bce", "reg")),
        "kind": optuna.distributions.CategoricalDistribution(("hard", 0.5, False)),
        "loss.temperature": optuna.distributions.FloatDistribution(0.02, 0.5, log=True),
        "batch_size": optuna.distributions.IntDistribution(64, 512, log=True),
    }


def test_a_pruned_trial_has_its_reports() -> None:
    (found,) = told(trial(TrialState.PRUNED, 0.5, at_1=0.4, at_3=0.5))
    assert found.state is OptunaState.PRUNED
    assert found.intermediate_values == {1: 0.4, 3: 0.5}
    assert found.constraints == {}


def test_a_report_that_is_not_finite_is_none() -> None:
    (found,) = told(trial(TrialState.PRUNED, at_1=math.inf))
    assert math.isnan(found.intermediate_values[1])


def test_an_infeasible_trial_breaks_a_constraint_and_has_no_made_up_value() -> None:
    (found,) = told(trial(TrialState.INFEASIBLE))
    assert found.state is OptunaState.PRUNED
    assert found.constraints["infeasible"] > 0
    assert found.values is None


def test_failed_and_running_trials_are_told_as_such() -> None:
    failed, running = told(trial(TrialState.FAIL), trial(TrialState.RUNNING, at_1=0.4))
    assert failed.state is OptunaState.FAIL
    assert running.state is OptunaState.RUNNING
    assert running.params == PARAMS
    assert running.intermediate_values == {1: 0.4}


def test_a_path_can_be_kept_from_optuna() -> None:
    (found,) = told(trial(TrialState.COMPLETE, 0.7), without={"loss.name"})
    assert found.params == {path: value for path, value in PARAMS.items() if path != "loss.name"}


def test_what_the_sampler_kept_is_there_again() -> None:
    kept = replace(trial(TrialState.COMPLETE, 0.7), attrs={"generation": 3})
    assert told(kept)[0].system_attrs == {"generation": 3}


def test_the_trial_that_is_asked_for_comes_last_and_has_its_own_number() -> None:
    domains = distributions(SPACE, ())
    trials = [frozen(replace(trial(TrialState.FAIL), number=n), domains) for n in (0, 4)]
    study = optuna_study(trials, "minimize", optuna.samplers.RandomSampler())
    asked = study.ask()
    assert study.direction is optuna.study.StudyDirection.MINIMIZE
    assert [one.number for one in study.trials] == [1, 5, 0]
    assert study.get_trials(deepcopy=False, states=[OptunaState.RUNNING])[0].number == 0
    assert asked.number == 0


def test_a_complete_trial_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="trial 0 is COMPLETE and must have a value"):
        trial(TrialState.COMPLETE)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_trial_without_a_finite_value_has_failed(value: float) -> None:
    assert settled(TrialState.COMPLETE, value) is TrialState.FAIL
    assert settled(TrialState.PRUNED, value) is TrialState.FAIL
    assert settled(TrialState.INFEASIBLE, value) is TrialState.INFEASIBLE


@pytest.mark.parametrize("state", TrialState)
def test_any_other_trial_ended_as_it_says(state: TrialState) -> None:
    assert settled(state, 0.5) is state
    assert settled(state, None) is state


def test_optunas_verbosity_is_left_as_it_was() -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        told(trial(TrialState.FAIL))
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(before)
