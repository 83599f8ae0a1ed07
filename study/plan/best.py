"""Which trial is the best: one order for finalists, tracking, report and terminal."""

from __future__ import annotations

from collections.abc import Iterable

from study.plan.result import TrialResult
from study.spec import Direction, TrialState, sort_key


def best_trials(trials: Iterable[TrialResult], direction: Direction) -> list[TrialResult]:
    """Return the trials that have a value, the best first: see :func:`standing`."""
    valued = (trial for trial in trials if trial.value is not None)
    return sorted(valued, key=lambda trial: standing(trial, direction))


def standing(trial: TrialResult, direction: Direction) -> tuple[bool, int, float, int]:
    """Return what trials that have a value are ordered by; the lowest is the best.

    Complete trials come first, then those that got furthest: a value at an earlier epoch is
    not comparable with one at a later. Of two equal trials the one that started first.
    """
    unfinished = trial.state is not TrialState.COMPLETE
    return unfinished, -(trial.epoch or 0), sort_key(trial.value, direction), trial.number
