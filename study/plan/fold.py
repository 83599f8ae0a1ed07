"""From the journal's events to what is known of the study.

A record grows event by event and keeps what it was asked: a view that looks at a running study
again and again pays for what happened in between, not for all trials.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, final

from study.errors import ConfigError
from study.plan.draw import draw
from study.plan.events import (
    AnyEvent,
    Configuration,
    FinalistEnded,
    FinalistsChosen,
    FinalistsRanked,
    LanesPlanned,
    ModelRegistered,
    ReportWritten,
    RungReached,
    RunOpened,
    RunRetried,
    SessionStarted,
    SettingsChanged,
    StudyEnded,
    StudyInterrupted,
    StudyStarted,
    TrialEnded,
    TrialStarted,
)
from study.plan.phases import Phases
from study.plan.result import (
    FinalistResult,
    ModelResult,
    Rung,
    SeedResult,
    StudyResult,
    StudyState,
    TrialResult,
    direction_of,
)
from study.plan.runs import FinalistRun, RunId, StudyRun, TrainedRun, TrialRun
from study.plan.stored import shown_study, study_of
from study.plan.study import StudySpec
from study.search import Paces
from study.spec import Direction, TrialState

E = TypeVar("E")


def fold(events: Sequence[AnyEvent], *, running: bool) -> StudyResult:
    """Return what the events say.

    Args:
        events: A journal's events; the first is its StudyStarted.
        running: Whether a process is at work on the study now.
    """
    return record_of(events).result(running=running)


def record_of(events: Iterable[AnyEvent]) -> Record:
    """Return what ``events`` say, sorted by what they are about."""
    record = Record()
    for event in events:
        record.add(event)
    return record


@final
class Record:
    """The events so far, sorted by what they are about; grows with :meth:`add`."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.started: dict[int, TrialStarted] = {}
        self.ended: dict[int, TrialEnded] = {}
        self.rungs: dict[RunId, dict[int, Rung]] = defaultdict(dict)
        """By run, then by epoch."""
        self.run_ids: dict[RunId, str] = {}
        self.finished: dict[FinalistRun, FinalistEnded] = {}
        self.chosen: FinalistsChosen | None = None
        self.spec: dict[str, Any] = {}
        """The study as it was begun, with the settings changed since."""
        self.losses: Counter[str] = Counter()
        """Trials started, by loss."""
        self.paces = Paces()
        """Seconds per epoch of the runs."""
        self.changes: tuple[str, ...] = ()
        """Settings that were changed on resume, in words."""
        self._phases = Phases()
        self._study: StudySpec | None = None
        self._redrawn: dict[int, dict[str, Any]] = {}
        self._latest: dict[type, AnyEvent] = {}
        """The last event of each kind; the latest of these comes last."""
        self._trials: dict[int, TrialResult] = {}
        """What was asked of a trial since the last event about it."""

    def add(self, event: AnyEvent) -> None:
        """Take one more event; a fact that is told twice counts once."""
        self.events.append(event)
        self._phases.add(event)
        self._latest.pop(type(event), None)
        self._latest[type(event)] = event
        match event:
            case StudyStarted() | SettingsChanged():
                self.spec, self._study = event.spec, None
                self._trials.clear()
                self.changes += event.changes if isinstance(event, SettingsChanged) else ()
            case TrialStarted() | TrialEnded():
                self._of_trial(event)
            case RungReached() | RunOpened() | RunRetried():
                self._of_run(event)
            case FinalistsChosen():
                self.chosen = event
            case FinalistEnded():
                self.finished.setdefault(event.run, event)

    def _of_trial(self, event: TrialStarted | TrialEnded) -> None:
        self._trials.pop(event.number, None)
        if isinstance(event, TrialEnded):
            self.ended.setdefault(event.number, event)
        elif event.number not in self.started:
            self.started[event.number] = event
            self.losses[event.loss] += 1

    def _of_run(self, event: RungReached | RunOpened | RunRetried) -> None:
        if isinstance(event.run, TrialRun):
            self._trials.pop(event.run.number, None)
        match event:
            case RunOpened():
                self.run_ids[event.run] = event.run_id
            case RunRetried():
                self._retry(event.run)
            case RungReached():
                rung = Rung(epoch=event.epoch, metrics=event.metrics, seconds=event.seconds)
                rungs = self.rungs[event.run]
                rungs.setdefault(event.epoch, rung)
                self.paces.put(event.run, sum(r.seconds for r in rungs.values()), max(rungs))

    def _retry(self, run: TrainedRun) -> None:
        self.rungs.pop(run, None)
        self.paces.drop(run)
        if isinstance(run, FinalistRun):
            self.finished.pop(run, None)
            return
        self.ended.pop(run.number, None)
        if self.chosen is not None and not self.chosen.configurations:
            # No trial had a value: now one may get one.
            self.chosen = None

    def seconds_spent(self, now: float) -> float:
        """Return the wall time of all sessions, of which one is at work, up to ``now``."""
        return self._phases.spent(now)

    @property
    def study(self) -> StudySpec:
        """The study as this version reads it; what it cannot read has its default."""
        if self._study is None:
            self._study = shown_study(self.spec, self.begun.given)
        return self._study

    @property
    def begun(self) -> StudyStarted:
        """The first event."""
        return next(event for event in self.events if isinstance(event, StudyStarted))

    def stored(self) -> StudySpec:
        """Return the study as this version would run it.

        Raises:
            ConfigError: If this version cannot: with every problem.
        """
        return study_of(self.spec, self.begun.given)

    @property
    def objective(self) -> str:
        """Dotted metric that decides."""
        return str(self.spec["objective"])

    @property
    def direction(self) -> Direction:
        """Which way the objective is better."""
        return direction_of(self.objective)

    def state(self, *, running: bool) -> StudyState:
        """Return how the study stands; ``running``: whether a process is at work on it."""
        return _state(self._end(), running=running)

    def result(self, *, running: bool) -> StudyResult:
        """Return what is known now; needs at least the StudyStarted."""
        study, objective = self.begun, self.objective
        ranked, ended = self._last(FinalistsRanked), self._end()
        finalists = self._finalists(ranked, objective.partition("/")[2])
        session, report = self._last(SessionStarted), self._last(ReportWritten)
        lanes = self._last(LanesPlanned)
        return StudyResult(
            name=study.name,
            state=_state(ended, running=running),
            reason=ended.reason if ended and not running else "",
            spec=self.spec,
            study=self.study,
            spec_digest=study.spec_digest,
            dataset_digest=study.dataset_digest,
            label_names=study.label_names,
            sizes=study.sizes,
            git_commit=study.git_commit,
            objective=objective,
            tracking_uri=session.tracking_uri if session else None,
            parent_run_id=self.run_ids.get(StudyRun()),
            trials=tuple(self.trial(number) for number in self.started),
            finalists=finalists,
            baseline=next((one for one in finalists if one.is_baseline), None),
            winner=next((one for one in finalists if one.rank == 1), None),
            winner_run=ranked.winner if ranked else None,
            model=self._model(),
            report=report.path if report else None,
            seconds=self._phases.seconds(),
            started=study.time,
            arithmetic=lanes.arithmetic if lanes else None,
            changes=self.changes,
        )

    def _last(self, kind: type[E]) -> E | None:
        event = self._latest.get(kind)
        return event if isinstance(event, kind) else None

    def _end(self) -> StudyEnded | StudyInterrupted | None:
        """Return how the last session ended; None if it was killed or is at work."""
        marks = (StudyEnded, StudyInterrupted, SessionStarted)
        last = next(
            (one for one in reversed(self._latest.values()) if isinstance(one, marks)), None
        )
        return None if isinstance(last, SessionStarted) else last

    def _rungs(self, run: RunId) -> tuple[Rung, ...]:
        rungs = self.rungs.get(run, {})
        return tuple(rung for _, rung in sorted(rungs.items()))

    def trial(self, number: int) -> TrialResult:
        """Return what is known of one trial."""
        if number not in self._trials:
            self._trials[number] = self._trial(number)
        return self._trials[number]

    def _trial(self, number: int) -> TrialResult:
        start, end = self.started[number], self.ended.get(number)
        run = TrialRun(number)
        rungs = self._rungs(run)
        state = end.state if end else TrialState.RUNNING
        return TrialResult(
            number=start.number,
            state=state,
            params=start.params,
            value=rungs[-1].metrics.get(self.objective) if rungs and not state.failed else None,
            epoch=rungs[-1].epoch if rungs else None,
            seconds=sum(rung.seconds for rung in rungs),
            run_id=self.run_ids.get(run),
            loss=start.loss,
            family=start.family,
            digest=start.digest,
            reason=end.reason if end else "",
            rungs=rungs,
            settings=self.settings(number),
        )

    def settings(self, number: int) -> dict[str, Any]:
        """Return all settings of a trial as plain data; empty if the point is no trial.

        Trials of journals of version 1 are drawn again: only what was drawn was kept.
        """
        start = self.started.get(number)
        if start is None or start.spec or not start.digest:
            return start.spec if start else {}
        if number not in self._redrawn:
            self._redrawn[number] = _redrawn(self.study, start.params)
        return self._redrawn[number]

    def _finalists(
        self, ranked: FinalistsRanked | None, metric: str
    ) -> tuple[FinalistResult, ...]:
        if self.chosen is None:
            return ()
        seeds = self.chosen.seeds
        found = [
            self._finalist(
                one, ranked, tuple(self._seed(one.trial, seed, metric) for seed in seeds)
            )
            for one in self.chosen.configurations
        ]
        ordered = sorted(found, key=lambda one: (one.rank is None, one.rank or one.place))
        return tuple(_with_strongest_baseline(ordered) if ranked else ordered)

    def _finalist(
        self,
        chosen: Configuration,
        ranked: FinalistsRanked | None,
        seeds: tuple[SeedResult, ...],
    ) -> FinalistResult:
        rankings = ranked.rankings if ranked else ()
        ranking = next((one for one in rankings if one.trial == chosen.trial), None)
        return FinalistResult(
            rank=ranking.rank if ranking else None,
            params=chosen.params,
            seeds=seeds,
            val=ranking.val if ranking else None,
            test=ranking.test if ranking else None,
            place=chosen.place,
            trial=chosen.trial,
            loss=chosen.loss,
            family=chosen.family,
            is_baseline=chosen.is_baseline,
            settings=self.settings(chosen.trial),
        )

    def _seed(self, trial: int, seed: int, metric: str) -> SeedResult:
        run = FinalistRun(trial, seed)
        end, rungs = self.finished.get(run), self._rungs(run)
        return SeedResult(
            seed=seed,
            run_id=self.run_ids.get(run),
            val=end.val.get(metric) if end else None,
            test=end.test.get(metric) if end else None,
            state=end.state if end else TrialState.RUNNING,
            scorer=end.scorer if end else None,
            threshold=end.threshold if end else None,
            val_metrics=end.val if end else {},
            test_metrics=end.test if end else {},
            folder=end.folder if end else None,
            seconds=sum(rung.seconds for rung in rungs) + (end.seconds if end else 0.0),
            rungs=rungs,
            reason=end.reason if end else "",
        )

    def _model(self) -> ModelResult | None:
        event = self._last(ModelRegistered)
        if event is None:
            return None
        return ModelResult(
            name=event.name,
            version=event.version,
            aliases=event.aliases,
            uri=event.uri,
            gate=event.gate,
        )


def _with_strongest_baseline(ranked: Sequence[FinalistResult]) -> list[FinalistResult]:
    """Call the best-ranked classifier the baseline, whichever the search had left best."""
    best = next((one for one in ranked if one.family == "classifier" and one.rank), None)
    return [one.model_copy(update={"is_baseline": one is best}) for one in ranked]


def _state(ended: StudyEnded | StudyInterrupted | None, *, running: bool) -> StudyState:
    if running:
        return "RUNNING"
    return ended.state if isinstance(ended, StudyEnded) else "INTERRUPTED"


def _redrawn(study: StudySpec, params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return draw(study.trial, study.dataset, params).model_dump(mode="json")
    except ConfigError:
        return dict(params)
