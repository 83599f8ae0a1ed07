"""How far a study is, and how long it may yet take: arithmetic on what is known."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import final

from study.plan import StudyResult
from study.search import seconds_of_runs


@final
@dataclass(frozen=True)
class Progress:
    """Runs done and to do; seconds to go, or None while nothing is known of the pace."""

    done: int
    total: int
    eta_s: float | None


def progress_of(result: StudyResult, pace: float | None, lanes: int) -> Progress:
    """Return how far a study is.

    Args:
        result: What is known of it now.
        pace: Seconds per epoch (:attr:`study.plan.Record.paces`); None while unknown.
        lanes: Trials at a time.
    """
    trials = result.study.budget.trials
    ended = [trial for trial in result.trials if trial.state.ended]
    runs = _finalist_runs(result)
    finished = sum(seed.state.ended for one in result.finalists for seed in one.seeds)
    to_search = 0 if result.finalists else max(trials - len(ended), 0)
    total = (len(ended) if result.finalists else trials) + runs
    if pace is None or not ended:
        return Progress(len(ended) + finished, total, None)
    a_trial = statistics.fmean(trial.seconds for trial in ended)
    finalists = seconds_of_runs(pace, result.study.trial.epochs, runs - finished, max(lanes, 1))
    left = to_search * a_trial / max(lanes, 1) + finalists
    return Progress(len(ended) + finished, total, left)


def _finalist_runs(result: StudyResult) -> int:
    if result.finalists:
        return sum(len(one.seeds) for one in result.finalists)
    finalists = result.study.finalists
    return (finalists.top + 1) * finalists.seeds


def clock(seconds: float) -> str:
    """Return seconds as a person would say them: ``2 min 05 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
