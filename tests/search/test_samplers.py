"""How the samplers are built and written; what each must do is in the contract suite."""

import itertools
import warnings
from typing import Any

import jsonschema
import optuna
import pytest

from study.errors import ConfigError
from study.search import (
    SAMPLERS,
    AnySampler,
    Choice,
    Float,
    Integer,
    NsgaiiSpec,
    Parameter,
    Proposer,
    QmcSpec,
    RandomSpec,
    Space,
    TpeSpec,
)
from study.search.samplers import Question
from study.spec import Spec, TrialState, parse

SQUARE = Space((Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0))))


def question(num_ranked: int = 1, *, is_pinned: bool = False, number: int = 3) -> Question:
    return Question(SQUARE, seed=0, number=number, num_ranked=num_ranked, is_pinned=is_pinned)


def test_tpe_is_joint_conditional_and_repelled_by_running_trials() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler = TpeSpec(candidates=7).build(question())
    assert isinstance(sampler, optuna.samplers.TPESampler)
    assert sampler._multivariate
    assert sampler._group
    assert sampler._constant_liar
    assert sampler._n_startup_trials == 10
    assert sampler._n_ei_candidates == 7


def test_tpe_starts_sooner_where_values_are_pinned() -> None:
    assert TpeSpec().build(question(is_pinned=True))._n_startup_trials == 5
    assert TpeSpec(startup=2).build(question(is_pinned=True))._n_startup_trials == 2
    assert TpeSpec(startup=20).build(question())._n_startup_trials == 20


def test_tpe_draws_at_random_while_nothing_is_ranked() -> None:
    assert isinstance(TpeSpec().build(question(0)), optuna.samplers.RandomSampler)


class File(Spec):
    sampler: AnySampler = TpeSpec()


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_is_its_name_or_its_name_and_settings(name: str) -> None:
    found = parse(File, {"sampler": name}).sampler
    assert found == parse(File, {"sampler": {"name": name}}).sampler == SAMPLERS[name]()
    assert found.name == name


def test_settings_reach_the_sampler() -> None:
    assert parse(File, {"sampler": {"startup": 3}}).sampler == TpeSpec(startup=3)
    written = {"name": "nsgaii", "population": 8}
    assert parse(File, {"sampler": written}).sampler == NsgaiiSpec(population=8)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "tpee",
            "sampler.name: must be one of nsgaii, qmc, random, tpe, not 'tpee'; "
            "did you mean 'tpe'?",
        ),
        ({"name": "tpe", "startup": -1}, "sampler.startup: must be at least 0, not -1"),
        ({"name": "random", "startup": 1}, "sampler.startup: is not a field here"),
        (7, "sampler: must be a mapping of fields, not 7"),
    ],
)
def test_a_wrong_sampler_is_told(written: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(File, {"sampler": written})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("written", "is_valid"),
    [
        ("qmc", True),
        ({"name": "tpe", "startup": 3}, True),
        ("tpee", False),
        ({"name": "tpe", "startup": "3"}, False),
    ],
)
def test_the_json_schema_shows_both_forms(written: Any, is_valid: bool) -> None:
    schema = jsonschema.Draft202012Validator(File.model_json_schema())
    assert schema.is_valid({"sampler": written}) is is_valid


def points(sampler: QmcSpec | RandomSpec, count: int, seed: int = 0) -> list[tuple[float, float]]:
    proposer = Proposer(SQUARE, "maximize", sampler, seed)
    found = []
    for _ in range(count):
        trial = proposer.ask()
        found.append((float(trial.params["x"]), float(trial.params["y"])))
        proposer.tell(trial.number, TrialState.COMPLETE, 0.5)
    return found


def empty_cells(found: list[tuple[float, float]], side: int = 8) -> int:
    return side * side - len({(int(x * side), int(y * side)) for x, y in found})


@pytest.mark.parametrize("seed", range(3))
def test_qmc_leaves_no_gap_where_chance_does(seed: int) -> None:
    """64 points of a Sobol sequence lie in 64 different cells of the square."""
    assert empty_cells(points(QmcSpec(), 64, seed)) == 0
    assert empty_cells(points(RandomSpec(), 64, seed)) > 10


def test_qmc_goes_on_where_it_was() -> None:
    unbroken = Proposer(SQUARE, "maximize", QmcSpec())
    for _ in range(20):
        unbroken.ask()
    resumed = Proposer(SQUARE, "maximize", QmcSpec())
    resumed.restore(unbroken.trials[:9])
    for number in range(9, 20):
        assert resumed.ask().params == unbroken.trials[number].params


def test_qmc_gives_every_choice_and_whole_number_its_share() -> None:
    space = Space(
        (
            Parameter("kind", Choice(("a", "b", "c", "d"))),
            Parameter("layers", Integer(1, 8)),
            Parameter("width", Integer(2, 16, log=True)),
            Parameter("rate", Float(1e-4, 1e-1, log=True)),
        )
    )
    proposer = Proposer(space, "maximize", QmcSpec())
    drawn = [proposer.ask().params for _ in range(64)]
    for path, each in (("kind", 16), ("layers", 8)):
        counts = [len(list(same)) for _, same in itertools.groupby(sorted(d[path] for d in drawn))]
        assert counts == [each] * (64 // each)
    assert {params["width"] for params in drawn} >= {2, 3, 4, 15, 16}
    assert sum(float(params["rate"]) < 1e-2 for params in drawn) in (42, 43)
