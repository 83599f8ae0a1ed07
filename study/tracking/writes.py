"""What is to be so in MLflow, as values.

A write says what is to be so, not what is to change: writing it twice leaves the same rows,
since every metric and every end carries the time of its event.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, final

from study.plan import RunId
from study.tracking.openings import Opening

Status: TypeAlias = Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]


@final
@dataclass(frozen=True)
class Point:
    """One value of one metric."""

    name: str
    value: float
    time: float
    """Seconds since the epoch."""
    step: int
    """The epoch, 0 where there is none."""


@final
@dataclass(frozen=True)
class Write:
    """What is to be so of one run."""

    opening: Opening
    """The run, and how to make it if the store has none."""
    time: float
    """Of the event; a status counts from then."""
    opens: bool = False
    """Whether parameters are due, the run being new."""
    points: tuple[Point, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    status: Status | None = None
    report: str | None = None
    """Page of the report, whose folder becomes artifacts of the run."""


def by_run(writes: Iterable[Write]) -> dict[RunId, Write]:
    """Return one write per run that says all that ``writes`` say of it, in their order."""
    found: dict[RunId, Write] = {}
    for write in writes:
        before = found.get(write.opening.run)
        if before is None:
            found[write.opening.run] = write
            continue
        found[write.opening.run] = replace(
            before,
            opens=before.opens or write.opens,
            points=before.points + write.points,
            tags={**before.tags, **write.tags},
            status=write.status or before.status,
            time=write.time if write.status else before.time,
            report=write.report or before.report,
        )
    return found


def points(values: Mapping[str, float], time: float, step: int) -> tuple[Point, ...]:
    """Return the finite ones of ``values`` as points at one moment.

    MLflow would store NaN as 0 and infinity as the largest number: a broken trial would top
    every sorted table.
    """
    return tuple(
        Point(name, value, time, step) for name, value in values.items() if math.isfinite(value)
    )
