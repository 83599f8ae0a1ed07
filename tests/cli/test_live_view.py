"""What is seen while a study runs."""

import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

from study.cli import live_view
from study.cli.lines import line_of
from study.cli.live_view import LiveView, what_is_awaited
from study.cli.tally import Tally
from study.plan import (
    FinalistEnded,
    FinalistRun,
    Journal,
    LanesPlanned,
    Record,
    ReportWritten,
    RungReached,
    RunRetried,
    TrialEnded,
    TrialRun,
    TrialStarted,
    best_trials,
)
from study.plan.events import StudyStarted
from study.plan.load import load
from study.spec import TrialState
from tests.report.conftest import Story, quickstart

GLOO = "RuntimeError: [/build/gloo/transport/tcp/pair.cc:534] Connection closed by peer"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    spec = load(Path("search_spaces/quickstart.yaml"))
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(
        StudyStarted(
            time=0.0, name="quickstart", spec=spec.model_dump(mode="json"), spec_digest="",
            dataset_digest="", label_names=(), sizes={}, git_commit=None, package_version="",
        )
    )  # fmt: skip
    return journal


def started(number: int) -> TrialStarted:
    return TrialStarted(
        time=1.0,
        number=number,
        params={"loss.name": "reg", "loss.temperature": 0.07123, "batch_size": 64},
        digest="",
        loss="reg",
        family="contrastive",
    )


def rung(value: float) -> RungReached:
    return RungReached(
        time=2.0, run=TrialRun(0), epoch=3, metrics={"val/f1_macro": value}, seconds=1.0
    )


def test_a_node_that_is_waited_for_is_said(journal: Journal) -> None:
    line = "waiting for a node: a lane takes 4 CPU, the cluster has 1 node with 0 CPUs"
    waiting = LanesPlanned(time=0.0, lanes=0, workers=1, arithmetic=line)
    tally = tally_of(journal)
    tally.add(waiting)
    assert line_of(waiting, tally) == line
    assert f"waiting for {what_is_awaited(tally)}" == line


@pytest.mark.parametrize("terminal", [False, True], ids=["lines", "table"])
def test_reasons_with_brackets_are_shown_as_they_are(journal: Journal, terminal: bool) -> None:
    end = TrialEnded(time=3.0, number=0, state=TrialState.FAIL, reason=GLOO)
    with LiveView() as view:
        view.console = Console(
            record=True,
            markup=False,
            width=200,
            force_terminal=terminal,
            file=io.StringIO(),
        )
        view.follow(journal)
        view.see_lanes([])
        for event in (started(0), rung(0.25), end):
            journal.append(event)
    journal.close()
    text = view.console.export_text()
    if terminal:
        assert "0.2500" not in text, "a failed trial is worth nothing"
        assert "fail" in text
    else:
        assert f"trial 0, reg: fail: {GLOO} (1 of 36 runs, about " in text


def tally_of(journal: Journal) -> Tally:
    tally = Tally()
    for event in journal.events:
        tally.add(event)
    journal.close()
    return tally


def test_a_trial_is_one_line(journal: Journal) -> None:
    tally = tally_of(journal)
    lines = []
    end = TrialEnded(time=3.0, number=0, state=TrialState.PRUNED, reason="others were better\nx")
    for event in (started(0), rung(0.25), end):
        tally.add(event)
        lines.append(line_of(event, tally))
    said = "trial 0, reg: 0.2500 at epoch 3, pruned: others were better (1 of 36 runs, about "
    assert lines[:2] == [None, None]
    assert str(lines[2]).startswith(said)
    planned = LanesPlanned(time=0.0, lanes=2, workers=1, arithmetic="2 = 2 / 1")
    assert line_of(planned, tally) == "2 = 2 / 1"
    written = ReportWritten(time=0.0, path="report/report.html")
    there = str(Path("studies/x/report/report.html"))
    assert line_of(written, Tally(Path("studies/x"))) == f"report: {there}"


def test_a_finalist_run_is_one_line() -> None:
    story = Story()
    story.trial(0, "reg")
    story.choose(0)
    story.finish(0, 1, 0.45, 0.4)
    tally = Tally()
    for event in story.events:
        tally.add(event)
    end = story.events[-1]
    assert isinstance(end, FinalistEnded)
    assert str(line_of(end, tally)).startswith(
        "finalist of trial 0, reg, seed 1: 0.4500, complete (2 of 4 runs, about "
    )
    failed = FinalistEnded(time=0.0, run=FinalistRun(0, 2), state=TrialState.FAIL, reason="OOM")
    tally.add(failed)
    assert str(line_of(failed, tally)).startswith(
        "finalist of trial 0, reg, seed 2: fail: OOM (3 of 4 runs"
    )
    assert str(live_view.finalist_lines(tally)) == "finalist of trial 0, reg: ..., 0.4500, fail"


