"""What is proposed, and that it follows from the trials so far, the seed and the number."""

import json
import math
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import pytest

from study.errors import ConfigError
from study.search import (
    Choice,
    Direction,
    Float,
    Integer,
    Parameter,
    Proposer,
    RestoredTrial,
    Space,
    Value,
)
from study.spec import TrialState

CONTRASTIVE = ("base", "reg")
SPACE = Space(
    (
        Parameter("loss.temperature", Float(0.02, 0.5, log=True), {"loss.name": CONTRASTIVE}),
        Parameter("loss.alpha", Float(0.0, 2.0), {"loss.name": ("reg",)}),
        Parameter("loss.kind", Choice(("hard", 0.5, False)), {"loss.name": ("reg",)}),
        Parameter("loss.name", Choice(("bce", "asl", "base", "reg"))),
        Parameter("batch_size", Choice((64, 128, 256))),
        Parameter("layers", Integer(1, 8, log=True)),
        Parameter("learning_rate", Float(1e-4, 1e-1, log=True)),
    )
)
LINE = Space((Parameter("x", Float(0.0, 1.0)),))


def quality(params: dict[str, Value]) -> float:
    """A smooth objective in which every loss has a learning rate of its own."""
    best = {"bce": -1.5, "asl": -1.5, "base": -3.0, "reg": -3.0}[str(params["loss.name"])]
    value = {"bce": 0.4, "asl": 0.45, "base": 0.5, "reg": 0.6}[str(params["loss.name"])]
    value -= 0.2 * (math.log10(float(params["learning_rate"])) - best) ** 2
    if "loss.temperature" in params:
        value -= 0.2 * (math.log10(float(params["loss.temperature"])) + 1) ** 2
    return value


def run(proposer: Proposer, num_trials: int, value: Callable[[dict[str, Value]], float]) -> None:
    for _ in range(num_trials):
        number, params = proposer.ask()
        proposer.tell(number, TrialState.COMPLETE, value(params))


def line(
    xs: list[float], state: TrialState, value: float | None = None, **more: dict[int, float]
) -> list[RestoredTrial]:
    return [RestoredTrial(0, {"x": x}, state, value, **more) for x in xs]


def proposals(
    history: list[RestoredTrial], direction: Direction = "maximize", num_seeds: int = 12
) -> list[float]:
    """What different seeds propose next on a line."""
    numbered = [replace(trial, number=number) for number, trial in enumerate(history)]
    found = []
    for seed in range(num_seeds):
        proposer = Proposer(LINE, direction, seed=seed)
        proposer.restore(numbered)
        found.append(float(proposer.ask()[1]["x"]))
    return found


def spread(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * index / (count - 1) for index in range(count)]


def test_numbers_count_from_nought() -> None:
    proposer = Proposer(SPACE, "maximize")
    assert [proposer.ask()[0] for _ in range(3)] == [0, 1, 2]


def test_conditions_and_ranges_are_honoured_over_200_draws() -> None:
    seen: dict[str, set[str]] = {}
    for seed in range(4):
        proposer = Proposer(SPACE, "maximize", seed=seed)
        run(proposer, 50, quality)
        for trial in proposer.trials:
            assert list(SPACE.misfits(trial.params)) == []
            active = SPACE.active(trial.params)
            assert trial.params.keys() == {parameter.path for parameter in active}
            for path, value in trial.params.items():
                seen.setdefault(path, set()).add(repr(value))
    assert seen["loss.name"] == {"'bce'", "'asl'", "'base'", "'reg'"}
    assert seen["loss.kind"] == {"'hard'", "0.5", "False"}


def script(proposer: Proposer, seed: int, num_events: int) -> list[tuple[str, int]]:
    """Play a study with four lanes, every kind of end and pinned losses; return its journal.

    A line is the JSON of all trials before a proposal and the number that it got.
    """
    draw = random.Random(seed)
    journal = []
    live: dict[int, dict[str, Value]] = {}
    for _ in range(num_events):
        if len(live) < 4:
            before = dumped(proposer)
            number, params = proposer.ask(pin(len(proposer.trials)))
            live[number] = params
            journal.append((before, number))
        else:
            number = draw.choice(sorted(live))
            params = live.pop(number)
            proposer.report(number, 1, quality(params) / 2)
            state = draw.choice([one for one in TrialState if one.ended])
            proposer.tell(number, state, quality(params) if state == "COMPLETE" else None)
    return journal


