"""Which trials a sampler sees."""

import random

import pytest

from study.search import Choice, Float, Parameter, RestoredTrial, Space
from study.search import alike as module
from study.search.alike import Alike
from study.spec import TrialState

SPACE = Space((Parameter("name", Choice(("a", "b"))), Parameter("x", Float(0.0, 1.0))))
C, P, R = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING
FAIL, NO = TrialState.FAIL, TrialState.INFEASIBLE


def trial(number: int, state: TrialState, value: float = 0.5, epoch: int = 1) -> RestoredTrial:
    return RestoredTrial(
        number,
        {"name": "ab"[number % 2], "x": 0.5},
        state,
        value if state is C else None,
        {epoch: value} if state is P else {},
    )


def shown(alike: Alike) -> list[int]:
    """Numbers of the trials that are seen; Optuna counts from 1."""
    return [one.number - 1 for one in alike.shown()]


def test_all_but_failures_are_seen_in_the_order_of_their_numbers() -> None:
    alike = Alike(SPACE, "maximize", {})
    for number, state in [(4, R), (2, C), (0, FAIL), (3, NO), (1, P)]:
        alike.put(trial(number, state))
    assert shown(alike) == [1, 2, 3, 4]
    assert alike.num_ranked == 2


def test_only_trials_with_the_pinned_values_are_seen() -> None:
    alike = Alike(SPACE, "maximize", {"name": "b"})
    for number in range(6):
        alike.put(trial(number, C))
    assert shown(alike) == [1, 3, 5]
    assert alike.shown()[0].params == {"x": 0.5}


def test_a_trial_that_ends_is_no_longer_running() -> None:
    alike = Alike(SPACE, "maximize", {})
    for state in (R, C):
        alike.put(trial(0, state))
    alike.put(trial(1, R))
    alike.put(trial(1, FAIL))
    assert [one.state.name for one in alike.shown()] == ["COMPLETE"]


def test_of_many_the_best_and_the_latest_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHOWN", 4)
    alike = Alike(SPACE, "maximize", {})
    for number, value in enumerate([0.1, 0.9, 0.2, 0.8, 0.3, 0.4, 0.5]):
        alike.put(trial(number, C, value))
    alike.put(trial(7, R))
    assert shown(alike) == [1, 3, 5, 6, 7]


def test_the_best_are_ranked_as_the_sampler_ranks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete by value, then pruned by how far they got, then infeasible."""
    monkeypatch.setattr(module, "SHOWN", 6)
    alike = Alike(SPACE, "minimize", {})
    alike.put(trial(0, NO))
    alike.put(trial(1, P, 0.1, epoch=1))
    alike.put(trial(2, P, 0.9, epoch=3))
    alike.put(trial(3, C, 0.9))
    alike.put(trial(4, C, 0.8))
    for number in range(5, 8):
        alike.put(trial(number, NO))
    assert shown(alike) == [2, 3, 4, 5, 6, 7]


def test_what_is_seen_does_not_depend_on_when_trials_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SHOWN", 10)
    draw = random.Random(0)
    trials = [trial(n, draw.choice([C, P, NO, FAIL]), draw.random()) for n in range(60)]
    seen = []
    for _ in range(3):
        alike = Alike(SPACE, "maximize", {})
        for one in trials:
            alike.put(one)
        seen.append(shown(alike))
        draw.shuffle(trials)
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 10
