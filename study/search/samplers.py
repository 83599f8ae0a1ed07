"""Samplers: who proposes the next point, as specs with their settings.

Optuna is imported when a sampler is built, not before.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, Union, final

from pydantic import BeforeValidator, Field

from study.search.space import Space
from study.spec import Spec, one_of

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

ENOUGH = 5
"""Ended trials with the pinned values from which a sampler can learn."""


@final
@dataclass(frozen=True)
class Question:
    """The one proposal that a sampler is built for."""

    space: Space
    """What is searched."""

    seed: int
    """Of the study; at least 0."""

    number: int
    """Of the trial, from 0."""

    num_ranked: int
    """Ended trials it sees that say how good their parameters are."""

    is_pinned: bool
    """Whether some values are not its to choose."""

    @property
    def own_seed(self) -> int:
        """A seed in [0, 2**32) that differs between studies and between trials."""
        from numpy.random import SeedSequence

        return int(SeedSequence((self.seed, self.number)).generate_state(1)[0])


class SamplerSpec(Spec, ABC):
    """One sampler and its settings."""

    learns: ClassVar[bool] = True
    """Whether it looks at the trials so far."""

    sees_alike: ClassVar[bool] = True
    """Whether it sees only the trials that share the values which are not its to choose."""

    keeps_attrs: ClassVar[bool] = False
    """Whether it writes into a trial what it must find there later. It is kept with the trial."""

    name: str = ""
    """The sampler's row in ``SAMPLERS``; each spec fixes its own."""

    @abstractmethod
    def build(self, question: Question) -> BaseSampler:
        """Return an Optuna sampler that may be asked once."""


@final
class RandomSpec(SamplerSpec):
    """Learns nothing: the yardstick for the others."""

    learns: ClassVar[bool] = False

    name: Literal["random"] = "random"

    def build(self, question: Question) -> BaseSampler:
        """Return the sampler."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=question.own_seed)


@final
class QmcSpec(SamplerSpec):
    """A scrambled Sobol sequence: learns nothing, and leaves smaller gaps than chance."""

    learns: ClassVar[bool] = False

    name: Literal["qmc"] = "qmc"

    def build(self, question: Question) -> BaseSampler:
        """Return the sampler."""
        from study.search.sobol import Sobol

        paths = tuple(parameter.path for parameter in question.space.parameters)
        return Sobol(paths, question.seed, question.number)


@final
class TpeSpec(SamplerSpec):
    """Tree-structured Parzen estimator: parameters jointly, conditions by groups."""

    name: Literal["tpe"] = "tpe"

    startup: int = Field(default=10, ge=0)
    """It draws at random until so many trials have ended; at least 0."""

    candidates: int = Field(default=24, ge=1)
    """Points among which it chooses each proposal; at least 1."""

    def build(self, question: Question) -> BaseSampler:
        """Return the sampler."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import TPESampler

        if not question.num_ranked:
            # Were none ranked, it would take the first infeasible trial for the best.
            return RandomSpec().build(question)
        with warnings.catch_warnings():
            # `group` is marked experimental; without it, conditional spaces are drawn at random.
            warnings.simplefilter("ignore", ExperimentalWarning)
            return TPESampler(
                seed=question.own_seed,
                n_startup_trials=min(self.startup, ENOUGH) if question.is_pinned else self.startup,
                n_ei_candidates=self.candidates,
                multivariate=True,
                group=True,
                constant_liar=True,
            )


@final
class NsgaiiSpec(SamplerSpec):
    """Genetic algorithm (NSGA-II). It learns of complete trials only: use it without a stop rule.

    Parameters that not every trial has are drawn at random.
    """

    # A generation is one of all trials.
    sees_alike: ClassVar[bool] = False
    keeps_attrs: ClassVar[bool] = True

    name: Literal["nsgaii"] = "nsgaii"

    population: int = Field(default=20, ge=2, le=500)
    """Complete trials of a generation, which all must be among the trials that are seen."""

    def build(self, question: Question) -> BaseSampler:
        """Return the sampler."""
        from study.search.genetic import Genetic

        return Genetic(seed=question.own_seed, population_size=self.population)


SAMPLERS: dict[str, type[SamplerSpec]] = {
    "nsgaii": NsgaiiSpec,
    "qmc": QmcSpec,
    "random": RandomSpec,
    "tpe": TpeSpec,
}


def _spelt_out(raw: Any) -> Any:
    """Return a sampler that is given by its name alone with its name as a field."""
    return {"name": raw} if isinstance(raw, str) else raw


if TYPE_CHECKING:
    AnySampler: TypeAlias = SamplerSpec
else:
    AnySampler = Annotated[
        one_of(SAMPLERS),
        BeforeValidator(
            _spelt_out,
            json_schema_input_type=Union[Literal[tuple(SAMPLERS)], one_of(SAMPLERS)],  # noqa: UP007
        ),
    ]
"""Type of a field that holds a sampler: its name alone, or its name and settings."""
