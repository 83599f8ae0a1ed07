"""What the parent run says at the end: the outcome in a few numbers."""

from __future__ import annotations

import json
from collections import Counter

from study.plan import FinalistResult, StudyResult, TrialResult, best_trials


def summary_metrics(result: StudyResult) -> dict[str, float]:
    """Return counts, seconds, the best trial's value and the finalists' means."""
    found: dict[str, float] = {"trials/all": len(result.trials)}
    states = Counter(trial.state.value.lower() for trial in result.trials)
    found |= {f"trials/{state}": count for state, count in states.items()}
    found |= {f"seconds/{phase}": value for phase, value in result.seconds.model_dump().items()}
    best = _best(result)
    if best is not None and best.value is not None:
        found[f"best/{result.metric}"] = best.value
    for role, finalist in (("winner", result.winner), ("baseline", result.baseline)):
        if finalist is not None:
            found |= _means(role, finalist, result.metric)
    return found


def summary_tags(result: StudyResult) -> dict[str, str]:
    """Return which trial was best and which configuration won."""
    best, winner = _best(result), result.winner
    found: dict[str, str] = {}
    if best is not None:
        found |= {"best.trial": str(best.number), "best.params": json.dumps(best.params)}
    if winner is not None:
        found |= {"winner.loss": winner.loss, "winner.params": json.dumps(winner.params)}
    if result.winner_run is not None:
        found["winner.run"] = str(result.winner_run)
    return found


def _best(result: StudyResult) -> TrialResult | None:
    return next(iter(best_trials(result.trials, result.direction)), None)


def _means(role: str, finalist: FinalistResult, metric: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for split, interval in (("val", finalist.val), ("test", finalist.test)):
        if interval is not None:
            found |= {
                f"{role}/{split}/{metric}": interval.mean,
                f"{role}/{split}/{metric}_low": interval.low,
                f"{role}/{split}/{metric}_high": interval.high,
            }
    return found