def test_a_silent_study_says_what_it_waits_for(journal: Journal) -> None:
    tally = tally_of(journal)
    assert what_is_awaited(tally) == "the stores and Ray to start"
    tally.add(started(0))
    assert what_is_awaited(tally).startswith("the first lanes to start")
    tally.add(rung(0.1))
    assert what_is_awaited(tally) == "trials 0"


def test_a_view_that_is_slow_does_not_hold_the_journal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, seen = threading.Event(), threading.Event()

    def slow(_event: object, _tally: Tally) -> str:
        seen.set()
        gate.wait(60)
        return "line"

    monkeypatch.setattr(live_view, "line_of", slow)
    with LiveView() as view:
        view.console = Console(file=io.StringIO())
        view.follow(journal)
        journal.append(started(0))
        assert seen.wait(30)
        journal.append(started(1))
        assert len(journal.events) == 3
        gate.set()
    journal.close()


def test_a_picture_and_a_line_fold_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_self: Record, *, running: bool) -> None:
        raise AssertionError("a fold of everything")

    monkeypatch.setattr(Record, "result", never)
    out = io.StringIO()
    with LiveView() as view:
        view.console = Console(file=out, force_terminal=True, width=120)
        view.follow(journal)
        for event in (started(0), rung(0.25)):
            journal.append(event)
    journal.close()
    assert "0.2500" in out.getvalue()


def test_the_live_table_has_few_rows_however_many_run(journal: Journal) -> None:
    tally = tally_of(journal)
    for number in range(40):
        tally.add(started(number))
    assert [trial.number for trial in tally.rows()] == list(range(14))
    for number in range(30):
        tally.add(TrialEnded(time=3.0, number=number, state=TrialState.PRUNED))
    assert [trial.number for trial in tally.rows()] == [*range(26, 30), *range(30, 40)]
    assert "30 of 24 trials ended, 10 running" in str(live_view.trial_table(tally).title)


def test_a_pruned_trial_is_not_the_best_of_the_live_table() -> None:
    story = Story()
    story.trial(0, "reg", [(9, 0.4)])
    story.trial(1, "reg", [(1, 0.9)], TrialState.PRUNED)
    tally = Tally()
    for event in story.events:
        tally.add(event)
    styles = [row.style for row in live_view.trial_table(tally).rows]
    assert styles == ["bold", "dim"]


def told_in_every_way() -> Story:
    """Return a study with every kind of event, failures that are retried included."""
    story = quickstart()
    story.tell(RunRetried, run=TrialRun(11))
    story.tell(RungReached, run=TrialRun(11), epoch=1, metrics={"val/f1_macro": 0.9}, seconds=5.0)
    story.tell(TrialEnded, number=11, state=TrialState.FAIL, reason="NaN")
    return story


def test_the_tally_agrees_with_the_fold_after_every_event() -> None:
    tally, record = Tally(), Record()
    order: list[int] = []
    for event in told_in_every_way().events:
        tally.add(event)
        record.add(event)
        if isinstance(event, RunRetried):
            order.remove(11)
        elif isinstance(event, TrialEnded):
            order.append(event.number)
        result = record.result(running=True)
        running = [trial for trial in result.trials if not trial.state.ended]
        latest = [result.trials[number] for number in order[-(14 - len(running)) :]]
        assert tally.best == next(iter(best_trials(result.trials, result.direction)), None)
        assert tally.ended == len(order)
        assert tally.running == [trial.number for trial in running]
        assert tally.rows() == latest + running
        seconds = sum(result.trials[number].seconds for number in order)
        assert tally.seconds_per_trial == (pytest.approx(seconds / len(order)) if order else None)


def test_a_best_trial_that_fails_is_the_best_no_more() -> None:
    story = Story()
    story.trial(0, "reg", [(1, 0.2)], TrialState.PRUNED)
    story.trial(1, "reg", [(1, 0.3), (3, 0.4)], TrialState.FAIL, "NaN")
    tally, found = Tally(), []
    for event in story.events:
        tally.add(event)
        found.append(tally.best.number if tally.best else None)
    assert list(dict.fromkeys(found)) == [None, 0, 1]
    assert found[-1] == 0