def pin(number: int) -> dict[str, Value]:
    return {"loss.name": "bce"} if number % 3 == 0 else {}


def dumped(proposer: Proposer) -> str:
    return json.dumps(
        [
            {
                "number": trial.number,
                "params": dict(trial.params),
                "state": trial.state,
                "value": trial.value,
                "reports": list(trial.reports.items()),
            }
            for trial in proposer.trials
        ],
        sort_keys=True,
    )


def loaded(text: str) -> list[RestoredTrial]:
    return [
        RestoredTrial(
            number=trial["number"],
            params=trial["params"],
            state=TrialState(trial["state"]),
            value=trial["value"],
            reports=dict(trial["reports"]),
        )
        for trial in json.loads(text)
    ]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_study_resumed_at_any_cut_proposes_what_it_would_have_anyway(sampler: str) -> None:
    unbroken = Proposer(SPACE, "maximize", sampler, seed=7)
    for journal, number in script(unbroken, seed=1, num_events=90):
        resumed = Proposer(SPACE, "maximize", sampler, seed=7)
        trials = loaded(journal)
        random.Random(number).shuffle(trials)
        resumed.restore(trials)
        assert resumed.ask(pin(number)) == (number, unbroken.trials[number].params)


PROGRAM = """
import json, sys
from study.search import Choice, Float, Parameter, Proposer, Space
from study.spec import TrialState
names = ("a", "b", "c")
space = Space((
    Parameter("name", Choice(names)),
    *(Parameter(f"{a}.{i}", Float(0.0, 1.0), {"name": (a,)}) for a in names for i in "xy"),
))
proposer = Proposer(space, "maximize", seed=3)
for _ in range(30):
    number, params = proposer.ask()
    proposer.tell(number, TrialState.COMPLETE, -sum(v for v in params.values() if v not in names))
print(json.dumps([dict(trial.params) for trial in proposer.trials]))
"""


def test_another_process_proposes_the_same_and_says_nothing() -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        for seed in ("1", "2")
    ]
    assert [process.stderr for process in printed] == ["", ""]
    assert printed[0].stdout == printed[1].stdout
    assert len(json.loads(printed[0].stdout)) == 30


def test_optuna_is_not_imported_before_the_first_proposal() -> None:
    program = "import sys, study.search; print({'optuna', 'ray', 'torch'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert found.stdout == "set()\n"


def test_another_seed_proposes_something_else() -> None:
    assert Proposer(LINE, "maximize", seed=0).ask() != Proposer(LINE, "maximize", seed=1).ask()


def test_every_proposal_has_a_generator_of_its_own() -> None:
    proposer = Proposer(LINE, "maximize", "random")
    assert len({proposer.ask()[1]["x"] for _ in range(20)}) == 20


def test_pinned_values_are_kept_and_the_rest_is_proposed() -> None:
    proposer = Proposer(SPACE, "maximize")
    for _ in range(30):
        number, params = proposer.ask({"loss.name": "reg", "loss.kind": False})
        assert params["loss.name"] == "reg"
        assert params["loss.kind"] is False
        assert {"loss.temperature", "loss.alpha", "batch_size", "layers"} <= params.keys()
        proposer.tell(number, TrialState.COMPLETE, quality(params))


def test_a_pinned_value_that_is_not_active_is_passed_over() -> None:
    _, params = Proposer(SPACE, "maximize").ask({"loss.name": "bce", "loss.alpha": 1.0})
    assert params.keys() == {"loss.name", "batch_size", "layers", "learning_rate"}


def test_a_pinned_value_outside_the_space_is_refused() -> None:
    proposer = Proposer(SPACE, "maximize")
    with pytest.raises(ConfigError) as caught:
        proposer.ask({"loss.name": "rag", "loss.beta": 1})
    assert str(caught.value).splitlines() == [
        "space.loss.name: must be one of bce, asl, base, reg, not 'rag'",
        "space.loss.beta: is not a parameter of the space",
    ]
    assert proposer.trials == ()


