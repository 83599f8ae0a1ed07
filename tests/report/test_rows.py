"""The trials as the page's script gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from study.report.rows import rows_data
from study.spec import TrialState
from tests.report.conftest import fixed_temperature

if TYPE_CHECKING:
    from tests.report.conftest import Story


def test_a_row_is_values_in_a_fixed_order(new_story: type[Story]) -> None:
    story = new_story(**fixed_temperature())
    story.trial(0, "msc", [(1, 0.25)], TrialState.FAIL, "NaN", batch_size=64)
    story.trial(7, "reg", [(9, 0.123456789)], batch_size=128, loss__alpha=0.123456789)
    data = rows_data(story.result())
    assert [one["path"] for one in data["settings"]] == [
        "loss.temperature",
        "batch_size",
        "optimizer.learning_rate",
        "loss.alpha",
    ]
    assert data["losses"] == ("reg", "msc")
    assert data["reasons"] == ["", "NaN"]
    assert data["states"][2] == "failed"
    assert data["rows"] == [
        [0, 1, 2, None, 1, 2.0, 1, [0.05], 64, [0.01], None],
        [7, 0, 0, 0.123457, 9, 18.0, 0, [0.05], 128, [0.01], 0.123457],
    ]


def test_words_and_truth_values_are_no_numbers(new_story: type[Story]) -> None:
    story = new_story(space={"precision": ["fp32", "bf16"], "loss.regulariser": [True, False]})
    story.trial(0, "reg", precision="bf16", loss__regulariser=False)
    settings = rows_data(story.result())["settings"]
    assert [one["path"] for one in settings if not one["number"]] == [
        "precision",
        "loss.regulariser",
    ]
