"""A study in virtual time: the real conductor, sampler and journal, but no Ray and no training.

What a run reaches, and how long that takes, comes from a curve: a function of the assignment,
made up or recorded (:mod:`study.execution.recorded`). Policies of search are compared with it,
and the cost of the decisions themselves is measured.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

from study.execution.assign import Places
from study.execution.conductor import Conductor, Nothing
from study.execution.job import Assignment, Report
from study.plan import Journal, StudySpec, StudyStarted, digest_of
from study.plan.stored import given_settings

POLL_S = 10.0
"""How often, in virtual seconds, it is looked whether the time is over."""


@final
@dataclass(frozen=True)
class Point:
    """What a run reaches at one rung."""

    value: float
    """The objective."""

    seconds: float
    """Of training and evaluation since the last rung."""


Curve: TypeAlias = Callable[[Assignment], Sequence[Point]]
"""Returns one point for every rung of a run."""


@final
class VirtualClock:
    """A time that passes only when it is told to: the clock of a conductor and its events."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.time


@final
@dataclass(frozen=True, order=True)
class _Step:
    """A lane that will report; of two at the same time the one that began first comes first."""

    time: float
    order: int
    assignment: Assignment
    points: tuple[Point, ...]
    index: int
    """Of the rung that it reports next."""


@final
class Simulation:
    """Lanes of a study, in virtual time.

    Args:
        conductor: Decides; its clock must be ``clock``.
        clock: Moved on from report to report.
        curve: What the runs reach.
        on_disk: Epochs of runs that a killed study left behind: they report from there on.
    """

    def __init__(
        self,
        conductor: Conductor,
        clock: VirtualClock,
        curve: Curve,
        on_disk: Mapping[str, int] | None = None,
    ) -> None:
        self._conductor = conductor
        self._clock = clock
        self._curve = curve
        self._on_disk = on_disk or {}
        self._steps: list[_Step] = []
        self._order = 0

    def run(self) -> None:
        """Run until the conductor asks for nothing more."""
        while self.advance():
            pass

    def advance(self) -> bool:
        """Give every free lane a run, and take the next report; return whether there was one.

        A run that the time has ended for is given up instead.
        """
        while isinstance(assignment := self._conductor.next(), Assignment):
            self._begin(assignment)
        if not self._steps:
            if assignment is not Nothing.EVER:
                raise RuntimeError(f"no run is under way, but {assignment.value}")
            return False
        if self._pass_time(self._steps[0].time):
            step = heapq.heappop(self._steps)
            if self._conductor.hear(_report(step)) and step.index + 1 < len(step.points):
                self._push(step.assignment, step.points, step.index + 1)
        return True

    def _begin(self, assignment: Assignment) -> None:
        done = self._on_disk.get(assignment.run, 0)
        # The last rung on disk is reported again: its report may have been lost.
        first = next(index for index, rung in enumerate(assignment.rungs) if rung >= done)
        self._push(assignment, tuple(self._curve(assignment)), first)

    def _push(self, assignment: Assignment, points: tuple[Point, ...], index: int) -> None:
        self._order += 1
        time = self._clock.time + points[index].seconds
        heapq.heappush(self._steps, _Step(time, self._order, assignment, points, index))

    def _pass_time(self, until: float) -> bool:
        """Move the clock on; return False, earlier, if the time is over for a run."""
        while self._clock.time < until:
            self._clock.time = min(until, self._clock.time + POLL_S)
            expired = {str(run) for run in self._conductor.expire()}
            if expired:
                self._steps = [s for s in self._steps if s.assignment.run not in expired]
                heapq.heapify(self._steps)
                return False
        return True


def _report(step: _Step) -> Report:
    assignment, point = step.assignment, step.points[step.index]
    metrics = {f"val/{assignment.metric}": point.value, "perf/seconds": point.seconds}
    epoch = assignment.rungs[step.index]
    if assignment.finish is None or epoch != assignment.rungs[-1]:
        return Report(assignment.run, epoch, metrics)
    scores = {assignment.metric: point.value} if math.isfinite(point.value) else {}
    outcome = {"val": scores, "test": scores, "scorer": "probe", "threshold": 0.5}
    return Report(assignment.run, epoch, metrics, outcome=outcome)


def places_of(folder: Path) -> Places:
    """Return the folders of a simulated study, whose data is never prepared."""
    return Places(folder, lambda _encoder: folder / "data")


def begin_study(journal: Journal, spec: StudySpec, clock: Callable[[], float]) -> None:
    """Write the first line of a journal, for a study whose data nobody prepares."""
    journal.append(
        StudyStarted(
            time=clock(),
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            spec_digest=digest_of(spec),
            given=given_settings(spec),
            dataset_digest="simulated",
            label_names=(),
            sizes={},
            git_commit=None,
            package_version="0",
        )
    )
