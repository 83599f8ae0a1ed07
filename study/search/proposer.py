"""Asks a sampler for the next point, given all that is known of the trials before.

A proposal is a function of the trials so far, the seed and its own number: every proposal has
a generator of its own. A study that was killed and resumed therefore proposes what it would
have proposed anyway. What a sampler writes into its trial is part of the trial, and is kept.

Where the caller pins a parameter (the loss, so that classifiers get their share), the good
region of another loss is no guide to the rest, and neither is a ranking among losses that
are better or worse throughout. So most samplers see only the trials that share the pinned
values, in a space without them.

Nothing here takes longer the more trials there are, but :meth:`Proposer.restore` and the first
proposal with other pinned values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from study.errors import ConfigError
from study.search.domain import Choice, Float, Value
from study.search.history import RestoredTrial, settled
from study.search.samplers import Question, SamplerSpec, TpeSpec
from study.search.space import Parameter, Space
from study.spec import Direction, TrialState

if TYPE_CHECKING:
    import optuna

    from study.search.alike import Alike


@final
class Proposer:
    """See the module's docstring.

    Args:
        space: What is searched.
        direction: Which way the objective is better.
        sampler: Who is asked.
        seed: Decides the proposals, given the same results; at least 0.
    """

    def __init__(
        self,
        space: Space,
        direction: Direction,
        sampler: SamplerSpec | None = None,
        seed: int = 0,
    ) -> None:
        self._space = space
        self._direction = direction
        self._sampler = sampler or TpeSpec()
        self._seed = seed
        self._trials: dict[int, RestoredTrial] = {}
        self._next = 0
        self._alike: dict[tuple[tuple[str, Value], ...], Alike] = {}

    @property
    def trials(self) -> tuple[RestoredTrial, ...]:
        """All trials, in the order of their numbers."""
        return tuple(self._trials[number] for number in sorted(self._trials))

    def ask(self, fixed: Mapping[str, Value] | None = None) -> RestoredTrial:
        """Return the next trial; it counts as RUNNING from now on.

        Args:
            fixed: Values that are not the sampler's to choose, by path. One whose parameter
                turns out not to be active is passed over.

        Raises:
            ConfigError: If a fixed value is none that the space can draw.
        """
        fixed = dict(fixed or {})
        self._check(fixed)
        asked = self._optuna_study(fixed).ask()
        params: dict[str, Value] = {}
        for parameter in self._space.parameters:
            path = parameter.path
            if parameter.is_active(params):
                params[path] = fixed[path] if path in fixed else _suggested(asked, parameter)
        attrs = _attrs(asked) if self._sampler.keeps_attrs else {}
        trial = RestoredTrial(self._next, params, TrialState.RUNNING, attrs=attrs)
        self._put(trial)
        return trial

    def report(self, number: int, epoch: int, value: float) -> RestoredTrial:
        """Take note of the objective of a running trial at a rung; return the trial.

        Raises:
            ValueError: If the trial is not running.
        """
        trial = self._running(number)
        # What a running trial reached is no sampler's business: it is not frozen again.
        self._trials[number] = replace(trial, reports={**trial.reports, epoch: value})
        return self._trials[number]

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
        self._put(replace(trial, state=state, value=value))
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
            self._put(replace(trial, state=settled(trial.state, trial.value)))

    def _put(self, trial: RestoredTrial) -> None:
        self._trials[trial.number] = trial
        self._next = max(self._next, trial.number + 1)
        for alike in self._alike.values():
            alike.put(trial)

    def _check(self, values: Mapping[str, Value]) -> None:
        problems = list(self._space.misfits(values))
        if problems:
            raise ConfigError(problems)

    def _running(self, number: int) -> RestoredTrial:
        trial = self._trials.get(number)
        if trial is None or trial.state.ended:
            raise ValueError(f"trial {number} must be running")
        return trial

    def _optuna_study(self, fixed: Mapping[str, Value]) -> optuna.Study:
        """Return the study that is asked for the next trial."""
        from study.search.optuna_study import optuna_study

        apart = fixed if self._sampler.sees_alike else {}
        alike = self._alike_to(apart) if self._sampler.learns else None
        question = Question(
            space=self._space,
            seed=self._seed,
            number=self._next,
            num_ranked=alike.num_ranked if alike else 0,
            is_pinned=bool(fixed),
        )
        trials = alike.shown() if alike else []
        return optuna_study(trials, self._direction, self._sampler.build(question))

    def _alike_to(self, fixed: Mapping[str, Value]) -> Alike:
        """Return the trials that share the pinned values."""
        from study.search.alike import Alike

        key = tuple(sorted(fixed.items(), key=lambda item: item[0]))
        if key not in self._alike:
            self._alike[key] = Alike(self._space, self._direction, fixed)
            for trial in self._trials.values():
                self._alike[key].put(trial)
        return self._alike[key]


def _attrs(asked: optuna.Trial) -> dict[str, Any]:
    """Return what the sampler wrote into the trial."""
    return dict(asked.study.get_trials(deepcopy=False)[-1].system_attrs)


def _suggested(asked: optuna.Trial, parameter: Parameter) -> Value:
    path, domain = parameter.path, parameter.domain
    if isinstance(domain, Choice):
        choice: Value = asked.suggest_categorical(path, domain.values)
        return choice
    if isinstance(domain, Float):
        return float(asked.suggest_float(path, domain.low, domain.high, log=domain.log))
    return int(asked.suggest_int(path, domain.low, domain.high, log=domain.log))
