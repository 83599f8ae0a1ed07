"""What is known of a study, folded from its journal at any moment."""

from typing import Any

import pytest

from study.plan import (
    AnyEvent,
    Configuration,
    FinalistEnded,
    FinalistRun,
    FinalistsChosen,
    FinalistsRanked,
    IntervalValue,
    ModelRegistered,
    Ranking,
    Record,
    RungReached,
    RunOpened,
    RunRetried,
    SessionStarted,
    StudyEnded,
    StudyInterrupted,
    StudyRun,
    StudyStarted,
    TrialEnded,
    TrialStarted,
    fold,
    parse_trained,
)
from study.plan.events import Family
from study.spec import TrialState

METRIC = "val/f1_macro"


def started() -> StudyStarted:
    return StudyStarted(
        time=0.0,
        name="s",
        spec={"objective": METRIC},
        spec_digest="d",
        dataset_digest="e",
        label_names=("a",),
        sizes={},
        git_commit=None,
        package_version="0",
    )


def trial(number: int, loss: str = "reg", family: Family = "contrastive") -> TrialStarted:
    return TrialStarted(
        time=1.0, number=number, params={"x": 1}, digest=str(number), loss=loss, family=family
    )


def rung(run: str, epoch: int, value: float, time: float = 2.0) -> RungReached:
    return RungReached(
        time=time, run=parse_trained(run), epoch=epoch, metrics={METRIC: value}, seconds=1.5
    )


def configuration(place: int, family: Family, *, is_baseline: bool) -> Configuration:
    return Configuration(
        place=place, trial=place, params={}, loss="l", family=family, is_baseline=is_baseline
    )


def interval(mean: float) -> IntervalValue:
    return IntervalValue(mean=mean, low=mean, high=mean)


def finished(place: int, value: float) -> FinalistEnded:
    return FinalistEnded(
        time=4.0,
        run=FinalistRun(place, 1),
        state=TrialState.COMPLETE,
        val={"f1_macro": value},
        test={"f1_macro": value / 2},
        scorer="probe",
        threshold=0.3,
    )


def test_before_anything_is_reached_it_is_none() -> None:
    result = fold([started()], running=True)
    assert result.state == "RUNNING"
    assert (result.trials, result.finalists) == ((), ())
    for nothing in (result.winner, result.baseline, result.model, result.report):
        assert nothing is None
    assert result.tracking_uri is None


@pytest.mark.parametrize(
    ("ends", "running", "state"),
    [
        ([], False, "INTERRUPTED"),
        ([], True, "RUNNING"),
        ([StudyEnded(time=9.0, state="FAILED", reason="r")], False, "FAILED"),
        ([StudyEnded(time=9.0, state="FAILED")], True, "RUNNING"),
        (
            [
                StudyEnded(time=9.0, state="FAILED"),
                SessionStarted(time=10.0, tracking_uri="u"),
            ],
            False,
            "INTERRUPTED",
        ),
        (
            [StudyEnded(time=9.0, state="FAILED"), StudyEnded(time=10.0, state="FINISHED")],
            False,
            "FINISHED",
        ),
    ],
)
def test_the_state_is_that_of_the_last_session(
    ends: list[AnyEvent], running: bool, state: str
) -> None:
    assert fold([started(), *ends], running=running).state == state


def test_a_trial_has_the_value_of_its_last_rung_and_the_seconds_of_all() -> None:
    events: list[AnyEvent] = [started(), trial(0)]
    events += [rung("trial/0", 1, 0.1), rung("trial/0", 3, 0.3), rung("trial/0", 3, 0.9)]
    found = fold(events, running=True).trials[0]
    assert (found.state, found.value, found.epoch, found.seconds) == ("RUNNING", 0.3, 3, 3.0)


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.INFEASIBLE])
def test_a_trial_that_failed_is_worth_nothing(state: TrialState) -> None:
    end = TrialEnded(time=3.0, number=0, state=state, reason="because")
    found = fold([started(), trial(0), rung("trial/0", 1, 0.9), end], running=True).trials[0]
    assert (found.state, found.value, found.epoch, found.reason) == (state, None, 1, "because")


