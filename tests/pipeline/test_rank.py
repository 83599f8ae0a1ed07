"""The ranking, from stored scores alone."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from study.data import Dataset, RawSplit, Split
from study.errors import StudyError
from study.metrics import evaluate
from study.pipeline.rank import rank_finalists
from study.plan import (
    FinalistResult,
    FinalistRun,
    FinalistsRanked,
    SeedResult,
    StudyResult,
    fold,
)
from study.plan.events import (
    AnyEvent,
    Configuration,
    FinalistEnded,
    FinalistsChosen,
    StudyStarted,
)
from study.spec import TrialState, WordCounts
from study.training import SCORES_FILE

SEEDS = (1, 2, 3)
NOISE = {0: (0.3, 0.6, 0.9), 1: (0.1, 0.2, 0.3)}
"""How much of a run's scores is noise, by place and seed: place 1 is better."""


def split(size: int, name: str) -> RawSplit:
    random = np.random.default_rng(size)
    words = WordCounts(
        vocabulary=("a", "b"),
        token_pattern=r"\w+",
        indptr=np.arange(size + 1, dtype=np.int64),
        indices=random.integers(0, 2, size, dtype=np.int32),
        counts=np.ones(size, dtype=np.int32),
    )
    y_NL = (random.random((size, 4)) < 0.4).astype(np.uint8)
    return RawSplit(tuple(f"{name}{row}" for row in range(size)), words, y_NL)


@pytest.fixture
def data() -> Dataset:
    sizes: dict[Split, int] = {"train": 30, "val": 60, "test": 50}
    splits = {name: split(size, name) for name, size in sizes.items()}
    return Dataset("tiny", ("a", "b", "c", "d"), splits, source_digest="0")


def scores_of(data: Dataset, name: Split, noise: float, seed: int) -> np.ndarray:
    y_NL = data.splits[name].y_NL
    random = np.random.default_rng(seed).random(y_NL.shape)
    found: np.ndarray = ((1 - noise) * y_NL + noise * random).astype(np.float32)
    return found


def result_of(folder: Path, data: Dataset, failed: tuple[FinalistRun, ...] = ()) -> StudyResult:
    """A study whose finalists left their scores in ``folder``."""
    ends = [end_of(folder, data, place, seed) for place in NOISE for seed in SEEDS]
    ends = [one if one.run not in failed else lost(one.run) for one in ends]
    configurations = tuple(
        Configuration(
            place=place, trial=place, params={}, loss="reg", family="contrastive",
            is_baseline=False,
        )
        for place in NOISE
    )  # fmt: skip
    events: list[AnyEvent] = [
        StudyStarted(
            time=0.0, name="s", spec={"objective": "val/f1_macro"}, spec_digest="",
            dataset_digest="", label_names=(), sizes={}, git_commit=None, package_version="",
        ),
        FinalistsChosen(time=0.0, configurations=configurations, seeds=SEEDS),
        *ends,
    ]  # fmt: skip
    return fold(events, running=True)


def end_of(folder: Path, data: Dataset, place: int, seed: int) -> FinalistEnded:
    noise = NOISE[place][seed - 1]
    val = scores_of(data, "val", noise, seed)
    test = scores_of(data, "test", noise, seed + 9)
    there = folder / f"{place}-{seed}"
    there.mkdir(parents=True)
    save_file({"val_score_NL": val, "test_score_NL": test}, there / SCORES_FILE)
    return FinalistEnded(
        time=1.0,
        run=FinalistRun(place, seed),
        state=TrialState.COMPLETE,
        val=evaluate(val, data.splits["val"].y_NL, 0.5),
        test=evaluate(test, data.splits["test"].y_NL, 0.5),
        scorer="probe",
        threshold=0.5,
        folder=there.name,
    )


def lost(run: FinalistRun) -> FinalistEnded:
    return FinalistEnded(time=1.0, run=run, state=TrialState.FAIL, reason="lost")


def ranked(
    tmp_path: Path, data: Dataset, *failed: FinalistRun
) -> tuple[FinalistsRanked, StudyResult]:
    result = result_of(tmp_path / "s", data, failed)
    return rank_finalists(result, tmp_path / "s", data), result


def seeds_of(result: StudyResult, place: int) -> tuple[SeedResult, ...]:
    found: FinalistResult = next(one for one in result.finalists if one.place == place)
    return found.seeds


def test_the_best_mean_on_val_wins_and_means_are_those_of_the_runs(
    tmp_path: Path, data: Dataset
) -> None:
    ranking, result = ranked(tmp_path, data)
    assert [(one.trial, one.rank) for one in ranking.rankings] == [(1, 1), (0, 2)]
    for one in ranking.rankings:
        seeds = seeds_of(result, one.trial)
        for name in ("val", "test"):
            interval = getattr(one, name)
            mean = np.mean([getattr(seed, name) for seed in seeds])
            assert interval.mean == pytest.approx(mean, abs=1e-6)
            assert interval.low <= interval.mean <= interval.high


def test_the_winning_run_is_the_one_with_the_median_val(tmp_path: Path, data: Dataset) -> None:
    ranking, result = ranked(tmp_path, data)
    values = {seed.seed: seed.val or 0.0 for seed in seeds_of(result, 1)}
    median = sorted(values, key=lambda seed: values[seed])[1]
    assert ranking.winner == FinalistRun(1, median)


def test_failed_runs_are_left_out(tmp_path: Path, data: Dataset) -> None:
    runs = [FinalistRun(1, seed) for seed in SEEDS]
    ranking, _ = ranked(tmp_path, data, *runs)
    assert [(one.trial, one.rank) for one in ranking.rankings] == [(0, 1)]


def test_failed_seeds_rank_behind_a_lower_mean(tmp_path: Path, data: Dataset) -> None:
    """Place 1 has the better mean, but one of its seeds failed."""
    ranking, result = ranked(tmp_path, data, FinalistRun(1, 3))
    assert [(one.trial, one.rank) for one in ranking.rankings] == [(0, 1), (1, 2)]
    assert ranking.rankings[1].val.mean > ranking.rankings[0].val.mean
    assert [one.failed_seeds for one in result.finalists] == [0, 1]


def test_of_two_runs_the_better_is_the_median(tmp_path: Path, data: Dataset) -> None:
    ranking, result = ranked(tmp_path, data, FinalistRun(1, 3), FinalistRun(0, 1))
    values = {seed.seed: seed.val for seed in seeds_of(result, 1) if seed.val is not None}
    best = max(values, key=lambda seed: values[seed])
    assert ranking.winner == FinalistRun(1, best)


def test_when_all_failed_it_is_said(tmp_path: Path, data: Dataset) -> None:
    runs = [FinalistRun(place, seed) for place in NOISE for seed in SEEDS]
    with pytest.raises(StudyError, match="every finalist run failed"):
        ranked(tmp_path, data, *runs)
