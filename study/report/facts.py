"""What the sentences, tables and figures all need to know of a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, final

from study.plan.best import best_trials
from study.plan.events import Family, Value
from study.plan.in_force import FIRST
from study.plan.paths import is_integer
from study.plan.result import StudyResult, TrialResult
from study.search import Choice, Domain, Float, Integer, domain_of
from study.spec import TrialState

LOSS = "loss.name"


@final
@dataclass(frozen=True)
class Searched:
    """One searched parameter, and the axis it is drawn on."""

    path: str
    label: str
    """Its last name, as words; the whole path if another parameter has the same."""

    axis: Literal["linear", "log", "category"]
    choices: tuple[Value, ...]
    """What a list in the study file offers; empty for a range."""

    ends: tuple[float, float] | None
    """From where to where numbers could be drawn; None for a category."""


@final
@dataclass(frozen=True)
class Share:
    """What one loss, or all of one family, got of the search."""

    family: Family
    loss: str | None
    """None for the family as a whole."""

    trials: tuple[TrialResult, ...]

    def in_state(self, *states: TrialState) -> int:
        """Return how many of its trials are in one of these states."""
        return sum(trial.state in states for trial in self.trials)

    @property
    def epochs(self) -> int:
        """Epochs trained up to the last evaluation, over all its trials."""
        return sum(trial.epoch or 0 for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Trained and evaluated, over all its trials."""
        return sum(trial.seconds for trial in self.trials)


def higher_is_better(result: StudyResult) -> bool:
    """Whether the objective is to be maximised."""
    return result.direction == "maximize"


def gain(result: StudyResult, value: float, reference: float) -> float:
    """Return by how much ``value`` is better than ``reference``; below 0 if it is worse."""
    return value - reference if higher_is_better(result) else reference - value


def best(result: StudyResult, trials: Iterable[TrialResult]) -> TrialResult | None:
    """Return the best trial that has a value; None if there is none."""
    return next(iter(best_trials(trials, result.direction)), None)


def losses(result: StudyResult) -> tuple[str, ...]:
    """Return every loss: as the study file lists them, then any other that was tried."""
    declared = choices_of(_domains(result).get(LOSS))
    tried = [trial.loss for trial in result.trials] + [one.loss for one in result.finalists]
    return tuple(dict.fromkeys([*map(str, declared), *tried]))


def paths(result: StudyResult) -> tuple[str, ...]:
    """Return every searched path but the loss's name, what is asked about first in front."""
    drawn = [path for trial in result.trials for path in trial.params]
    every = dict.fromkeys([*result.study.space, *drawn])
    first = [path for path in FIRST if path in every]
    return tuple(path for path in dict.fromkeys([*first, *every]) if path != LOSS)


def searched(result: StudyResult) -> tuple[Searched, ...]:
    """Return the searched parameters, in the order of :func:`paths`."""
    every, domains = paths(result), _domains(result)
    names = labels(every)
    return tuple(_searched(result, path, names[path], domains.get(path)) for path in every)


def columns(result: StudyResult) -> dict[str, str]:
    """Return the settings to show of every trial with their names: what was searched, what first.

    Settings that a study asks about first are shown even if it fixes them.
    """
    return labels(tuple(dict.fromkeys([*FIRST, *paths(result)])))


def _domains(result: StudyResult) -> dict[str, Domain]:
    space = result.study.space
    return {path: domain_of(raw, integer=is_integer(path)) for path, raw in space.items()}


def labels(every: Sequence[str]) -> dict[str, str]:
    """Return a short name for every path."""
    last = {path: path.rpartition(".")[2].replace("_", " ") for path in every}
    taken = list(last.values())
    return {path: name if taken.count(name) == 1 else path for path, name in last.items()}


def _searched(result: StudyResult, path: str, label: str, domain: Domain | None) -> Searched:
    choices = choices_of(domain)
    scale = domain if isinstance(domain, Float | Integer) else None
    ends = [scale.low, scale.high] if scale else []
    drawn = [trial.params[path] for trial in result.trials if path in trial.params]
    values = [*ends, *choices, *drawn]
    numbers = [float(value) for value in values if _is_number(value)]
    if len(numbers) < len(values) or not numbers:
        return Searched(path, label, "category", choices, None)
    low, high = min(numbers), max(numbers)
    is_log = scale.log if scale else bool(choices) and low > 0 and high >= 8 * low
    return Searched(path, label, "log" if is_log else "linear", choices, (low, high))


def choices_of(domain: Domain | None) -> tuple[Value, ...]:
    """Return what a domain lists; empty for a range."""
    return domain.values if isinstance(domain, Choice) else ()


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def shares(result: StudyResult) -> Iterator[Share]:
    """Yield what each family got, followed by what each of its losses got."""
    for family in ("contrastive", "classifier"):
        mine = [trial for trial in result.trials if trial.family == family]
        if mine:
            yield Share(family, None, tuple(mine))
        for loss in losses(result):
            of_loss = tuple(trial for trial in mine if trial.loss == loss)
            if of_loss:
                yield Share(family, loss, of_loss)
