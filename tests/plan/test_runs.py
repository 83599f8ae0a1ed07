"""Runs are values with a text that comes back."""

import pytest

from study.plan import FinalistRun, RunId, StudyRun, TrialRun, parse_run, parse_trained
from study.plan.events import EVENT, FinalistsRanked, RunOpened

RUNS: list[RunId] = [StudyRun(), TrialRun(0), TrialRun(12), FinalistRun(7, 1), FinalistRun(0, 0)]


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_run_comes_back_from_its_text(run: RunId) -> None:
    assert parse_run(str(run)) == run


@pytest.mark.parametrize(
    "text", ["", "trial", "trial/", "trial/x", "trial/-1", "trial/1/2", "finalist/1", "run/1"]
)
def test_a_text_of_no_run_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be study, trial/NUMBER or finalist/TRIAL/SEED"):
        parse_run(text)


def test_the_study_is_no_trained_run() -> None:
    with pytest.raises(ValueError, match="not 'study'"):
        parse_trained("study")


def test_folders_of_different_runs_differ() -> None:
    trained = [run for run in RUNS if not isinstance(run, StudyRun)]
    assert len({run.folder for run in trained}) == len(trained)


def test_events_hold_runs_as_text() -> None:
    event = RunOpened(time=1.0, run=FinalistRun(7, 1), run_id="x")
    line = event.model_dump_json()
    assert '"run":"finalist/7/1"' in line
    assert EVENT.validate_json(line, strict=True) == event


def test_a_winner_must_be_a_finalist() -> None:
    line = '{"event":"finalists_ranked","time":1.0,"rankings":[],"winner":"trial/3"}'
    with pytest.raises(ValueError, match="must be finalist/TRIAL/SEED"):
        FinalistsRanked.model_validate_json(line)
