"""The model of time against arithmetic by hand."""

import random
import statistics

import pytest

from study.search import Paces, seconds_for_search, seconds_of_runs, seeds_in_time


@pytest.mark.parametrize("seed", range(10))
def test_the_pace_is_the_median_over_the_runs(seed: int) -> None:
    draw = random.Random(seed)
    paces = Paces()
    known: dict[int, float] = {}
    assert paces.median is None
    for _ in range(100):
        run = draw.randrange(12)
        if draw.random() < 0.2:
            paces.drop(run)
            known.pop(run, None)
        else:
            seconds, epochs = draw.choice([1.0, 2.0, draw.random()]), draw.randint(1, 9)
            paces.put(run, seconds, epochs)
            known[run] = seconds / epochs
        expected = statistics.median(known.values()) if known else None
        assert paces.median == (None if expected is None else pytest.approx(expected))


def test_a_run_without_an_epoch_says_nothing() -> None:
    paces = Paces()
    paces.put("trial/0", 3.0, 0)
    assert paces.median is None


def test_runs_come_in_waves() -> None:
    assert seconds_of_runs(pace=2.0, epochs=9, runs=5, lanes=2) == 2 * 9 * 3


def test_finalists_are_left_their_time_but_at_most_half() -> None:
    assert seconds_for_search(hours=1, finalists=600) == 3000
    assert seconds_for_search(hours=1, finalists=6000) == 1800


@pytest.mark.parametrize(
    ("left", "seeds"), [(1000, 5), (500, 5), (499, 4), (150, 1), (0, 1), (-9, 1)]
)
def test_seeds_that_fit_are_trained_and_one_at_least(left: float, seeds: int) -> None:
    assert seeds_in_time(5, left, lambda n: 100.0 * n) == seeds
