from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from study.plan.result import StudyResult
from study.report.csv import trials_csv
from study.spec import TrialState
from tests.report.conftest import fixed_temperature

if TYPE_CHECKING:
    from tests.report.conftest import Story


def read(result: StudyResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(trials_csv(result), newline="")))


def test_every_trial_is_a_row_with_its_values_in_full(quick: StudyResult) -> None:
    rows = read(quick)
    assert len(rows) == 24
    for row, trial in zip(rows, quick.trials, strict=True):
        assert row["number"] == str(trial.number)
        assert row["state"] == trial.state.value
        assert (float(row["value"]) if row["value"] else None) == trial.value
        assert float(row["seconds"]) == trial.seconds
        assert row["run_id"] == trial.run_id
        rate = float(row["optimizer.learning_rate"])
        assert rate == trial.params["optimizer.learning_rate"]


def test_the_columns_are_fixed_then_follow_the_space(quick: StudyResult) -> None:
    assert trials_csv(quick).splitlines()[0] == (
        "number,state,loss,family,value,epoch,seconds,run_id,reason,"
        "loss.name,loss.temperature,batch_size,optimizer.learning_rate,"
        "loss.alpha,loss.regulariser"
    )


def test_text_survives_and_what_is_missing_is_empty(new_story: type[Story]) -> None:
    story = new_story(space={"loss.regulariser": [True, False]})
    reason = 'line one, "quoted"\nline two'
    story.trial(0, curve=[], state=TrialState.FAIL, reason=reason, loss__regulariser=True)
    (row,) = read(story.result())
    assert row["reason"] == reason
    assert row["loss.regulariser"] == "true"
    assert row["value"] == row["epoch"] == ""


def test_settings_in_force_are_there_though_not_drawn(new_story: type[Story]) -> None:
    story = new_story(**fixed_temperature())
    story.trial(0, "msc", batch_size=64)
    (row,) = read(story.result())
    assert (row["loss.temperature"], row["batch_size"]) == ("0.05", "64")


def test_a_study_without_trials_has_a_head_only(new_story: type[Story]) -> None:
    story = new_story(space={"batch_size": [1, 2]})
    assert trials_csv(story.result()) == (
        "number,state,loss,family,value,epoch,seconds,run_id,reason,batch_size\n"
    )


def test_no_figure_on_test_is_in_the_table(quick: StudyResult) -> None:
    assert "test" not in trials_csv(quick)
