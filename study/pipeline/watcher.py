"""Whoever sees a study at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, final

from study.plan import Journal

if TYPE_CHECKING:
    from study.execution.watch import LaneStatus


class Watcher(Protocol):
    """Whoever wants to see a study at work."""

    def follow(self, journal: Journal) -> None:
        """Is called once, as work begins; may listen to the journal."""
        ...

    def notice(self, line: str) -> None:
        """Show one line that the user should read."""
        ...

    def see_lanes(self, lanes: Sequence[LaneStatus]) -> None:
        """Is told every other second what the lanes are doing, from another thread."""
        ...


@final
class Nobody:
    """Watches nothing."""

    def follow(self, journal: Journal) -> None:
        """Do nothing."""

    def notice(self, line: str) -> None:
        """Do nothing."""

    def see_lanes(self, lanes: Sequence[LaneStatus]) -> None:
        """Do nothing."""
