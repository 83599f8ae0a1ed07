"""How a trial stands or ended."""

from __future__ import annotations

from enum import StrEnum
from typing import final


@final
class TrialState(StrEnum):
    """State of one trial; the sampler is told each for what it is."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    """Reached its last epoch."""
    PRUNED = "PRUNED"
    """Stopped at a rung because others were better there."""
    FAIL = "FAIL"
    """NaN, an exception, a dead worker or a time limit."""
    INFEASIBLE = "INFEASIBLE"
    """Cannot be run as drawn, whatever the machine."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of this trial."""
        return self is not TrialState.RUNNING

    @property
    def failed(self) -> bool:
        """Whether it ended without a value that counts, by its own fault."""
        return self in {TrialState.FAIL, TrialState.INFEASIBLE}
