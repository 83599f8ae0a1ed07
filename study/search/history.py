"""What is known of a trial: the value that samplers and stop rules are told.

The study's journal is the truth; this is what it says of one trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from study.search.domain import Value
from study.spec import TrialState


@final
@dataclass(frozen=True)
class RestoredTrial:
    """One trial as the journal tells it."""

    number: int
    """Place in the order of proposals, from 0."""

    params: Mapping[str, Value]
    """What was drawn, by dotted path; active parameters only."""

    state: TrialState
    """Where it stands."""

    value: float | None = None
    """The objective it ended with; a trial that is COMPLETE has one."""

    reports: Mapping[int, float] = field(default_factory=dict)
    """The objective at each rung, by epoch."""

    attrs: Mapping[str, Any] = field(default_factory=dict)
    """What the sampler keeps with the trial (a generation, ...): JSON values."""

    def __post_init__(self) -> None:
        if self.state is TrialState.COMPLETE and self.value is None:
            raise ValueError(f"trial {self.number} is COMPLETE and must have a value")

    @property
    def is_ranked(self) -> bool:
        """Whether it says how good its parameters are."""
        return self.state in {TrialState.COMPLETE, TrialState.PRUNED}

    @property
    def epoch(self) -> int:
        """The last rung it reported, in epochs; 0 before the first."""
        return max(self.reports, default=0)

    @property
    def latest(self) -> float:
        """The objective at the last rung; NaN before the first."""
        return self.reports.get(self.epoch, math.nan)


def settled(state: TrialState, value: float | None) -> TrialState:
    """Return how a trial with this objective really ended: not a finite number is a failure."""
    is_broken = value is not None and not math.isfinite(value)
    return TrialState.FAIL if is_broken and state is not TrialState.INFEASIBLE else state
