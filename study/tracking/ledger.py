"""From a study's events to what MLflow is to hold of them: values in, values out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias, final

from study.plan import (
    AnyEvent,
    FinalistEnded,
    FinalistRun,
    FinalistsRanked,
    LanesPlanned,
    ModelRegistered,
    Record,
    ReportWritten,
    RungReached,
    RunId,
    RunRetried,
    SessionStarted,
    StudyEnded,
    StudyStarted,
    TrainedRun,
    TrialEnded,
    TrialRun,
    TrialStarted,
)
from study.plan.trainlog import EpochLog
from study.spec import TrialState
from study.tracking.openings import Opening, Openings
from study.tracking.summary import summary_metrics, summary_tags
from study.tracking.writes import Point, Status, Write, points

_STATUS: Mapping[TrialState, Status] = {
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.FAIL: "FAILED",
    TrialState.INFEASIBLE: "FAILED",
}

_OfStudy: TypeAlias = (
    StudyStarted | SessionStarted | LanesPlanned | ModelRegistered | ReportWritten | StudyEnded
)

EpochsOf: TypeAlias = Callable[[TrainedRun], Iterable[EpochLog]]


@final
class Ledger:
    """Turns events into writes, one after another; remembers what they were about."""

    def __init__(self) -> None:
        self.epochs_of: EpochsOf = lambda _: ()
        """Returns what a run wrote of its epochs, which the journal does not hold."""
        self._record = Record()
        self._openings: Openings | None = None
        self._runs: dict[RunId, Opening] = {}
        """Runs of trials and finalists that have begun."""
        self._open: dict[RunId, Opening] = {}
        """Those of them that no event has ended."""
        self._is_live = False

    def take(self, event: AnyEvent) -> list[Write]:
        """Return the writes that ``event`` asks for: none if it says what was said before."""
        is_new = self._is_new(event)
        self._record.add(event)
        if isinstance(event, StudyStarted):
            self._openings = Openings(event)
        if self._openings is None or not is_new:
            return []
        if isinstance(event, _OfStudy):
            return list(self._of_study(event, self._openings))
        return list(self._of_run(event, self._openings))

    def park(self, time: float) -> list[Write]:
        """Return the writes for a study that is left unfinished: nothing stays RUNNING.

        The next SessionStarted takes them back.
        """
        if self._openings is None or not self._is_live:
            return []
        killed: Status = "KILLED"
        tags = {"trial.state": "INTERRUPTED"}
        writes = [Write(one, time, tags=tags, status=killed) for one in self._open.values()]
        tags = {"study.state": "INTERRUPTED"}
        return [*writes, Write(self._openings.study, time, tags=tags, status=killed)]

    def _is_new(self, event: AnyEvent) -> bool:
        record = self._record
        match event:
            case TrialStarted():
                return event.number not in record.started
            case TrialEnded():
                return event.number in record.started and event.number not in record.ended
            case RungReached():
                return event.epoch not in record.rungs.get(event.run, {})
            case FinalistEnded():
                return event.run not in record.finished
        return True

    def _of_study(self, event: _OfStudy, openings: Openings) -> Iterator[Write]:
        study, time = openings.study, event.time
        match event:
            case StudyStarted():
                self._is_live = True
                yield Write(study, time, opens=True, tags={"study.state": "RUNNING"})
            case SessionStarted():
                self._is_live = True
                tags = {"study.state": "RUNNING"}
                yield Write(study, time, tags=tags, status="RUNNING")
                tags = {"trial.state": TrialState.RUNNING.value, "reason": ""}
                for opening in self._open.values():
                    yield Write(opening, time, tags=tags, status="RUNNING")
            case StudyEnded():
                self._is_live = False
                yield from self._concluded(event, study)
            case ReportWritten():
                yield Write(study, time, report=event.path)
            case LanesPlanned() | ModelRegistered():
                yield Write(study, time, tags=_facts(event))

    def _of_run(self, event: AnyEvent, openings: Openings) -> Iterator[Write]:
        match event:
            case TrialStarted():
                settings = self._record.settings(event.number)
                yield self._begin(openings.trial(event, settings), event.time)
            case RungReached():
                yield from self._met(event, openings)
                yield from self._rung(event)
            case TrialEnded():
                run = TrialRun(event.number)
                yield from self._end(run, event.time, event.state, event.reason)
            case FinalistEnded():
                yield from self._met(event, openings)
                yield from self._finalist(event)
            case RunRetried() | FinalistsRanked():
                yield from self._marked(event)

    def _rung(self, event: RungReached) -> Iterator[Write]:
        if event.run in self._runs:
            values = points(event.metrics, event.time, event.epoch)
            values += self._epochs(event.run, event.epoch, event.metrics)
            yield Write(self._runs[event.run], event.time, points=values)

    def _epochs(
        self, run: TrainedRun, until: float, known: Mapping[str, float]
    ) -> tuple[Point, ...]:
        """Return how training went since the rung before, without what is known of ``until``."""
        rungs = self._record.rungs.get(run, {})
        since = max((epoch for epoch in rungs if epoch < until), default=0)
        return tuple(
            Point(name, value, line.time, line.epoch)
            for line in self.epochs_of(run)
            if line.ends_epoch and since < line.epoch <= until
            for name, value in line.metrics.items()
            if line.epoch < until or name not in known
        )

    def _marked(self, event: RunRetried | FinalistsRanked) -> Iterator[Write]:
        run = event.run if isinstance(event, RunRetried) else event.winner
        opening = self._runs.get(run)
        if opening is None:
            return
        if isinstance(event, RunRetried):
            yield self._begin(opening, event.time, opens=False)
        else:
            yield Write(opening, event.time, tags={"study.winner": "true"})

    def _begin(self, opening: Opening, time: float, *, opens: bool = True) -> Write:
        self._runs[opening.run] = self._open[opening.run] = opening
        tags = {"trial.state": TrialState.RUNNING.value, "reason": ""}
        return Write(opening, time, opens=opens, tags=tags, status=None if opens else "RUNNING")

    def _met(self, event: RungReached | FinalistEnded, openings: Openings) -> Iterator[Write]:
        """Begin a finalist's run with the first that is heard of it."""
        run, chosen = event.run, self._record.chosen
        if run in self._runs or not isinstance(run, FinalistRun) or chosen is None:
            return
        for one in chosen.configurations:
            if one.trial == run.trial:
                began = event.time - event.seconds
                settings = self._record.settings(run.trial)
                opening = openings.finalist(run, one, settings, began)
                yield self._begin(opening, event.time)

    def _finalist(self, event: FinalistEnded) -> Iterator[Write]:
        if event.run not in self._runs:
            return
        values = {f"val/{name}": value for name, value in event.val.items()}
        values |= {f"test/{name}": value for name, value in event.test.items()}
        step = max(self._record.rungs.get(event.run, {0: None}))
        tags = {"scorer": event.scorer or "", "threshold": str(event.threshold or "")}
        yield Write(
            self._runs[event.run],
            event.time,
            points=points(values, event.time, step),
            tags={key: value for key, value in tags.items() if value},
        )
        yield from self._end(event.run, event.time, event.state, event.reason)

    def _end(
        self, run: TrainedRun, time: float, state: TrialState, reason: str
    ) -> Iterator[Write]:
        opening = self._open.pop(run, None)
        if opening is not None:
            tags = {"trial.state": state.value} | ({"reason": reason} if reason else {})
            # One that failed came to no rung with its last epochs.
            rest = self._epochs(run, math.inf, {})
            yield Write(opening, time, points=rest, tags=tags, status=_STATUS[state])

    def _concluded(self, event: StudyEnded, study: Opening) -> Iterator[Write]:
        tags = {"trial.state": TrialState.FAIL.value, "reason": "the study ended first"}
        for opening in self._open.values():
            yield Write(opening, event.time, tags=tags, status="FAILED")
        result = self._record.result(running=False)
        yield Write(
            study,
            event.time,
            points=points(summary_metrics(result), event.time, 0),
            tags={"study.state": event.state, "reason": event.reason} | summary_tags(result),
            status=event.state,
        )


def _facts(event: LanesPlanned | ModelRegistered) -> dict[str, str]:
    if isinstance(event, LanesPlanned):
        numbers = {"lanes": str(event.lanes), "workers": str(event.workers)}
        return numbers | {"arithmetic": event.arithmetic}
    return {
        "model.uri": event.uri,
        "model.version": event.version,
        "model.aliases": ", ".join(event.aliases),
        "gate": "\n".join(event.gate),
    }
