"""Stop rules: whether a trial goes on after a rung, from the values alone.

Families are ranked apart because the caller hands over the values of one family only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, TypeAlias, final

from pydantic import Field

from study.errors import Problem
from study.spec import Direction, Spec, is_better

Epoch: TypeAlias = Annotated[int, Field(ge=1)]


class StopRule(Protocol):
    """Decides whether a trial goes on."""

    def keeps(
        self, epoch: int, value: float, others: Sequence[float], direction: Direction
    ) -> bool:
        """Return whether a trial that reached ``value`` at ``epoch`` goes on.

        Args:
            epoch: Epochs trained, from 1.
            value: Its objective; one that is not finite is never kept.
            others: What the other trials of its family had at this epoch, as far as they
                got there; NaN counts as worst.
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
    """Epochs at which trials are ranked, rising; at the last, nothing is left to save."""

    reduction: int
    """One in this many goes on; at least 2."""

    def keeps(
        self, epoch: int, value: float, others: Sequence[float], direction: Direction
    ) -> bool:
        """Return whether ``value`` is among the best; ties go on."""
        if not math.isfinite(value):
            return False
        if epoch not in self.rungs[:-1]:
            return True
        num_kept = max(1, (len(others) + 1) // self.reduction)
        return sum(is_better(other, value, direction) for other in others) < num_kept


@final
@dataclass(frozen=True)
class Never:
    """Every trial runs to its last epoch."""

    def keeps(
        self,
        epoch: int,  # noqa: ARG002 - the rule looks at none of them
        value: float,
        others: Sequence[float],  # noqa: ARG002
        direction: Direction,  # noqa: ARG002
    ) -> bool:
        """Return whether ``value`` is finite."""
        return math.isfinite(value)


@final
class AshaSpec(Spec):
    """Keep the best 1/``reduction`` at each rung."""

    rule: Literal["asha"] = "asha"

    rungs: tuple[Epoch, ...] = Field(default=(1, 3, 9), min_length=1)
    """Epochs at which every trial is evaluated, checkpointed, reported and ranked; rising."""

    reduction: int = Field(default=3, ge=2)
    """One trial in this many goes on."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if the rungs do not rise."""
        yield from _rung_problems(self.rungs)

    def build(self) -> Asha:
        """Return the rule."""
        return Asha(self.rungs, self.reduction)


@final
class NeverSpec(Spec):
    """Stop no trial early."""

    rule: Literal["never"] = "never"

    rungs: tuple[Epoch, ...] = Field(default=(1, 3, 9), min_length=1)
    """Epochs at which every trial is evaluated, checkpointed and reported; rising."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if the rungs do not rise."""
        yield from _rung_problems(self.rungs)

    def build(self) -> Never:
        """Return the rule."""
        return Never()


def _rung_problems(rungs: tuple[int, ...]) -> Iterator[Problem]:
    if any(later <= earlier for earlier, later in itertools.pairwise(rungs)):
        yield Problem("rungs", f"must rise, not {', '.join(map(str, rungs))}")


AnyStop: TypeAlias = Annotated[AshaSpec | NeverSpec, Field(discriminator="rule")]
"""Type of a field that holds a stop rule, picked by its ``rule``."""

STOP_RULES: dict[str, type[AshaSpec | NeverSpec]] = {
    "asha": AshaSpec,
    "never": NeverSpec,
}
