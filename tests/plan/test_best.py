"""The one order of trials, and who uses it."""

from __future__ import annotations

from typing import Any

import pytest

from study.execution.choose import choose_finalists
from study.plan import TrialResult, best_trials
from study.spec import Direction, TrialState

COMPLETE, PRUNED, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING


def trial(number: int, value: float | None, **changed: Any) -> TrialResult:
    fields: dict[str, Any] = {
        "number": number,
        "state": COMPLETE,
        "params": {},
        "value": value,
        "epoch": 9,
        "seconds": 1.0,
        "run_id": None,
        "loss": "reg",
        "family": "contrastive",
        "digest": str(number),
        "reason": "",
        "rungs": (),
        "settings": {},
    }
    return TrialResult(**fields | changed)


TRIALS = (
    trial(0, 0.9, state=PRUNED, epoch=1),
    trial(1, 0.3),
    trial(2, 0.4),
    trial(3, 0.4),
    trial(4, 0.8, state=RUNNING, epoch=3),
    trial(5, 0.7, state=PRUNED, epoch=3),
    trial(6, None, state=TrialState.FAIL),
)


@pytest.mark.parametrize(
    ("direction", "order"),
    [("maximize", [2, 3, 1, 4, 5, 0]), ("minimize", [1, 2, 3, 5, 4, 0])],
)
def test_complete_comes_first_then_furthest_then_value(
    direction: Direction, order: list[int]
) -> None:
    found = best_trials(reversed(TRIALS), direction)
    assert [one.number for one in found] == order


def test_finalists_are_chosen_in_this_order() -> None:
    ended = [one for one in TRIALS if one.state.ended]
    chosen = choose_finalists(ended, top=9, direction="maximize")
    assert [one.trial for one in chosen] == [2, 3, 1, 5, 0]
