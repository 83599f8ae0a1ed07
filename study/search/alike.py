"""Which trials a sampler sees: those with the pinned values, at most ``SHOWN`` of the ended.

Half of them are the best and half are the latest (docs/decisions/0007). They are chosen by
their numbers and values, not by when they ended, so a resumed study chooses the same.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from study.search.domain import Value
from study.search.history import RestoredTrial
from study.search.optuna_study import distributions, frozen
from study.search.space import Space
from study.spec import Direction, TrialState, sort_key

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SHOWN = 1000
"""Ended trials that a sampler sees at most."""


@final
class Alike:
    """The trials that have certain values, as Optuna knows them; kept up trial by trial.

    Args:
        space: What they were drawn from.
        direction: Which way is better.
        fixed: The values that they share, by path; Optuna does not learn of these paths.
    """

    def __init__(self, space: Space, direction: Direction, fixed: Mapping[str, Value]) -> None:
        self._direction = direction
        self._fixed = fixed
        self._domains = distributions(space, without=fixed)
        self._frozen: dict[int, FrozenTrial] = {}
        self._running: set[int] = set()
        self._ended: list[int] = []
        self._best: list[tuple[tuple[float, ...], int]] = []
        self.num_ranked = 0
        """Trials that say how good their parameters are."""

    def put(self, trial: RestoredTrial) -> None:
        """Take a trial that started, or one that ended; of a FAIL no sampler learns anything."""
        if any(trial.params.get(path) != value for path, value in self._fixed.items()):
            return
        number = trial.number
        self._running.discard(number)
        self._frozen.pop(number, None)
        if trial.state is TrialState.FAIL:
            return
        self._frozen[number] = frozen(trial, self._domains)
        if not trial.state.ended:
            self._running.add(number)
            return
        self.num_ranked += trial.is_ranked
        bisect.insort(self._ended, number)
        bisect.insort(self._best, (_rank(trial, self._direction), number))

    def shown(self) -> list[FrozenTrial]:
        """Return what a sampler sees, in the order of the numbers; running trials are all seen."""
        numbers = self._ended
        if len(numbers) > SHOWN:
            best = {number for _, number in self._best[: SHOWN // 2]}
            others = (number for number in reversed(self._ended) if number not in best)
            numbers = [*best, *itertools.islice(others, SHOWN - len(best))]
        return [self._frozen[number] for number in sorted([*numbers, *self._running])]


def _rank(trial: RestoredTrial, direction: Direction) -> tuple[float, ...]:
    """Return a key that sorts ended trials as Optuna's TPE does, best first."""
    match trial.state:
        case TrialState.COMPLETE:
            return 0, 0, sort_key(trial.value, direction)
        case TrialState.PRUNED:
            return 1, -trial.epoch if trial.reports else 1, sort_key(trial.latest, direction)
    return 2, 0, 0
