"""What runs next, and what becomes of a run: the study's decisions, without Ray.

The conductor turns values into values: an assignment when a lane is free, continue or stop
when a report comes. Every fact is in the journal before anybody acts on it, so a conductor
made from the journal of a killed study continues where that one was.

Longer than other modules: it is one state machine, and each event and each decision of a run
changes the same few sets.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, final

from study.errors import ConfigError, DataError, MachineError, StoreError
from study.execution.assign import Assigner, Places
from study.execution.choose import choose_finalists
from study.execution.hours import Hours
from study.execution.job import Assignment, Report
from study.losses import LOSSES
from study.plan import (
    FinalistEnded,
    FinalistRun,
    FinalistsChosen,
    Journal,
    RungReached,
    StudySpec,
    TrainedRun,
    TrialEnded,
    TrialRun,
    TrialSpec,
    TrialStarted,
    digest_of,
    draw,
    now,
    parse_trained,
    record_of,
)
from study.plan.events import OUT_OF_TIME
from study.search import (
    Proposer,
    RestoredTrial,
    Rivals,
    next_classifier,
)
from study.spec import TrialState

MAX_LOSSES = 3
"""How often a run may lose its lane within one rung."""


@final
class Nothing(Enum):
    """Why there is no assignment."""

    YET = "a running trial must end first"
    EVER = "all is done"


@final
class Conductor:
    """See the module's docstring."""

    def __init__(
        self,
        spec: StudySpec,
        journal: Journal,
        places: Places,
        *,
        lanes: int = 1,
        clock: Callable[[], float] = now,
    ) -> None:
        self._spec = spec
        self._journal = journal
        self._places = places
        self.lanes = lanes
        """Trials at a time; may change as nodes come and go."""
        self._clock = clock
        (self._objective,) = spec.objectives
        self._direction = self._objective.direction
        self._stop = spec.stop.build()
        self._space = spec.search_space()
        self._proposer = Proposer(
            self._space, self._direction, sampler=spec.search.sampler, seed=spec.search.seed
        )
        self.record = record_of(journal.events)
        journal.listen(lambda _, event: self.record.add(event))
        self._hours = Hours(spec, self.record, clock)
        self._assigner = Assigner(spec, self.record, places, self._objective.name)
        trials = [self._restored(number) for number in self.record.started]
        self._proposer.restore(trials)
        self._rivals: dict[str, Rivals] = defaultdict(lambda: Rivals(self._direction))
        """Trials by their family."""
        for trial in trials:
            self._rivals_of(trial.number).put(trial)
        self._live: set[TrainedRun] = set()
        self._losses: Counter[TrainedRun] = Counter()
        """How often a run lost its lane since its last rung."""
        self._waiting: deque[TrainedRun] = deque(self._left_behind())
        self.interrupted: MachineError | None = None
        """Why the study must be interrupted, if it must."""

    # What runs next.

    def next(self) -> Assignment | Nothing:
        """Return the next run, if a lane is free for it.

        Raises:
            MachineError: If the study must be interrupted.
        """
        self._require_no_interruption()
        while len(self._live) < self.lanes:
            while not self._waiting and self._wants_trial():
                self._start_trial()
            if not self._waiting and not self._live and self.record.chosen is None:
                self._choose_finalists()
            self._trim_seeds()
            if not self._waiting:
                break
            assignment = self._assigned(self._waiting.popleft())
            if assignment is not None:
                return assignment
        return Nothing.YET if self._live else Nothing.EVER

    def _assigned(self, run: TrainedRun) -> Assignment | None:
        """Return a run as a lane takes it; None if its data cannot be prepared.

        Raises:
            MachineError: If the machine is why.
        """
        self._live.add(run)
        try:
            return self._assigner.assign(run)
        except (ConfigError, DataError) as error:
            self._end(run, TrialState.INFEASIBLE, str(error))
        except (MachineError, StoreError) as error:
            self._interrupt(str(error))
        return None

    def expire(self) -> list[TrainedRun]:
        """End the trials that run past the time for the search; return those to be stopped.

        Such a trial is pruned at its last rung. Of one without a rung the sampler learns
        nothing.
        """
        if self.record.chosen is not None or self._hours.allow_search(self.lanes):
            return []
        expired: list[TrainedRun] = [run for run in self._live if isinstance(run, TrialRun)]
        for run in expired:
            self._end(run, TrialState.PRUNED, OUT_OF_TIME)
        return expired

    def _left_behind(self) -> Sequence[TrainedRun]:
        """Return the runs that a killed session did not finish."""
        numbers = self.record.started.keys() - self.record.ended.keys()
        trials = [TrialRun(number) for number in sorted(numbers)]
        return [*trials, *self._finalists_left()]

    def _finalists_left(self) -> list[FinalistRun]:
        chosen = self.record.chosen
        if chosen is None:
            return []
        # Seed by seed: were time to run out, every configuration would have had the same.
        runs = [
            FinalistRun(one.trial, seed) for seed in chosen.seeds for one in chosen.configurations
        ]
        return [run for run in runs if run not in self.record.finished]

    def _trim_seeds(self) -> None:
        """Leave out the finalists' later seeds once the hours are used up."""
        chosen = self.record.chosen
        if chosen is None or not self._hours.are_over():
            return
        for run in list(self._waiting):
            # One seed of each is the least that an answer takes.
            if isinstance(run, FinalistRun) and run.seed != chosen.seeds[0]:
                self._waiting.remove(run)
                self._end(run, TrialState.PRUNED, OUT_OF_TIME)

    def _wants_trial(self) -> bool:
        is_search = self.record.chosen is None
        is_left = len(self.record.started) < self._spec.budget.trials
        return is_search and is_left and self._hours.allow_trial(self.lanes)

    @property
    def known_trials(self) -> tuple[RestoredTrial, ...]:
        """The trials as the sampler knows them."""
        return self._proposer.trials

    def _start_trial(self) -> None:
        trial = self._proposer.ask(self._pinned())
        try:
            spec = draw(self._spec.trial, self._spec.dataset, trial.params)
        except ConfigError as error:
            self._open_trial(trial, None)
            self._end_trial(trial.number, TrialState.INFEASIBLE, str(error))
            return
        self._open_trial(trial, spec)
        self._waiting.append(TrialRun(trial.number))

    def _pinned(self) -> dict[str, Any]:
        """Return the loss that the classifiers' share of the trials asks for, if any."""
        choices = self._space.choices("loss.name")
        classifiers = [name for name in choices if LOSSES[str(name)].family == "classifier"]
        share = self._spec.search.classifier_share
        name = next_classifier(self.record.losses, [str(one) for one in classifiers], share)
        alone = len(classifiers) == len(choices)
        return {} if name is None or alone else {"loss.name": name}

    def _open_trial(self, trial: RestoredTrial, spec: TrialSpec | None) -> None:
        loss = spec.loss.name if spec else str(trial.params.get("loss.name", ""))
        self._journal.append(
            TrialStarted(
                time=self._clock(),
                number=trial.number,
                params=dict(trial.params),
                digest=digest_of(spec) if spec else "",
                loss=loss,
                family=LOSSES[loss].family if loss in LOSSES else "contrastive",
                spec=spec.model_dump(mode="json") if spec else {},
                sampler_attrs=dict(trial.attrs),
            )
        )

    def _choose_finalists(self) -> None:
        trials = [self.record.trial(n) for n in self.record.started]
        chosen = choose_finalists(trials, top=self._spec.finalists.top, direction=self._direction)
        # Not the search's seed: what was lucky with it must prove itself with others.
        first = self._spec.trial.seed + 1
        seeds = range(first, first + self._hours.seeds(self.lanes))
        self._journal.append(
            FinalistsChosen(time=self._clock(), configurations=chosen, seeds=tuple(seeds))
        )
        self._waiting.extend(self._finalists_left())

    # What becomes of a run.

    def hear(self, report: Report) -> bool:
        """Take a report; return whether the run continues.

        Raises:
            MachineError: If it reports a fault of the machine: the study must be interrupted.
        """
        run = parse_trained(report.run)
        if run not in self._live:
            return False
        if report.failed is not None and report.is_machine_fault:
            self._interrupt(report.failed)
        if report.failed is not None:
            self._end(run, TrialState.FAIL, report.failed)
            return False
        self._note_rung(run, report)
        if isinstance(run, FinalistRun):
            return self._hear_finalist(run, report)
        return self._hear_trial(run, report.epoch)

    def lose(self, name: str, reason: str) -> None:
        """Take note that a run lost its lane: it runs again from its last checkpoint.

        Raises:
            MachineError: If that happened too often since the run's last rung.
        """
        self._require_no_interruption()
        run = parse_trained(name)
        if run not in self._live:
            return
        self._losses[run] += 1
        if self._losses[run] == MAX_LOSSES:
            self._interrupt(f"{run} lost its lane {MAX_LOSSES} times in one rung: {reason}")
        self._live.discard(run)
        self._waiting.appendleft(run)

    def _require_no_interruption(self) -> None:
        """Raise again: Tune may take the first time for the end of one run."""
        if self.interrupted is not None:
            raise self.interrupted

    def _interrupt(self, reason: str) -> None:
        self.interrupted = MachineError(reason)
        raise self.interrupted

    def _note_rung(self, run: TrainedRun, report: Report) -> None:
        if not report.metrics or report.epoch in self.record.rungs[run]:
            return
        event = RungReached(
            time=self._clock(),
            run=run,
            epoch=report.epoch,
            metrics={name: v for name, v in report.metrics.items() if math.isfinite(v)},
            seconds=report.metrics.get("perf/seconds", 0.0),
        )
        self._journal.append(event)
        self._losses.pop(run, None)

    def _hear_trial(self, run: TrialRun, epoch: int) -> bool:
        value = self.record.rungs[run][epoch].metrics.get(self._objective.metric)
        if value is None:
            self._end(run, TrialState.FAIL, f"{self._objective.metric}: must be finite")
            return False
        trial = self._proposer.report(run.number, epoch, value)
        rivals = self._rivals_of(run.number)
        rivals.put(trial)
        if epoch == self._spec.rungs[-1]:
            self._end(run, TrialState.COMPLETE)
            return False
        if self._stop.keeps(trial, rivals.but(trial), self._direction):
            return True
        self._end(run, TrialState.PRUNED)
        return False

    def _rivals_of(self, number: int) -> Rivals:
        """Return the trials that a trial is ranked among."""
        return self._rivals[self.record.started[number].family]

    def _hear_finalist(self, run: FinalistRun, report: Report) -> bool:
        if report.outcome is None:
            return True
        folder = self._places.finalist(run).relative_to(self._places.study)
        self._journal.append(
            FinalistEnded(
                time=self._clock(),
                run=run,
                state=TrialState.COMPLETE,
                folder=str(folder),
                **report.outcome,
            )
        )
        self._live.discard(run)
        return False

    def _end(self, run: TrainedRun, state: TrialState, reason: str = "") -> None:
        if isinstance(run, FinalistRun):
            self._journal.append(
                FinalistEnded(time=self._clock(), run=run, state=state, reason=reason)
            )
        else:
            self._end_trial(run.number, state, reason)
        self._live.discard(run)

    def _end_trial(self, number: int, state: TrialState, reason: str = "") -> None:
        self._journal.append(
            TrialEnded(time=self._clock(), number=number, state=state, reason=reason)
        )
        told = self._restored(number)
        self._proposer.tell(number, told.state, told.value)

    def _restored(self, number: int) -> RestoredTrial:
        """Return a trial as the sampler shall know it."""
        trial = self.record.trial(number)
        reports = {
            rung.epoch: rung.metrics[self._objective.metric]
            for rung in trial.rungs
            if self._objective.metric in rung.metrics
        }
        # A trial that time ended before its first rung says nothing of its settings.
        is_unknown = trial.state is TrialState.PRUNED and not reports
        return RestoredTrial(
            number=number,
            params=trial.params,
            state=TrialState.FAIL if is_unknown else trial.state,
            value=trial.value,
            reports=reports,
            attrs=self.record.started[number].sampler_attrs,
        )
