"""Which configurations of a search are trained again."""

from __future__ import annotations

from collections.abc import Sequence

from study.plan import Configuration, TrialResult, best_trials
from study.spec import Direction


def choose_finalists(
    trials: Sequence[TrialResult], *, top: int, direction: Direction
) -> tuple[Configuration, ...]:
    """Return the best ``top`` configurations, and the best classifier on top of these.

    Trials that reached their last epoch come first, then pruned ones by how far they got;
    failed ones never. A configuration that was drawn twice counts once.
    """
    distinct = _first_of_each(best_trials(trials, direction))
    baseline = next((t for t in distinct if t.family == "classifier"), None)
    best = distinct[:top]
    if baseline is not None and baseline not in best:
        best.append(baseline)
    return tuple(
        Configuration(
            place=place,
            trial=trial.number,
            params=trial.params,
            loss=trial.loss,
            family=trial.family,
            is_baseline=trial is baseline,
        )
        for place, trial in enumerate(best)
    )


def _first_of_each(ordered: Sequence[TrialResult]) -> list[TrialResult]:
    """Return the best trial of every configuration, in their order."""
    found: dict[str, TrialResult] = {}
    for trial in ordered:
        found.setdefault(trial.digest, trial)
    return list(found.values())