def whole() -> list[AnyEvent]:
    configurations = (
        configuration(0, "contrastive", is_baseline=False),
        configuration(1, "classifier", is_baseline=True),
        configuration(2, "classifier", is_baseline=False),
    )
    ranks = {0: (3, 0.1), 1: (2, 0.2), 2: (1, 0.3)}
    rankings = tuple(
        Ranking(trial=place, rank=rank, val=interval(mean), test=interval(mean))
        for place, (rank, mean) in ranks.items()
    )
    return [
        started(),
        trial(0),
        RunOpened(time=1.0, run=StudyRun(), run_id="parent"),
        RunOpened(time=1.0, run=FinalistRun(2, 1), run_id="run"),
        FinalistsChosen(time=3.0, configurations=configurations, seeds=(1,)),
        *(finished(place, mean) for place, (_, mean) in ranks.items()),
        FinalistsRanked(time=5.0, rankings=rankings, winner=FinalistRun(2, 1)),
        ModelRegistered(time=6.0, name="m", version="1", aliases=("a",), uri="u", gate=()),
    ]


def test_finalists_come_by_rank_and_the_best_classifier_of_them_is_the_baseline() -> None:
    result = fold(whole(), running=False)
    assert [one.place for one in result.finalists] == [2, 1, 0]
    assert result.winner == result.finalists[0] == result.baseline
    assert [one.is_baseline for one in result.finalists] == [True, False, False]
    assert result.winner_run == FinalistRun(2, 1)
    seed: Any = result.winner.seeds[0] if result.winner else None
    assert (seed.val, seed.test, seed.run_id) == (0.3, 0.15, "run")
    assert result.parent_run_id == "parent"
    assert result.model is not None


def test_before_the_ranking_the_baseline_is_the_searchs_best_classifier() -> None:
    events = [event for event in whole() if not isinstance(event, FinalistsRanked)]
    result = fold(events, running=True)
    assert [one.rank for one in result.finalists] == [None, None, None]
    assert result.baseline is not None
    assert result.baseline.place == 1
    assert result.winner is None


def test_time_between_sessions_belongs_to_no_phase() -> None:
    times: list[AnyEvent] = [
        started(),
        SessionStarted(time=1.0, tracking_uri="u"),
        rung("trial/0", 1, 0.1, time=11.0),
        SessionStarted(time=100.0, tracking_uri="u"),
        rung("trial/0", 3, 0.1, time=105.0),
        FinalistsChosen(time=106.0, configurations=(), seeds=()),
        rung("finalist/0/1", 3, 0.1, time=126.0),
        FinalistsRanked(time=127.0, rankings=(), winner=FinalistRun(0, 1)),
        StudyEnded(time=130.0, state="FINISHED"),
    ]
    spent = fold(times, running=False).seconds
    assert (spent.search, spent.finalists, spent.report) == (16.0, 21.0, 3.0)


STORY: list[AnyEvent] = [
    started(),
    SessionStarted(time=0.5, tracking_uri=""),
    trial(0),
    RunOpened(time=1.0, run=parse_trained("trial/0"), run_id="a"),
    trial(1, "bce", "classifier"),
    rung("trial/0", 1, 0.2),
    rung("trial/1", 1, 0.3),
    TrialEnded(time=3.0, number=0, state=TrialState.FAIL, reason="no"),
    RunRetried(time=3.5, run=parse_trained("trial/0")),
    rung("trial/0", 1, 0.4),
    TrialEnded(time=4.0, number=0, state=TrialState.COMPLETE),
    TrialEnded(time=4.0, number=1, state=TrialState.PRUNED),
    FinalistsChosen(
        time=5.0, configurations=(configuration(0, "contrastive", is_baseline=False),), seeds=(1,)
    ),
    finished(0, 0.5),
    StudyInterrupted(time=6.0, reason="no power"),
]


def test_a_record_that_is_asked_all_the_time_says_what_a_fold_says() -> None:
    """What it keeps of a trial is forgotten when anything happens to the trial."""
    record = Record()
    for length, event in enumerate(STORY, start=1):
        record.add(event)
        for running in (False, True):
            assert record.result(running=running) == fold(STORY[:length], running=running)
            assert record.result(running=running) == record.result(running=running)


def test_a_trial_that_nothing_happened_to_is_not_made_again() -> None:
    record = Record()
    for event in STORY[:7]:
        record.add(event)
    before = record.result(running=True).trials
    record.add(rung("trial/1", 3, 0.35))
    after = record.result(running=True).trials
    assert after[0] is before[0]
    assert (before[1].epoch, after[1].epoch) == (1, 3)


def test_running_sums_agree_with_the_events() -> None:
    record = Record()
    for event in STORY:
        record.add(event)
    assert record.losses == {"reg": 1, "bce": 1}
    assert record.paces.median == 1.5
