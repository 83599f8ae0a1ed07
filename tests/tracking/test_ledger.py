"""From events to what MLflow is to hold, told once whatever the journal repeats."""

from __future__ import annotations

from collections.abc import Sequence

from study.plan import (
    AnyEvent,
    FinalistEnded,
    FinalistRun,
    FinalistsChosen,
    RungReached,
    SessionStarted,
    StudyEnded,
    StudyRun,
    StudySpec,
    StudyStarted,
    TrialEnded,
    TrialRun,
    TrialStarted,
)
from study.plan.trainlog import EpochLog
from study.spec import TrialState, parse
from study.tracking.ledger import Ledger
from study.tracking.writes import Write
from tests.tracking.story import BEGAN


def writes_of(events: Sequence[AnyEvent]) -> list[Write]:
    ledger = Ledger()
    return [write for event in events for write in ledger.take(event)]


def test_every_fact_that_is_told_again_asks_for_nothing(story: list[AnyEvent]) -> None:
    ledger = Ledger()
    for event in story[:-1]:
        ledger.take(event)
    for event in story:
        again = event.model_copy(update={"time": event.time + 1000})
        if not isinstance(again, RungReached | TrialEnded | FinalistEnded):
            continue
        assert ledger.take(again) == []


def test_the_parent_comes_before_its_children(story: list[AnyEvent]) -> None:
    assert writes_of(story)[0].opening.run == StudyRun()


def test_a_run_is_opened_once_and_with_its_own_start(story: list[AnyEvent]) -> None:
    opened = [write for write in writes_of(story) if write.opens]
    assert len({write.opening.run for write in opened}) == len(opened) == 9
    finalist = next(write for write in opened if write.opening.run == FinalistRun(0, 0))
    # Its first rung took a second, so it began one before.
    assert finalist.opening.time == finalist.time - 1.0


def test_a_run_of_nobody_chosen_is_left_out(story: list[AnyEvent]) -> None:
    unchosen = [event for event in story if not isinstance(event, FinalistsChosen)][:-3]
    runs = {write.opening.run for write in writes_of(unchosen)}
    assert not any(isinstance(run, FinalistRun) for run in runs)


def test_a_study_that_ended_has_nothing_to_park(story: list[AnyEvent]) -> None:
    ledger = Ledger()
    assert ledger.park(BEGAN) == []
    for event in story:
        ledger.take(event)
    assert ledger.park(BEGAN) == []


def test_a_trial_that_goes_on_after_a_failed_session_runs_again(story: list[AnyEvent]) -> None:
    events: list[AnyEvent] = [
        *story[:5],
        StudyEnded(time=BEGAN + 500, state="FAILED", reason="the cluster is gone"),
        SessionStarted(time=BEGAN + 600, tracking_uri=""),
        TrialEnded(time=BEGAN + 700, number=0, state=TrialState.COMPLETE),
    ]
    statuses = [one.status for one in writes_of(events) if one.opening.run == TrialRun(0)]
    assert statuses == [None, None, "FAILED", "RUNNING", "FINISHED"]


def epoch(number: int, loss: float | None, *, ends: bool = True) -> EpochLog:
    return EpochLog(
        epoch=number, epochs=9, step=10 * number - (not ends), steps=90, loss=loss,
        learning_rate=0.01, grad_norm=0.4, grad_norm_max=0.5, samples_per_s=100.0,
        memory_gb=0.5, seconds=1.0, time=BEGAN + number,
    )  # fmt: skip


def test_epochs_between_rungs_come_with_the_next_rung() -> None:
    run = TrialRun(0)
    spec = parse(
        StudySpec,
        {"name": "quick", "dataset": {"name": "debtags"}, "space": {"batch_size": [64, 128]}},
    )
    ledger = Ledger()
    lines = [epoch(n, n / 10) for n in (1, 2)] + [epoch(3, 0.4, ends=False), epoch(3, 0.3)]
    ledger.epochs_of = lambda asked: lines if asked == run else []
    begun = StudyStarted(
        time=BEGAN, name="quick", spec=spec.model_dump(mode="json"), spec_digest="",
        dataset_digest="", label_names=(), sizes={}, git_commit=None, package_version="",
    )  # fmt: skip
    ledger.take(begun)
    ledger.take(
        TrialStarted(
            time=BEGAN, number=0, params={"batch_size": 64}, digest="", loss="reg",
            family="contrastive",
        )
    )  # fmt: skip

    def losses(event: AnyEvent) -> list[tuple[int, float, float]]:
        return [
            (one.step, one.value, one.time)
            for write in ledger.take(event)
            for one in write.points
            if one.name == "train/loss"
        ]

    known = {"train/loss": 0.1}
    first = RungReached(time=BEGAN + 9, run=run, epoch=1, metrics=known, seconds=1.0)
    assert losses(first) == [(1, 0.1, BEGAN + 9)], "told twice"
    third = RungReached(time=BEGAN + 10, run=run, epoch=3, metrics={}, seconds=1.0)
    assert losses(third) == [(2, 0.2, BEGAN + 2), (3, 0.3, BEGAN + 3)]
    lines += [epoch(4, 0.5), epoch(5, None)]
    end = TrialEnded(time=BEGAN + 11, number=0, state=TrialState.FAIL)
    assert losses(end) == [(4, 0.5, BEGAN + 4)]
