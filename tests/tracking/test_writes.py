"""Writes are put together run by run."""

from __future__ import annotations

import math

from study.plan import RunId, TrialRun
from study.tracking.openings import Opening
from study.tracking.writes import Write, by_run, points


def opening(run: RunId) -> Opening:
    return Opening(run, str(run), time=0.0, tags={}, params={})


def test_what_is_said_of_one_run_is_said_at_once() -> None:
    a, b = opening(TrialRun(0)), opening(TrialRun(1))
    first, last = points({"x": 1.0}, 1.0, 1), points({"x": 2.0}, 3.0, 3)
    found = by_run(
        [
            Write(a, 1.0, opens=True, points=first, tags={"state": "RUNNING", "kept": "yes"}),
            Write(b, 2.0, status="KILLED"),
            Write(a, 3.0, points=last, tags={"state": "COMPLETE"}, status="FINISHED"),
            Write(a, 4.0, tags={"winner": "true"}, report="report.html"),
        ]
    )
    tags = {"state": "COMPLETE", "kept": "yes", "winner": "true"}
    assert list(found.values()) == [
        Write(a, 3.0, True, (*first, *last), tags, "FINISHED", "report.html"),
        Write(b, 2.0, status="KILLED"),
    ]


def test_numbers_that_are_not_finite_are_left_out() -> None:
    values = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.0}
    assert [point.name for point in points(values, 1.0, 1)] == ["d"]
