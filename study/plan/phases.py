"""Wall time of a study by phase, kept up event by event."""

from __future__ import annotations

from typing import final

from study.plan.events import (
    AnyEvent,
    FinalistsChosen,
    FinalistsRanked,
    RunOpened,
    RunRetried,
    SessionStarted,
    SettingsChanged,
)
from study.plan.result import Seconds


@final
class Phases:
    """Seconds of search, finalists and report; time between sessions belongs to none."""

    def __init__(self) -> None:
        self._spent = {"search": 0.0, "finalists": 0.0, "report": 0.0}
        self._phase = "search"
        self._last: float | None = None

    def add(self, event: AnyEvent) -> None:
        """Count the time up to ``event``, and begin the phase that it begins."""
        if isinstance(event, RunOpened | SettingsChanged | RunRetried):
            # A run is opened by the mirror's thread, with a time of its own; the others come
            # just before their session starts.
            return
        if self._last is not None and not isinstance(event, SessionStarted):
            self._spent[self._phase] += max(event.time - self._last, 0.0)
        self._last = event.time
        if isinstance(event, FinalistsChosen):
            self._phase = "finalists"
        elif isinstance(event, FinalistsRanked):
            self._phase = "report"

    def seconds(self) -> Seconds:
        """Return the wall time of each phase up to the last event."""
        return Seconds(**self._spent)

    def spent(self, now: float) -> float:
        """Return the wall time of all phases up to ``now``, in a session that is at work."""
        running = 0.0 if self._last is None else max(now - self._last, 0.0)
        return sum(self._spent.values()) + running
