"""Who won: finalists by their mean on val, with intervals over seeds and samples."""

from __future__ import annotations

import statistics as stats
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from study.data import Dataset
from study.errors import StudyError
from study.metrics import METRICS, Metric, Scored
from study.plan import (
    FinalistResult,
    FinalistRun,
    FinalistsRanked,
    IntervalValue,
    Ranking,
    SeedResult,
    StudyResult,
    now,
)
from study.spec import Direction, sort_key
from study.statistics import hierarchical_bootstrap
from study.training import read_scores


def rank_finalists(result: StudyResult, folder: Path, dataset: Dataset) -> FinalistsRanked:
    """Return the ranking by the mean of the objective on val.

    A configuration of which a seed failed ranks behind all that have every seed: its mean may
    be that of its lucky one. Only stored scores are read: nothing is scored again.

    Args:
        result: A study whose finalist runs have all ended.
        folder: The study's folder.
        dataset: What the scores are of. Only its labels are read, which are the same
            whatever encoder the data was prepared for.

    Raises:
        StudyError: If every finalist run failed.
    """
    metric = METRICS[result.metric]
    scored = [(one, _completed(one)) for one in result.finalists]
    scored = [(one, seeds) for one, seeds in scored if seeds]
    if not scored:
        raise StudyError(_why_none(result))
    ordered = sorted(
        scored,
        key=lambda pair: (
            pair[0].failed_seeds,
            sort_key(_mean_val(pair[1]), metric.direction),
            pair[0].place,
        ),
    )
    rankings = tuple(
        Ranking(
            trial=one.trial,
            rank=rank,
            val=_interval(seeds, "val", metric, folder, dataset),
            test=_interval(seeds, "test", metric, folder, dataset),
        )
        for rank, (one, seeds) in enumerate(ordered, start=1)
    )
    best, seeds = ordered[0]
    return FinalistsRanked(
        time=now(),
        rankings=rankings,
        winner=FinalistRun(best.trial, _median(seeds, metric.direction).seed),
    )


def _why_none(result: StudyResult) -> str:
    if result.finalists:
        return "every finalist run failed"
    all_failed = all(trial.state.failed for trial in result.trials)
    return "every trial failed" if all_failed else "no trial was evaluated in time"


def _completed(one: FinalistResult) -> list[SeedResult]:
    return [seed for seed in one.seeds if seed.val is not None]


def _mean_val(seeds: Sequence[SeedResult]) -> float:
    return stats.fmean(seed.val or 0.0 for seed in seeds)


def _median(seeds: Sequence[SeedResult], direction: Direction) -> SeedResult:
    """Return the run in the middle; of two in the middle the better one."""
    ordered = sorted(seeds, key=lambda seed: sort_key(seed.val, direction))
    return ordered[(len(ordered) - 1) // 2]


def _interval(
    seeds: Sequence[SeedResult],
    split: Literal["val", "test"],
    metric: Metric,
    folder: Path,
    dataset: Dataset,
) -> IntervalValue:
    y_NL = dataset.splits[split].y_NL
    runs = [
        metric.weighted(
            Scored(read_scores(folder / (seed.folder or ""))[split], y_NL, seed.threshold or 0.5)
        )
        for seed in seeds
    ]
    found = hierarchical_bootstrap(runs, len(y_NL))
    return IntervalValue(mean=found.mean, low=found.low, high=found.high)
