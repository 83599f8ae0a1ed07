"""What is kept in order of a family's trials, against going through them."""

import random
from dataclasses import replace

import pytest

from study.search import RestoredTrial, Rivals
from study.spec import Direction, TrialState, is_better


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("seed", range(20))
def test_counts_agree_with_going_through_all(seed: int, direction: Direction) -> None:
    """Trials report rung by rung, in any order; one that was restored has all at once."""
    draw = random.Random(seed)
    rivals = Rivals(direction)
    trials = {n: RestoredTrial(n, {}, TrialState.RUNNING) for n in range(8)}
    for _ in range(30):
        number = draw.randrange(8)
        left = [epoch for epoch in (1, 3, 9) if epoch > trials[number].epoch]
        new = dict.fromkeys(left[: draw.randint(0, 2)], draw.choice([0.1, 0.2, 0.3, 0.4]))
        trials[number] = replace(trials[number], reports={**trials[number].reports, **new})
        rivals.put(trials[number])
        others = rivals.but(trials[number])
        assert set(map(id, others)) <= {id(one) for n, one in trials.items() if n != number}
        assert len(others) == len(list(others)) == len(others[:])
        for epoch in (1, 3, 9):
            values = [one.reports[epoch] for one in others if epoch in one.reports]
            assert others.num_at(epoch) == len(values)
            own = trials[number].reports.get(epoch, 0.25)
            expected = sum(is_better(value, own, direction) for value in values)
            assert others.num_better(own, epoch) == expected


def test_a_report_that_comes_again_counts_once() -> None:
    rivals = Rivals("maximize")
    one = RestoredTrial(0, {}, TrialState.RUNNING, reports={1: 0.5})
    for _ in range(3):
        rivals.put(one)
    other = RestoredTrial(1, {}, TrialState.RUNNING, reports={1: 0.4})
    assert rivals.but(other).num_at(1) == 1
    assert rivals.but(other).num_better(0.4, 1) == 1