def rates_of_bce(others: int, own: int) -> list[float]:
    """Logarithms of the learning rates proposed for a pinned loss.

    Its own good ones are near -1.5, those of the other loss, which is better, near -3.5.
    """
    trials = []
    for number in range(others + own):
        name = "bce" if number < own else "base"
        log_rate = -4 + 3 * (number % 20) / 20
        value = 0.1 - (log_rate + 1.5) ** 2 if name == "bce" else 0.9 - (log_rate + 3.5) ** 2
        params: dict[str, Value] = {"loss.name": name, "learning_rate": 10**log_rate}
        trials.append(RestoredTrial(number, params, TrialState.COMPLETE, value))
    found = []
    for seed in range(12):
        proposer = Proposer(SPACE, "maximize", seed=seed)
        proposer.restore(trials)
        _, params = proposer.ask({"loss.name": "bce"})
        found.append(math.log10(float(params["learning_rate"])))
    return found


def test_a_pinned_loss_is_tuned_by_its_own_trials() -> None:
    assert fmean(rates_of_bce(others=40, own=20)) > -2


def test_a_pinned_loss_with_few_trials_of_its_own_is_drawn_at_random() -> None:
    alone = rates_of_bce(others=0, own=0)
    assert len(set(alone)) == 12
    # The number of the trial seeds its generator, so it has to be the same.
    assert rates_of_bce(others=40, own=4) == rates_of_bce(others=44, own=0)
    assert rates_of_bce(others=39, own=5) != rates_of_bce(others=44, own=0)


def test_a_sampler_prefers_where_it_was_good() -> None:
    good = line(spread(0.7, 0.8, 4), TrialState.COMPLETE, 0.9)
    bad = line(spread(0.0, 0.6, 16), TrialState.COMPLETE, 0.1)
    assert fmean(proposals(bad + good)) > 0.6
    assert fmean(proposals(bad + good, "minimize")) < 0.6


def test_a_pruned_trial_ranks_below_every_complete_one() -> None:
    complete = line(spread(0.7, 0.9, 4), TrialState.COMPLETE, 0.1)
    pruned = line(spread(0.0, 0.5, 16), TrialState.PRUNED, reports={1: 0.9})
    assert fmean(proposals(complete + pruned)) > 0.6


def test_a_pruned_trial_that_got_further_ranks_higher() -> None:
    early = line(spread(0.0, 0.5, 16), TrialState.PRUNED, reports={1: 0.9})
    late = line(spread(0.7, 0.9, 4), TrialState.PRUNED, reports={1: 0.1, 3: 0.1})
    assert fmean(proposals(early + late)) > 0.6


def test_an_infeasible_region_is_avoided() -> None:
    complete = line(spread(0.8, 1.0, 4), TrialState.COMPLETE, 0.1)
    infeasible = line(spread(0.0, 0.7, 16), TrialState.INFEASIBLE)
    assert fmean(proposals(complete + infeasible)) > 0.7


def test_no_infeasible_trial_is_taken_for_the_best_while_there_is_no_other() -> None:
    infeasible = line(spread(0.5, 0.52, 12), TrialState.INFEASIBLE)
    nothing = line(spread(0.5, 0.52, 12), TrialState.FAIL)
    assert proposals(infeasible) == proposals(nothing)


def test_nothing_is_learnt_from_a_failed_trial() -> None:
    known = line(spread(0.0, 1.0, 12), TrialState.COMPLETE, 0.5)
    low = line(spread(0.0, 0.1, 6), TrialState.FAIL)
    high = line(spread(0.9, 1.0, 6), TrialState.FAIL)
    assert proposals(known + low) == proposals(known + high)


def test_running_trials_are_kept_away_from() -> None:
    good = line([0.2, 0.8], TrialState.COMPLETE, 0.9)
    bad = line([0.0, *spread(0.4, 0.6, 16), 1.0], TrialState.COMPLETE, 0.1)
    left, right = (line(spread(x - 0.05, x + 0.05, 8), TrialState.RUNNING) for x in (0.2, 0.8))
    assert fmean(proposals(good + bad + left)) > 0.6
    assert fmean(proposals(good + bad + right)) < 0.4


