"""Trials that are ranked among each other, kept in order rung by rung.

A stop rule may look at every trial; what the usual rules ask (how many were better here, what
was the median) is answered without going through them.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import final, overload

from study.search.history import RestoredTrial
from study.spec import Direction, sort_key


@final
class Rivals:
    """The trials of one family; grows with :meth:`put`.

    Args:
        direction: Which way the objective is better.
    """

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.trials: dict[int, RestoredTrial] = {}
        self.values: dict[int, list[float]] = defaultdict(list)
        """Sort keys of the values at each epoch, best first."""
        self.means: dict[int, list[float]] = defaultdict(list)
        """Sort keys of the means up to each epoch, best first."""

    def put(self, trial: RestoredTrial) -> None:
        """Take a trial that reported; its earlier reports must be those it had before."""
        before = self.trials.get(trial.number)
        self.trials[trial.number] = trial
        for epoch in trial.reports:
            if before is None or epoch not in before.reports:
                bisect.insort(self.values[epoch], self.value_key(trial, epoch))
                bisect.insort(self.means[epoch], self.mean_key(trial, epoch))

    def but(self, trial: RestoredTrial) -> Others:
        """Return all of them but ``trial``."""
        return Others(self, trial.number)

    def value_key(self, trial: RestoredTrial, epoch: int) -> float:
        """Return the sort key of a trial's value at an epoch."""
        return sort_key(trial.reports[epoch], self.direction)

    def mean_key(self, trial: RestoredTrial, epoch: int) -> float:
        """Return the sort key of a trial's mean over its reports up to an epoch."""
        values = [value for reached, value in trial.reports.items() if reached <= epoch]
        return sort_key(fmean(values), self.direction)


@final
class Others(Sequence[RestoredTrial]):
    """The trials that a trial is ranked among, itself left out."""

    def __init__(self, rivals: Rivals, left_out: int) -> None:
        self._rivals = rivals
        self._own = rivals.trials.get(left_out)

    def num_at(self, epoch: int) -> int:
        """Return how many have reported at this epoch."""
        return len(self._rivals.values[epoch]) - self._has_own(epoch)

    def num_better(self, value: float, epoch: int) -> int:
        """Return how many had strictly more than ``value`` at this epoch; NaN counts as worst.

        Args:
            value: Of the trial that is left out.
            epoch: At which they are compared.
        """
        key = sort_key(value, self._rivals.direction)
        num = bisect.bisect_left(self._rivals.values[epoch], key)
        own = self._own
        is_among = own and epoch in own.reports and self._rivals.value_key(own, epoch) < key
        return num - bool(is_among)

    def median_mean(self, epoch: int) -> float:
        """Return the median of their means up to this epoch, of two the worse; there is one."""
        means = self._rivals.means[epoch]
        middle = self.num_at(epoch) // 2
        if self._own is not None and self._has_own(epoch):
            own = bisect.bisect_left(means, self._rivals.mean_key(self._own, epoch))
            middle += middle >= own
        return -means[middle] if self._rivals.direction == "maximize" else means[middle]

    def _has_own(self, epoch: int) -> bool:
        return self._own is not None and epoch in self._own.reports

    def __iter__(self) -> Iterator[RestoredTrial]:
        return (trial for trial in self._rivals.trials.values() if trial is not self._own)

    def __len__(self) -> int:
        return len(self._rivals.trials) - (self._own is not None)

    @overload
    def __getitem__(self, index: int) -> RestoredTrial: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RestoredTrial]: ...
    def __getitem__(self, index: int | slice) -> RestoredTrial | Sequence[RestoredTrial]:
        return list(self)[index]
