"""What is seen while a study runs."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from study.cli.live_view import LiveView, line_of, what_is_awaited
from study.plan import (
    Journal,
    LanesPlanned,
    Record,
    RungReached,
    TrialEnded,
    TrialRun,
    TrialStarted,
)
from study.plan.events import StudyStarted
from study.plan.load import load
from study.spec import TrialState

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
    record = Record()
    for event in (*journal.events, waiting):
        record.add(event)
    journal.close()
    assert line_of(waiting, record) == line
    assert f"waiting for {what_is_awaited(record)}" == line


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
        assert f"trial 0 fail: reg at epoch 3: {GLOO}" in text
        assert "started" not in text, "a trial is worth one line, at its end"
        assert "0.2500" not in text


@pytest.mark.parametrize(
    ("state", "reason", "line"),
    [
        ("COMPLETE", "", "trial 0 complete: reg, val/f1_macro 0.2500 at epoch 3"),
        ("PRUNED", "", "trial 0 pruned: reg, val/f1_macro 0.2500 at epoch 3"),
        ("FAIL", "boom\nand why", "trial 0 fail: reg at epoch 3: boom"),
    ],
)
def test_a_trial_is_one_line_at_its_end(
    journal: Journal, state: str, reason: str, line: str
) -> None:
    record = Record()
    end = TrialEnded(time=3.0, number=0, state=TrialState(state), reason=reason)
    for event in (*journal.events, started(0), rung(0.25), end):
        record.add(event)
    journal.close()
    assert line_of(started(0), record) is None
    assert line_of(rung(0.25), record) is None
    said = line_of(end, record)
    assert said is not None
    assert said.startswith(f"{line} (1 of ")


def test_lines_say_what_it_runs_on() -> None:
    record = Record()
    planned = LanesPlanned(time=0.0, lanes=2, workers=1, arithmetic="2 = 2 / 1")
    assert line_of(planned, record) == "2 = 2 / 1"


def test_a_silent_study_says_what_it_waits_for(journal: Journal) -> None:
    record = Record()
    for event in journal.events:
        record.add(event)
    journal.close()
    assert what_is_awaited(record) == "the stores and Ray to start"
    record.add(started(0))
    assert what_is_awaited(record).startswith("the first lanes to start")
    record.add(rung(0.1))
    assert what_is_awaited(record) == "trials 0"
