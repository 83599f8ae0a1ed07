"""The question a study file asks, as one frozen value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, final

from pydantic import Field, SerializeAsAny

from study.errors import ConfigError, Problem
from study.metrics import METRICS, objective
from study.plan.draw import space_of
from study.plan.space import space_problems
from study.plan.trial import AnyDataset, TrialSettings
from study.search import AnyDomain, AnySampler, AnyStop, AshaSpec, Space, TpeSpec
from study.spec import Objective, Spec

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
"""Names are folders, MLflow experiments and models at once: nothing that a path could mean."""

RESERVED_NAMES = ("artifacts", "cache")
"""Folders that studies share; no study can be called so."""


@final
class SearchSpec(Spec):
    """Who proposes the trials."""

    sampler: SerializeAsAny[AnySampler] = TpeSpec()
    """A row of SAMPLERS: its name, or its name and settings."""

    seed: int = Field(default=0, ge=0, lt=2**31)
    """Decides the proposals, given the same results."""

    classifier_share: float = Field(default=0.34, ge=0, le=1)
    """While fewer of the started trials are classifiers, the next one is; in [0, 1]."""


@final
class BudgetSpec(Spec):
    """When the search ends: whichever comes first."""

    trials: int = Field(default=24, ge=1)
    """Trials to start, failed ones included."""

    hours: float | None = Field(default=None, gt=0)
    """Wall time of the whole study, finalists included; None for no limit."""


@final
class ResourcesSpec(Spec):
    """What one trial may use; fixed for the whole study."""

    workers: int = Field(default=1, ge=1)
    """Ray Train workers of a lane; the batch is shared out among them."""

    cpus_per_worker: int = Field(default=1, ge=1)
    """CPU cores, and torch threads, of each worker."""

    gpus_per_worker: Literal["auto"] | Annotated[int, Field(ge=0, le=1)] = "auto"
    """GPUs of each worker: 0 or 1; auto: 1 where there are GPUs."""

    lanes: Literal["auto"] | int = "auto"
    """Trials at a time; auto: as many as fit."""

    wait_minutes: float = Field(default=30, ge=0)
    """How long a cluster may have room for no trial before the study is interrupted."""

    stall_minutes: float = Field(default=30, gt=0)
    """A trial fails if one of its training steps takes longer, or if a worker gives no sign of
    life for so long. Evaluating, probing and starting may take as long as they take."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if a number of lanes is not above 0."""
        if self.lanes != "auto" and self.lanes < 1:
            yield Problem("lanes", f"must be auto or at least 1, not {self.lanes}")


@final
class FinalistsSpec(Spec):
    """Which configurations are trained again, and how often."""

    top: int = Field(default=3, ge=1)
    """Best configurations of the search; the best classifier comes on top of these."""

    seeds: int = Field(default=3, ge=1)
    """Runs of each, with different seeds."""

    @property
    def most(self) -> int:
        """Most configurations that there can be: the best, and the best classifier."""
        return self.top + 1


@final
class RegistrySpec(Spec):
    """Where the winner goes."""

    model: str | None = Field(default=None, pattern=rf"^{NAME_PATTERN}$")
    """Name of the registered model; None: the dataset's name."""

    floors: dict[str, float] = Field(default={})
    """What a champion must reach, by ``test/metric``: at least, or at most for a loss."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem for every floor that is not a metric on test."""
        known = [f"test/{name}" for name in METRICS]
        for path in self.floors:
            if path not in known:
                yield Problem(f"floors.{path}", f"must be one of {', '.join(known)}")


@final
class StudySpec(Spec):
    """Which loss, at which temperature and batch size, suits this dataset best?"""

    name: str = Field(pattern=rf"^{NAME_PATTERN}$")
    """Folder, MLflow experiment: lower-case letters, digits, dash, underscore."""

    dataset: SerializeAsAny[AnyDataset]
    """What is learnt from."""

    trial: TrialSettings = TrialSettings()
    """What every trial is, unless the space says otherwise."""

    space: dict[str, AnyDomain]
    """Dotted path of a field of ``trial`` to what is searched there."""

    objective: str = "val/f1_macro"
    """Metric on val that decides; its direction is known."""

    search: SearchSpec = SearchSpec()
    """Who proposes the trials."""

    stop: SerializeAsAny[AnyStop] = AshaSpec()
    """When weak trials are stopped, and the rungs at which every trial is evaluated."""

    budget: BudgetSpec = BudgetSpec()
    """When the search ends."""

    resources: ResourcesSpec = ResourcesSpec()
    """What one trial may use."""

    finalists: FinalistsSpec = FinalistsSpec()
    """Which configurations are trained again."""

    registry: RegistrySpec = RegistrySpec()
    """Where the winner goes."""

    def problems(self) -> Iterator[Problem]:
        """Yield every mistake that spans fields: the space, the objective, the workers."""
        if self.name in RESERVED_NAMES:
            yield Problem("name", f"must not be {self.name}: a folder that studies share")
        yield from space_problems(self.trial, self.dataset, self.space)
        yield from _objective_problems(self.objective)

    @property
    def model_name(self) -> str:
        """Name under which the winner is registered."""
        return self.registry.model or str(self.dataset.name)

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which a trial is evaluated; the last is its last epoch."""
        epochs = self.trial.epochs
        return (*(rung for rung in self.stop.rungs if rung < epochs), epochs)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is made better; one, until studies of several objectives exist."""
        _, metric = objective(self.objective)
        return (Objective(self.objective, metric.direction),)

    def search_space(self) -> Space:
        """Return the space with the conditions that plug-ins imply."""
        return space_of(self.space, self.trial)


def _objective_problems(path: str) -> Iterator[Problem]:
    try:
        objective(path)
    except ConfigError as error:
        yield from error.problems
