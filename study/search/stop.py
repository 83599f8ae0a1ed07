"""Stop rules: whether a trial goes on after a rung, from the values alone.

Families are ranked apart because the caller hands over the trials of one family only. The last
epoch of a trial is never asked about: nothing is left to save there.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, TypeAlias, final

from pydantic import Field

from study.errors import Problem
from study.search.history import RestoredTrial
from study.search.rivals import Others
from study.spec import Direction, Spec, is_better, one_of, sort_key

Epoch: TypeAlias = Annotated[int, Field(ge=1)]


class StopRule(Protocol):
    """Decides whether a trial goes on."""

    def keeps(self, trial: RestoredTrial, others: Others, direction: Direction) -> bool:
        """Return whether a trial goes on after the rung that it reported last.

        Args:
            trial: With a report; one whose latest is not finite is never kept.
            others: The other trials of its family, however far they are; a sequence.
            direction: Which way is better.
        """
        ...


@final
@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: at every rung the best 1/``reduction`` go on.

    A trial is ranked among those that reached the rung before it, so nobody waits and the
    first one always goes on (Li et al., 2020, arXiv:1810.05934, without late promotion).
    """

    rungs: tuple[int, ...]
    """Epochs at which trials are ranked, rising."""

    reduction: int
    """One in this many goes on; at least 2."""

    def keeps(
        self,
        trial: RestoredTrial,
        others: Others,
        direction: Direction,  # noqa: ARG002 - the others are in order
    ) -> bool:
        """Return whether the latest value is among the best at its rung; ties go on."""
        if not math.isfinite(trial.latest):
            return False
        if trial.epoch not in self.rungs:
            return True
        num_kept = max(1, (others.num_at(trial.epoch) + 1) // self.reduction)
        return others.num_better(trial.latest, trial.epoch) < num_kept


@final
@dataclass(frozen=True)
class Median:
    """Stops what at its best was worse than half of the others on average.

    That is: a trial whose best report so far is worse than the median of the others' means up
    to the same epoch (Golovin et al., 2017, "Google Vizier").
    """

    startup: int
    """Others that must have reached the rung before anything is stopped there; at least 1."""

    warmup: int
    """Nothing is stopped before this epoch."""

    def keeps(self, trial: RestoredTrial, others: Others, direction: Direction) -> bool:
        """Return whether the best so far is at least the median."""
        if not math.isfinite(trial.latest):
            return False
        if trial.epoch < self.warmup or others.num_at(trial.epoch) < self.startup:
            return True
        best = min(trial.reports.values(), key=lambda value: sort_key(value, direction))
        return not is_better(others.median_mean(trial.epoch), best, direction)


@final
@dataclass(frozen=True)
class Patience:
    """Stops what has not become better for some rungs, whatever the others do."""

    patience: int
    """Rungs without a new best after which a trial is stopped; at least 1."""

    def keeps(
        self,
        trial: RestoredTrial,
        others: Others,  # noqa: ARG002 - only its own history counts
        direction: Direction,
    ) -> bool:
        """Return whether one of the last ``patience`` reports is the best; ties are no gain."""
        if not math.isfinite(trial.latest):
            return False
        values = [sort_key(value, direction) for _, value in sorted(trial.reports.items())]
        return len(values) - 1 - values.index(min(values)) < self.patience


@final
@dataclass(frozen=True)
class Never:
    """Every trial runs to its last epoch."""

    def keeps(
        self,
        trial: RestoredTrial,
        others: Others,  # noqa: ARG002 - the rule looks at none of them
        direction: Direction,  # noqa: ARG002
    ) -> bool:
        """Return whether the latest value is finite."""
        return math.isfinite(trial.latest)


class StopSpec(Spec, ABC):
    """One stop rule and its settings."""

    rule: str = ""
    """The rule's row in ``STOP_RULES``; each spec fixes its own."""

    rungs: tuple[Epoch, ...] = Field(default=(1, 3, 9), min_length=1)
    """Epochs at which every trial is evaluated, checkpointed, reported and ranked; rising."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if the rungs do not rise."""
        if any(later <= earlier for earlier, later in itertools.pairwise(self.rungs)):
            yield Problem("rungs", f"must rise, not {', '.join(map(str, self.rungs))}")

    @abstractmethod
    def build(self) -> StopRule:
        """Return the rule."""


@final
class AshaSpec(StopSpec):
    """Keep the best 1/``reduction`` at each rung."""

    rule: Literal["asha"] = "asha"

    reduction: int = Field(default=3, ge=2)
    """One trial in this many goes on."""

    def build(self) -> Asha:
        """Return the rule."""
        return Asha(self.rungs, self.reduction)


@final
class MedianSpec(StopSpec):
    """Stop what at its best is worse than the median of the others' means."""

    rule: Literal["median"] = "median"

    startup: int = Field(default=5, ge=1)
    """Others that must have reached a rung before anything is stopped there."""

    warmup: int = Field(default=0, ge=0)
    """Nothing is stopped before this epoch."""

    def build(self) -> Median:
        """Return the rule."""
        return Median(self.startup, self.warmup)


@final
class PatienceSpec(StopSpec):
    """Stop what has not become better for some rungs."""

    rule: Literal["patience"] = "patience"

    patience: int = Field(default=2, ge=1)
    """Rungs without a new best after which a trial is stopped."""

    def build(self) -> Patience:
        """Return the rule."""
        return Patience(self.patience)


@final
class NeverSpec(StopSpec):
    """Stop no trial early."""

    rule: Literal["never"] = "never"

    def build(self) -> Never:
        """Return the rule."""
        return Never()


STOP_RULES: dict[str, type[StopSpec]] = {
    "asha": AshaSpec,
    "median": MedianSpec,
    "never": NeverSpec,
    "patience": PatienceSpec,
}

if TYPE_CHECKING:
    AnyStop: TypeAlias = StopSpec
else:
    AnyStop = one_of(STOP_RULES, "rule")
"""Type of a field that holds a stop rule, picked by its ``rule``."""