def test_a_trial_ends_as_it_was_told_and_none_is_left_running() -> None:
    proposer = Proposer(SPACE, "maximize")
    ends = [state for state in TrialState if state.ended]
    for state in ends:
        number, _ = proposer.ask()
        proposer.report(number, 1, 0.25)
        told = proposer.tell(number, state, 0.5 if state == "COMPLETE" else None)
        assert told is state
    assert [trial.state for trial in proposer.trials] == ends
    assert all(trial.reports == {1: 0.25} for trial in proposer.trials)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_trial_that_ends_without_a_number_has_failed(value: float) -> None:
    proposer = Proposer(SPACE, "maximize")
    number, params = proposer.ask()
    assert proposer.tell(number, TrialState.COMPLETE, value) is TrialState.FAIL
    proposer.restore([RestoredTrial(5, params, TrialState.COMPLETE, value)])
    assert [trial.state for trial in proposer.trials] == [TrialState.FAIL] * 2


def test_a_restored_trial_goes_on_where_it_was() -> None:
    proposer = Proposer(LINE, "maximize")
    proposer.restore([RestoredTrial(3, {"x": 0.5}, TrialState.RUNNING, reports={1: 0.25})])
    proposer.report(3, 3, 0.5)
    proposer.tell(3, TrialState.COMPLETE, 0.5)
    assert proposer.trials == (
        RestoredTrial(3, {"x": 0.5}, TrialState.COMPLETE, 0.5, {1: 0.25, 3: 0.5}),
    )
    assert proposer.ask()[0] == 4


def test_what_is_not_running_can_be_neither_reported_nor_told() -> None:
    proposer = Proposer(LINE, "maximize")
    number, _ = proposer.ask()
    proposer.tell(number, TrialState.FAIL)
    for other in (number, 7):
        with pytest.raises(ValueError, match=f"trial {other} must be running"):
            proposer.report(other, 1, 0.5)
        with pytest.raises(ValueError, match=f"trial {other} must be running"):
            proposer.tell(other, TrialState.FAIL)


def test_an_end_must_be_one_and_a_complete_one_needs_a_value() -> None:
    proposer = Proposer(LINE, "maximize")
    number, _ = proposer.ask()
    with pytest.raises(ValueError, match="trial 0 must be told how it ended, not RUNNING"):
        proposer.tell(number, TrialState.RUNNING)
    with pytest.raises(ValueError, match="trial 0 is COMPLETE and must have a value"):
        proposer.tell(number, TrialState.COMPLETE)
    assert proposer.tell(number, TrialState.COMPLETE, 0.5) is TrialState.COMPLETE


def test_a_history_of_another_space_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"space\.x: must be in \[0\.0, 1\.0\], not 2\.0"):
        Proposer(LINE, "maximize").restore(line([2.0], TrialState.FAIL))
    with pytest.raises(ValueError, match="trial 0 must be restored once"):
        Proposer(LINE, "maximize").restore(line([0.1, 0.2], TrialState.FAIL))


def test_the_callers_dict_is_not_the_proposers() -> None:
    proposer = Proposer(LINE, "maximize")
    _, params = proposer.ask()
    drawn = dict(params)
    params.clear()
    assert proposer.trials[0].params == drawn


def test_tpe_beats_drawing_at_random() -> None:
    missed: dict[str, list[list[float]]] = {"tpe": [], "random": []}
    for sampler, studies in missed.items():
        for seed in range(5):
            proposer = Proposer(SPACE, "maximize", sampler, seed)
            run(proposer, 40, quality)
            studies.append([0.6 - quality(dict(trial.params)) for trial in proposer.trials])
    best = {sampler: fmean(map(min, studies)) for sampler, studies in missed.items()}
    late = {
        sampler: fmean(map(fmean, (one[20:] for one in studies)))
        for sampler, studies in missed.items()
    }
    assert best["tpe"] < 0.7 * best["random"]
    assert late["tpe"] < 0.6 * late["random"]
