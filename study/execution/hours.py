"""What ``budget.hours`` leaves to the search and to the finalists."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from study.plan import Record, StudySpec
from study.search import seconds_for_search, seconds_of_runs, seeds_in_time


@final
class Hours:
    """The time model of one study, from its record; without ``budget.hours`` there is no end.

    Args:
        spec: The study.
        record: Knows the time spent and the pace of the runs so far.
        clock: Returns the time, as the events carry it.
    """

    def __init__(self, spec: StudySpec, record: Record, clock: Callable[[], float]) -> None:
        self._spec = spec
        self._record = record
        self._clock = clock
        hours = spec.budget.hours
        self._limit = None if hours is None else hours * 3600

    def are_over(self) -> bool:
        """Return whether all time is used up."""
        return self._limit is not None and self._spent() >= self._limit

    def allow_trial(self, lanes: int) -> bool:
        """Return whether a new trial would reach its first rung before the search must end."""
        return self._allow(self._pace() * self._spec.rungs[0], lanes)

    def allow_search(self, lanes: int) -> bool:
        """Return whether the finalists need not start yet."""
        return self._allow(0.0, lanes)

    def seeds(self, lanes: int) -> int:
        """Return how many seeds of each finalist fit into the time that is left: at least 1."""
        wanted = self._spec.finalists.seeds
        if self._limit is None:
            return wanted
        left = self._limit - self._spent()
        return seeds_in_time(wanted, left, lambda seeds: self._of_finalists(seeds, lanes))

    def _allow(self, seconds: float, lanes: int) -> bool:
        hours = self._spec.budget.hours
        if hours is None or not self._record.started:
            return True
        finalists = self._of_finalists(self._spec.finalists.seeds, lanes)
        return self._spent() + seconds < seconds_for_search(hours, finalists)

    def _of_finalists(self, seeds: int, lanes: int) -> float:
        runs = self._spec.finalists.most * seeds
        return seconds_of_runs(self._pace(), self._spec.trial.epochs, runs, lanes)

    def _pace(self) -> float:
        """Return the seconds that an epoch takes; 0 while nothing is known of it."""
        return self._record.paces.median or 0.0

    def _spent(self) -> float:
        return self._record.seconds_spent(self._clock())
