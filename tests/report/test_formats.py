from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from study.plan.events import IntervalValue, Value
from study.report.formats import (
    count,
    count_states,
    duration,
    interval,
    listed,
    places,
    score,
    setting,
)
from study.report.rows import rows_data
from study.report.tables import trials
from study.spec import TrialState

if TYPE_CHECKING:
    from tests.report.conftest import Story


@pytest.mark.parametrize(
    ("value", "decimals"),
    [(0.44, 3), (4.4, 2), (44.0, 1), (440.0, 0), (44000.0, 0), (0.044, 4), (-0.44, 3), (0.0, 3)],
)
def test_the_largest_value_shows_three_digits(
    new_story: type[Story], value: float, decimals: int
) -> None:
    story = new_story()
    story.trial(0, curve=[(1, value)])
    assert places(story.result()) == decimals


def test_a_study_without_values_has_three_decimals(new_story: type[Story]) -> None:
    assert places(new_story().result()) == 3


def test_what_is_not_known_is_a_dash() -> None:
    assert score(None, 3) == "–"
    assert interval(None, 3) == "–"


def test_an_interval_is_its_ends() -> None:
    assert interval(IntervalValue(mean=0.5, low=-0.25, high=1.0), 2) == "-0.25 to 1.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "true"), (False, "false"), (256, "256"), (0.0712345, "0.0712"), (1e-5, "1e-05")],
)
def test_a_setting_is_written_as_in_a_study_file(value: Value, shown: str) -> None:
    assert setting(value) == shown
    assert setting("cosine") == "cosine"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (89.4, "89 s"),
        (90.0, "1.5 min"),
        (569.0, "9.5 min"),
        (571.0, "10 min"),
        (5340.0, "89 min"),
        (5400.0, "1 h 30 min"),
        (36060.0, "10 h 01 min"),
    ],
)
def test_a_duration_is_in_the_unit_a_person_would_use(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_counts_have_their_plural() -> None:
    assert [count(n, "trial") for n in (0, 1, 2400)] == ["0 trials", "1 trial", "2,400 trials"]


def test_lists_end_in_and() -> None:
    assert [listed("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_states_are_counted_and_nothing_runs_without_a_session(new_story: type[Story]) -> None:
    story = new_story()
    for number, state in enumerate([*TrialState, TrialState.PRUNED]):
        story.trial(number, curve=[], state=state)
    said = "1 complete, 2 pruned, 1 failed, 1 infeasible, 1 "
    assert count_states(story.result(running=True)) == f"{said}running"
    assert count_states(story.result()) == f"{said}unfinished"
    assert ">unfinished<" in trials(story.result())
    assert "unfinished" in rows_data(story.result())["states"]
    assert count_states(new_story().result()) == ""
