"""Asks a sampler for the next point, given all that is known of the trials before.

A proposal is a function of the trials so far, their order, the seed and its own number:
the generator is seeded anew for each one. A study that was killed and resumed therefore
proposes what it would have proposed anyway.

Where the caller pins a parameter (the loss, so that classifiers get their share), the good
region of another loss is no guide to the rest, and neither is a ranking among losses that
are better or worse throughout. So the sampler sees only the trials that share the pinned
values, in a space without them; while fewer than ``ENOUGH`` of these have ended, the rest is
drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

from study.errors import ConfigError
from study.search.domain import Choice, Float, Value
from study.search.history import RestoredTrial, optuna_study, settled
from study.search.samplers import SAMPLERS, random
from study.search.space import Parameter, Space
from study.spec import Direction, TrialState

if TYPE_CHECKING:
    import optuna

ENOUGH = 5
"""Ended trials with the pinned values from which the sampler can learn."""


@final
class Proposer:
    """See the module's docstring.

    Args:
        space: What is searched.
        direction: Which way the objective is better.
        sampler: A row of SAMPLERS.
        seed: Decides the proposals, given the same results; at least 0.
    """

    def __init__(
        self, space: Space, direction: Direction, sampler: str = "tpe", seed: int = 0
    ) -> None:
        self._space = space
        self._direction = direction
        self._sampler = SAMPLERS[sampler]
        self._seed = seed
        self._trials: dict[int, RestoredTrial] = {}

    @property
    def trials(self) -> tuple[RestoredTrial, ...]:
        """All trials, in the order of their numbers."""
        return tuple(self._trials[number] for number in sorted(self._trials))

    def ask(self, fixed: Mapping[str, Value] | None = None) -> tuple[int, dict[str, Value]]:
        """Return the next trial's number and its values; it counts as RUNNING from now on.

        Args:
            fixed: Values that are not the sampler's to choose, by path. One whose parameter
                turns out not to be active is passed over.

        Raises:
            ConfigError: If a fixed value is none that the space can draw.
        """
        fixed = fixed or {}
        self._check(fixed)
        number = max(self._trials, default=-1) + 1
        asked = self._optuna_study(number, fixed).ask()
        params: dict[str, Value] = {}
        for parameter in self._space.parameters:
            path = parameter.path
            if parameter.is_active(params):
                params[path] = fixed[path] if path in fixed else _suggested(asked, parameter)
        self._trials[number] = RestoredTrial(number, dict(params), TrialState.RUNNING)
        return number, params

    def report(self, number: int, epoch: int, value: float) -> None:
        """Take note of the objective of a running trial at a rung.

        Raises:
            ValueError: If the trial is not running.
        """
        trial = self._running(number)
        self._trials[number] = replace(trial, reports={**trial.reports, epoch: value})

    def tell(self, number: int, state: TrialState, value: float | None = None) -> TrialState:
        """Take note of how a running trial ended, and return it.

        Args:
            number: Of the trial.
            state: How it ended.
            value: Its objective; COMPLETE needs one. One that is not finite makes it a FAIL.

        Raises:
            ValueError: If the trial is not running, or ``state`` is not an end.
        """
        trial = self._running(number)
        if not state.ended:
            raise ValueError(f"trial {number} must be told how it ended, not {state}")
        state = settled(state, value)
        self._trials[number] = replace(trial, state=state, value=value)
        return state

    def restore(self, trials: Sequence[RestoredTrial]) -> None:
        """Take over the trials of a journal; those that are RUNNING may be told later.

        Raises:
            ConfigError: If a trial has a value that the space cannot draw.
            ValueError: If a number comes twice.
        """
        for trial in trials:
            if trial.number in self._trials:
                raise ValueError(f"trial {trial.number} must be restored once")
            self._check(trial.params)
            state = settled(trial.state, trial.value)
            self._trials[trial.number] = replace(trial, state=state)

    def _check(self, values: Mapping[str, Value]) -> None:
        problems = list(self._space.misfits(values))
        if problems:
            raise ConfigError(problems)

    def _running(self, number: int) -> RestoredTrial:
        trial = self._trials.get(number)
        if trial is None or trial.state.ended:
            raise ValueError(f"trial {number} must be running")
        return trial

    def _optuna_study(self, number: int, fixed: Mapping[str, Value]) -> optuna.Study:
        """Return the study that is asked for trial ``number``."""
        alike = [trial for trial in self.trials if _shares(trial, fixed)]
        # Were none ranked, the sampler would take the first infeasible trial for the best.
        is_known = any(trial.is_ranked for trial in alike)
        build = self._sampler if is_known else random
        startup = {"num_startup": ENOUGH} if fixed else {}
        return optuna_study(
            () if build is random else alike,
            self._space,
            self._direction,
            sampler=build(_seed_of(self._seed, number), **startup),
            without=fixed,
        )


def _shares(trial: RestoredTrial, fixed: Mapping[str, Value]) -> bool:
    return all(trial.params.get(path) == value for path, value in fixed.items())


def _suggested(asked: optuna.Trial, parameter: Parameter) -> Value:
    path, domain = parameter.path, parameter.domain
    if isinstance(domain, Choice):
        choice: Value = asked.suggest_categorical(path, domain.values)
        return choice
    if isinstance(domain, Float):
        return float(asked.suggest_float(path, domain.low, domain.high, log=domain.log))
    return int(asked.suggest_int(path, domain.low, domain.high, log=domain.log))


def _seed_of(seed: int, number: int) -> int:
    """Return a seed in [0, 2**32) that differs between studies and between trials."""
    from numpy.random import SeedSequence

    return int(SeedSequence((seed, number)).generate_state(1)[0])
