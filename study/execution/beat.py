"""Signs of life of a worker, and when the lack of them is a failure.

Every worker says every ``BEAT_S`` seconds what it is at, from a thread of its own. Two rules:

- A worker that trains must end a step within the time limit. Its heartbeats alone do not
  count: they come from a worker that waits for another one for ever, too.
- Whatever else it does may take as long as it takes, evaluating a large split or probing, as
  long as heartbeats come. Without any for the time limit its process is frozen.

A start is never too slow: the rules hold from the moment the whole group took a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

BEAT_S = 2.0
"""Seconds between two heartbeats of a worker."""

TRAINING = "training"
"""The phase whose steps are timed."""


@final
@dataclass(frozen=True)
class Beat:
    """What a worker is at."""

    phase: str
    """One of :data:`study.training.progress.Phase`, or ``idle``."""

    step: int = 0
    steps: int = 0
    """Training steps done, and of the whole run; 0 while nothing is known."""


@final
@dataclass
class Pulse:
    """The heartbeats of one rank, as they are heard. Times are of a monotonic clock."""

    beat: Beat
    heard: float
    """When the last one came."""
    moved: float
    """When one last said something new."""

    def hear(self, beat: Beat, now: float) -> None:
        """Take one heartbeat."""
        if beat != self.beat:
            self.beat, self.moved = beat, now
        self.heard = now

    def stall(self, now: float, limit_s: float) -> str | None:
        """Return why the rank has failed its job; None as long as it has not."""
        beat = self.beat
        if now - self.heard > limit_s:
            return f"no sign of life for {limit_s:.0f} s while {beat.phase}"
        if beat.phase == TRAINING and now - self.moved > limit_s:
            return f"training step {beat.step + 1} of {beat.steps} took over {limit_s:.0f} s"
        return None
