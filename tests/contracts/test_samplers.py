"""What every sampler in ``SAMPLERS`` must do, whatever it learns."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from study.search import (
    SAMPLERS,
    Choice,
    Float,
    Integer,
    Parameter,
    Proposer,
    RestoredTrial,
    SamplerSpec,
    Space,
    Value,
)
from study.spec import TrialState, parse

SPACE = Space(
    (
        Parameter("loss.name", Choice(("bce", "base", "reg"))),
        Parameter("loss.temperature", Float(0.02, 0.5, log=True), {"loss.name": ("base", "reg")}),
        Parameter("loss.regulariser", Choice((True, False)), {"loss.name": ("reg",)}),
        Parameter("loss.weight", Float(0.0, 2.0), {"loss.regulariser": (True,)}),
        Parameter("kind", Choice(("hard", 0.5, 2))),
        Parameter("batch_size", Integer(64, 512, log=True)),
        Parameter("layers", Integer(1, 3)),
        Parameter("one", Choice(("only",))),
    )
)
SMALL = {"nsgaii": {"population": 4}}
"""Settings with which a sampler learns within a few trials."""


@pytest.fixture(params=list(SAMPLERS))
def sampler(request: pytest.FixtureRequest) -> SamplerSpec:
    return parse(SAMPLERS[request.param], SMALL.get(request.param, {}))


def objective(params: Mapping[str, Value]) -> float:
    value = {"bce": 0.4, "base": 0.5, "reg": 0.6}[str(params["loss.name"])]
    return value - abs(math.log10(float(params.get("loss.temperature", 0.1))) + 1)


def go_on(proposer: Proposer, numbers: range) -> Proposer:
    """Propose these trials; they end in every possible way, but some go on running."""
    ends = [TrialState.COMPLETE, *TrialState, TrialState.COMPLETE]
    for number in numbers:
        trial = proposer.ask({"loss.name": "bce"} if number % 7 == 3 else None)
        assert trial.number == number
        state = ends[number % len(ends)]
        if state is not TrialState.INFEASIBLE:
            proposer.report(number, 1, objective(trial.params) / 2)
        if state.ended:
            is_complete = state is TrialState.COMPLETE
            proposer.tell(number, state, objective(trial.params) if is_complete else None)
    return proposer


def after(num_trials: int, sampler: SamplerSpec, seed: int = 0) -> Proposer:
    return go_on(Proposer(SPACE, "maximize", sampler, seed), range(num_trials))


def reread(trial: RestoredTrial) -> RestoredTrial:
    """The trial as a journal gives it back."""
    return replace(trial, attrs=json.loads(json.dumps(dict(trial.attrs))))


def test_the_same_seed_proposes_the_same(sampler: SamplerSpec) -> None:
    assert after(40, sampler).trials == after(40, sampler).trials
    assert after(40, sampler).trials != after(40, sampler, seed=1).trials


def test_every_proposal_is_a_point_of_the_space(sampler: SamplerSpec) -> None:
    for trial in after(60, sampler).trials:
        assert list(SPACE.misfits(trial.params)) == []


def test_only_and_all_active_parameters_are_drawn(sampler: SamplerSpec) -> None:
    for trial in after(60, sampler).trials:
        active = {parameter.path for parameter in SPACE.active(trial.params)}
        assert trial.params.keys() == active


def test_every_choice_is_tried(sampler: SamplerSpec) -> None:
    trials = after(60, sampler).trials
    for path in ("loss.name", "loss.regulariser", "kind", "one"):
        tried = {repr(trial.params[path]) for trial in trials if path in trial.params}
        assert tried == {repr(value) for value in SPACE.choices(path)}


def test_proposals_do_not_come_again_and_again(sampler: SamplerSpec) -> None:
    trials = after(60, sampler).trials
    assert len({tuple(trial.params.items()) for trial in trials}) > 30


@pytest.mark.parametrize("cut", [0, 1, 12, 30])
def test_a_study_restored_in_the_middle_goes_on_alike(sampler: SamplerSpec, cut: int) -> None:
    """Not the next proposal only: all that follow, with what the sampler keeps."""
    unbroken = after(45, sampler)
    resumed = Proposer(SPACE, "maximize", sampler)
    resumed.restore([reread(trial) for trial in after(cut, sampler).trials])
    assert go_on(resumed, range(cut, 45)).trials == unbroken.trials


def test_50_proposals_take_less_than_a_second(sampler: SamplerSpec) -> None:
    after(1, sampler)  # imports Optuna
    # Processor time: whatever else the machine does is no fault of the sampler.
    start = time.process_time()
    after(50, sampler)
    assert time.process_time() - start < 1
