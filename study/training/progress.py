"""What a trial says of itself while it works, to whoever watches over it."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias, final

Phase: TypeAlias = Literal[
    "starting", "building", "training", "evaluating", "probing", "finishing", "checkpointing"
]
"""What a worker can be at."""


class Progress(Protocol):
    """Is told of every phase and every step; must return at once and never raise."""

    def phase(self, name: Phase) -> None:
        """Take note that a phase begins, and that the last one is over."""
        ...

    def step(self, step: int, steps: int) -> None:
        """Take note that a training step ended.

        Args:
            step: Steps done.
            steps: Steps of the whole trial.
        """
        ...


@final
class Unwatched:
    """Progress that nobody looks at."""

    def phase(self, name: Phase) -> None:
        """Do nothing."""

    def step(self, step: int, steps: int) -> None:
        """Do nothing."""
