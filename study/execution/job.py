"""What a lane is asked to do: values that survive the trip to another process.

The mailbox's process reads them too, so nothing here may import torch when it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from study.plan import TrialSpec


@final
@dataclass(frozen=True)
class Assignment:
    """One run, from its first epoch to its last: a trial of the search, or a finalist."""

    run: str
    """``trial/NUMBER`` or ``finalist/TRIAL/SEED``: the text of its :class:`study.plan.RunId`."""

    spec: dict[str, Any]
    """The TrialSpec as plain data."""

    rungs: tuple[int, ...]
    """Epochs at which the run is evaluated and reported; the last is its last epoch."""

    data: str
    """Folder of the prepared data; the same path on every node."""

    checkpoints: str
    """Folder of this run's checkpoints; the same path on every node."""

    metric: str
    """The objective without its split."""

    digest: str = ""
    """Digest of the trial as it was stored; checkpoints of another are not its own."""

    finish: str | None = None
    """Where a finalist leaves its model and scores; None for a trial of the search."""

    provenance: dict[str, Any] | None = None
    """What a finalist's model says of where it comes from."""

    def trial_spec(self) -> TrialSpec:
        """Return the spec of the run's trial."""
        from study.plan import TrialSpec
        from study.spec import parse

        return parse(TrialSpec, self.spec)

    def checkpoint(self, epoch: int) -> Path:
        """Return where the checkpoint of an epoch lies."""
        return Path(self.checkpoints) / f"epoch-{epoch}"

    def next_rung(self, done: int) -> int:
        """Return the first rung after ``done`` epochs, or ``done`` if that was the last."""
        return next((rung for rung in self.rungs if rung > done), done)


@final
@dataclass(frozen=True)
class Job:
    """One rung of one run. Doing it twice does no harm: a restarted worker group asks again."""

    assignment: Assignment
    done: int
    """Epochs behind it, with a checkpoint on disk if above 0."""

    until: int
    """Epochs behind it when the job is done; equal to ``done`` if only finishing is left."""

    fresh: bool
    """Whether workers must build the trial anew even if they hold it at ``done``."""

    @property
    def finishes(self) -> bool:
        """Whether the run is a finalist that ends with this job."""
        return self.assignment.finish is not None and self.until == self.assignment.rungs[-1]


@final
@dataclass(frozen=True)
class Report:
    """What came of a job."""

    run: str
    epoch: int
    metrics: dict[str, float]
    failed: str | None = None
    """Why the run ended here; None if it did not fail."""

    is_machine_fault: bool = False
    """Whether the machine failed and not the trial: the study is interrupted, the run kept."""

    outcome: dict[str, Any] | None = None
    """What a finalist ended with."""
