"""Which of two values is better, and the order that follows."""

import math

import pytest

from study.spec import Direction, Objective, is_better, sort_key


@pytest.mark.parametrize(
    ("value", "other", "direction", "expected"),
    [
        (2.0, 1.0, "maximize", True),
        (1.0, 2.0, "maximize", False),
        (1.0, 2.0, "minimize", True),
        (2.0, 1.0, "minimize", False),
        (1.0, 1.0, "maximize", False),
        (1.0, 1.0, "minimize", False),
        (1.0, math.nan, "maximize", True),
        (1.0, math.nan, "minimize", True),
        (math.nan, 1.0, "maximize", False),
        (math.nan, 1.0, "minimize", False),
        (math.nan, math.nan, "maximize", False),
    ],
)
def test_a_value_is_better_only_strictly_and_any_number_beats_nan(
    value: float, other: float, direction: Direction, expected: bool
) -> None:
    assert is_better(value, other, direction) is expected


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_sorting_puts_the_best_first_and_what_is_none_last(direction: Direction) -> None:
    values = [0.2, math.nan, 0.3, None, 0.1]
    ordered = sorted(values, key=lambda value: sort_key(value, direction))
    best = [0.3, 0.2, 0.1] if direction == "maximize" else [0.1, 0.2, 0.3]
    assert ordered[:3] == best
    assert all(value is None or math.isnan(value) for value in ordered[3:])


def test_an_objective_knows_its_metric_without_the_split() -> None:
    assert Objective("val/f1_macro", "maximize").name == "f1_macro"
