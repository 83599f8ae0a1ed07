"""Checkpoints go when their run has ended: nobody resumes it any more."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import final

from study.execution.assign import Places
from study.plan import (
    AnyEvent,
    FinalistEnded,
    Journal,
    RunRetried,
    TrainedRun,
    TrialEnded,
    TrialRun,
)


@final
class Sweeper:
    """Removes the checkpoints of every run that a journal says has ended, now and later."""

    def __init__(self, journal: Journal, places: Places) -> None:
        self._places = places
        # A kill may have come between the end of a run and the end of its checkpoints.
        for run in _ended(journal.events):
            self._remove(run)
        journal.listen(lambda _, event: self._sweep(event))

    def _sweep(self, event: AnyEvent) -> None:
        for run in _ended([event]):
            self._remove(run)

    def _remove(self, run: TrainedRun) -> None:
        shutil.rmtree(self._places.checkpoints(run), ignore_errors=True)


def _ended(events: Iterable[AnyEvent]) -> set[TrainedRun]:
    found: set[TrainedRun] = set()
    for event in events:
        match event:
            case TrialEnded():
                found.add(TrialRun(event.number))
            case FinalistEnded():
                found.add(event.run)
            case RunRetried():
                found.discard(event.run)
    return found
