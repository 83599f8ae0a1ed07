"""How values are written: the same everywhere in the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from study.plan.events import IntervalValue, Value
from study.plan.result import FinalistResult, StudyResult
from study.spec import TrialState

STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.INFEASIBLE: "infeasible",
    TrialState.RUNNING: "running",
}
"""How a trial ended, in words, as the report lists them."""


def state_names(result: StudyResult) -> dict[TrialState, str]:
    """Return the states in words: nothing runs in a study at which nobody is at work."""
    is_running = result.state == "RUNNING"
    return STATES if is_running else STATES | {TrialState.RUNNING: "unfinished"}


def count_states(result: StudyResult) -> str:
    """Return how many trials are in which state: ``13 complete, 10 pruned, 1 failed``."""
    found = Counter(trial.state for trial in result.trials)
    names = state_names(result)
    return ", ".join(f"{found[state]:,} {name}" for state, name in names.items() if found[state])


def places(result: StudyResult) -> int:
    """Return the decimals that show three digits of the study's largest objective."""
    trials = [trial.value for trial in result.trials]
    seeds = [seed.val for one in result.finalists for seed in one.seeds]
    scale = max((abs(value) for value in [*trials, *seeds] if value), default=0.0)
    return max(0, min(6, 2 - math.floor(math.log10(scale)))) if scale else 3


def score(value: float | None, decimals: int) -> str:
    """Return an objective's value; a dash if there is none."""
    return "–" if value is None else f"{value:.{decimals}f}"


def interval(value: IntervalValue | None, decimals: int) -> str:
    """Return the ends of an interval."""
    if value is None:
        return "–"
    return f"{score(value.low, decimals)} to {score(value.high, decimals)}"


def seeds_of(one: FinalistResult) -> str:
    """Return how many runs of a configuration are scored, of how many, and how many failed."""
    scored, planned = sum(seed.val is not None for seed in one.seeds), len(one.seeds)
    if scored == planned:
        return str(scored)
    failed = f", {one.failed_seeds} failed" if one.failed_seeds else ""
    return f"{scored} of {planned}{failed}"


def setting(value: Value) -> str:
    """Return the value of a parameter as a study file would say it, in three digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def count(number: int, thing: str) -> str:
    """Return a number with its noun: ``1 trial``, ``2,400 trials``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Return a time in the unit that a person would use."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 570:
        return f"{seconds / 60:.1f} min"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a sentence lists them: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
