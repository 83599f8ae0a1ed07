"""Which trial is the best: one order for finalists, tracking, report and terminal."""

from __future__ import annotations

from collections.abc import Iterable

from study.plan.result import TrialResult
from study.search import Direction
from study.spec import TrialState


def best_trials(trials: Iterable[TrialResult], direction: Direction) -> list[TrialResult]:
    """Return the trials that have a value, the best first: see :func:`standing`."""
    valued = (trial for trial in trials if trial.value is not None)
    return sorted(valued, key=lambda trial: standing(trial, direction))


def standing(trial: TrialResult, direction: Direction) -> tuple[bool, int, float, int]:
    """Return what trials that have a value are ordered by; the lowest is the best.

    Complete trials come first, then those that got furthest: a value at an earlier epoch is
    not comparable with one at a later. Of two equal trials the one that started first.
    """
    value = trial.value or 0.0
    is_up = direction == "maximize"
    unfinished = trial.state is not TrialState.COMPLETE
    return unfinished, -(trial.epoch or 0), -value if is_up else value, trial.number
