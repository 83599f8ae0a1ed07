"""What a study was denied: runs that failed, seeds and trials that time cut, changed settings."""

from __future__ import annotations

from collections.abc import Iterator

from study.plan.events import OUT_OF_TIME
from study.plan.failures import failures
from study.plan.result import FinalistResult, SeedResult, StudyResult
from study.report.formats import count, listed

BEHIND = "A configuration of which a seed failed ranks behind those that have every seed."
"""Why a configuration may have a lower rank than its mean suggests."""


def shortfalls(result: StudyResult) -> tuple[str, ...]:
    """Return what was cut, what failed and what was changed, a sentence each."""
    return (
        *_cut_trials(result),
        *_cut_seeds(result),
        *_failed_seeds(result),
        *(f"{line[0].upper()}{line[1:].rstrip('.')}." for line in failures(result)),
        *_changed(result),
    )


def failed_seeds(one: FinalistResult) -> list[SeedResult]:
    """Return the runs of a configuration that failed."""
    return [seed for seed in one.seeds if seed.state.failed]


def _cut_trials(result: StudyResult) -> Iterator[str]:
    cut = sum(trial.reason == OUT_OF_TIME for trial in result.trials)
    if cut:
        was = "was" if cut == 1 else "were"
        yield f"{count(cut, 'trial')} {was} stopped before the last epoch: {OUT_OF_TIME}."
    asked, started = result.study.budget.trials, len(result.trials)
    if result.finalists and result.study.budget.hours and started < asked:
        yield f"{started} of {count(asked, 'trial')} were started in the time for the search."


def _cut_seeds(result: StudyResult) -> Iterator[str]:
    asked = result.study.finalists.seeds
    chosen = len(result.finalists[0].seeds) if result.finalists else asked
    if chosen < asked:
        yield f"Each finalist has {count(chosen, 'seed')} instead of {asked}: no time for more."
    runs = [seed for one in result.finalists for seed in one.seeds]
    cut = sum(seed.reason == OUT_OF_TIME for seed in runs)
    if cut:
        yield f"{cut} of {count(len(runs), 'finalist run')} were left out: {OUT_OF_TIME}."


def _failed_seeds(result: StudyResult) -> Iterator[str]:
    hurt = [one for one in result.finalists if failed_seeds(one)]
    for one in hurt:
        numbers = listed([str(seed.seed) for seed in failed_seeds(one)])
        scored = sum(seed.val is not None for seed in one.seeds)
        what = "seed" if len(failed_seeds(one)) == 1 else "seeds"
        yield (
            f"{one.loss} of trial {one.trial} has {scored} of {count(len(one.seeds), 'seed')}: "
            f"{what} {numbers} failed."
        )
    if any(one.rank for one in hurt):
        yield BEHIND


def _changed(result: StudyResult) -> Iterator[str]:
    if result.changes:
        yield f"Changed on resume: {'; '.join(result.changes)}."
