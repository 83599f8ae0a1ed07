"""Figures of very many trials."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from study.report.thin import LIMIT, Mark, thinned


def cloud(number: int, looks: int = 4) -> list[Mark]:
    rng = random.Random(0)
    return [Mark(n, rng.random(), rng.gauss(0, 5), n % looks) for n in range(number)]


def test_few_marks_are_all_drawn() -> None:
    assert thinned(cloud(LIMIT), ()) == set(range(LIMIT))


@pytest.mark.parametrize("number", [LIMIT + 1, 20_000])
def test_many_marks_are_thinned_to_about_the_limit(number: int) -> None:
    assert LIMIT / 2 < len(thinned(cloud(number), ())) <= LIMIT


def test_what_is_to_be_kept_is_kept() -> None:
    keep = {7, 4_999, 19_999}
    assert keep <= thinned(cloud(20_000), keep)
    assert thinned(cloud(20_000), {-1}).isdisjoint({-1})


def test_a_mark_left_out_has_one_of_its_look_nearby() -> None:
    marks = cloud(10_000)
    drawn = thinned(marks, ())
    low, high = min(m.y for m in marks), max(m.y for m in marks)
    left = [mark for mark in marks if mark.trial not in drawn][:200]
    assert left
    for mark in left:
        near = [
            other
            for other in marks
            if other.trial in drawn
            and other.look == mark.look
            and abs(other.x - mark.x) < 0.1
            and abs(other.y - mark.y) < 0.1 * (high - low)
        ]
        assert near


def test_marks_that_all_lie_in_one_place_are_one() -> None:
    marks = [Mark(n, 1.0, 2.0, n % 2) for n in range(LIMIT + 1)]
    assert thinned(marks, ()) == {0, 1}


def test_the_same_marks_are_drawn_each_time() -> None:
    drawn = [thinned(cloud(5_000), ()) for _ in range(3)]
    assert all(first == second for first, second in pairwise(drawn))
