"""What the live view shows of a study, kept up event by event.

Each event and each picture cost what they hold, however many trials have ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import final

from study.plan import (
    AnyEvent,
    Configuration,
    FinalistEnded,
    FinalistRun,
    LanesPlanned,
    Record,
    RungReached,
    RunRetried,
    TrialEnded,
    TrialResult,
    TrialRun,
    TrialStarted,
    best_trials,
)
from study.plan.best import standing
from study.spec import Direction

ROWS = 14
"""Trials in the live table: those that run and the latest that ended."""


@final
class Tally:
    """The events so far, with what a picture of them needs."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path()
        """The study's."""
        self.record = Record()
        self.planned: LanesPlanned | None = None
        """What the study runs on now; without lanes it waits for a machine."""
        self.best: TrialResult | None = None
        self._running: dict[int, None] = {}
        self._latest: deque[int] = deque(maxlen=ROWS)
        """The numbers of the trials that ended last."""
        self._ended_s = 0.0

    def add(self, event: AnyEvent) -> None:
        """Take one more event."""
        match event:
            case RunRetried(run=TrialRun(number=number)) if number in self.record.ended:
                self._ended_s -= self.record.trial(number).seconds
                self._latest = deque((n for n in self._latest if n != number), maxlen=ROWS)
                self._running[number] = None
        is_new = not isinstance(event, TrialEnded) or event.number not in self.record.ended
        self.record.add(event)
        match event:
            case LanesPlanned():
                self.planned = event
            case TrialStarted() if event.number not in self.record.ended:
                self._running[event.number] = None
            case RungReached(run=TrialRun(number=number)) if number in self.record.started:
                self._compare(number)
            case TrialEnded() if is_new and event.number in self.record.started:
                self._end(event.number)

    def _end(self, number: int) -> None:
        self._running.pop(number, None)
        self._latest.append(number)
        self._ended_s += self.trial(number).seconds
        self._compare(number)

    def _compare(self, number: int) -> None:
        """Keep the best trial up; only if it fails itself are all looked at again."""
        trial, best = self.trial(number), self.best
        if best is not None and best.number == number and trial.value is None:
            found = best_trials(map(self.trial, self.record.started), self.direction)
            self.best = next(iter(found), None)
        elif trial.value is not None and (
            best is None
            or best.number == number
            or standing(trial, self.direction) < standing(best, self.direction)
        ):
            self.best = trial

    @property
    def objective(self) -> str:
        """Dotted metric that decides."""
        return self.record.objective

    @property
    def direction(self) -> Direction:
        """Which way the objective is better."""
        return self.record.direction

    @property
    def lanes(self) -> int:
        """Trials at a time."""
        return self.planned.lanes if self.planned else 1

    @property
    def ended(self) -> int:
        """Trials that have ended."""
        return len(self.record.ended)

    @property
    def running(self) -> list[int]:
        """The numbers of the trials that run, in order."""
        return sorted(self._running)

    @property
    def seconds_per_trial(self) -> float | None:
        """Mean time of the trials that have ended; None if none has."""
        return self._ended_s / self.ended if self.ended else None

    def trial(self, number: int) -> TrialResult:
        """Return what is known of one trial."""
        return self.record.trial(number)

    def rows(self) -> list[TrialResult]:
        """Return the trials to show: the latest that ended, then those that run."""
        running = self.running[:ROWS]
        room = ROWS - len(running)
        ended = list(self._latest)[-room:] if room else []
        return [self.trial(number) for number in [*ended, *running]]

    def configurations(self) -> tuple[Configuration, ...]:
        """Return the finalists; empty while the search lasts."""
        return self.record.chosen.configurations if self.record.chosen else ()

    def seeds(self, one: Configuration) -> Iterator[tuple[int, FinalistEnded | None]]:
        """Yield a finalist's seeds with how each ended; None if it has not."""
        chosen = self.record.chosen
        for seed in chosen.seeds if chosen else ():
            yield seed, self.record.finished.get(FinalistRun(one.trial, seed))
