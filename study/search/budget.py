"""How long things take: the study's model of time, as values and pure functions."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from typing import final


@final
class Paces:
    """Seconds per epoch of the runs so far, kept in order; grows with :meth:`put`."""

    def __init__(self) -> None:
        self._of_run: dict[object, float] = {}
        self._sorted: list[float] = []

    def put(self, run: object, seconds: float, epochs: int) -> None:
        """Take what a run has used so far; what was said of it before is replaced.

        Args:
            run: Names it.
            seconds: Spent on training and evaluation.
            epochs: Trained in that time; a run of 0 epochs says nothing.
        """
        self.drop(run)
        if epochs:
            self._of_run[run] = seconds / epochs
            bisect.insort(self._sorted, seconds / epochs)

    def drop(self, run: object) -> None:
        """Forget a run."""
        pace = self._of_run.pop(run, None)
        if pace is not None:
            del self._sorted[bisect.bisect_left(self._sorted, pace)]

    @property
    def median(self) -> float | None:
        """Seconds that an epoch takes, in the median over the runs; None without a run."""
        count = len(self._sorted)
        if not count:
            return None
        return (self._sorted[(count - 1) // 2] + self._sorted[count // 2]) / 2


def seconds_of_runs(pace: float, epochs: int, runs: int, lanes: int) -> float:
    """Return how long ``runs`` of ``epochs`` take from now on, on ``lanes`` at a time.

    Args:
        pace: Seconds per epoch; at least 0.
        epochs: Of each run.
        runs: Number of runs.
        lanes: Runs at a time; at least 1.
    """
    return pace * epochs * math.ceil(runs / lanes)


def seconds_for_search(hours: float, finalists: float) -> float:
    """Return after how many seconds of a study its search must end.

    Finalists are left the time that they will take, but at most half of the hours: their seeds
    can be trimmed, a search that was cut short cannot be made good.

    Args:
        hours: Of the whole study.
        finalists: Seconds that the finalists will take.
    """
    return hours * 3600 - min(finalists, hours * 1800)


def seeds_in_time(wanted: int, left: float, seconds: Callable[[int], float]) -> int:
    """Return how many seeds of each finalist fit into the time that is left: at least 1.

    Args:
        wanted: Seeds asked for.
        left: Seconds that are left.
        seconds: How long the finalists take with a number of seeds.
    """
    fitting = (seeds for seeds in range(wanted, 1, -1) if seconds(seeds) <= left)
    return next(fitting, 1)
