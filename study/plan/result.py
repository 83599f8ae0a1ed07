"""What is known of a study: the value that `study show` prints and the report draws.

It is folded from the journal, so it can be had at any moment, also of a study that runs.
``value``, ``val`` and ``test`` are the objective metric; what is not reached yet is None.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, final

from pydantic import Field

from study.metrics import METRICS
from study.plan.events import Family, IntervalValue, Value
from study.plan.runs import AnyFinalistRun
from study.plan.study import StudySpec
from study.spec import Direction, Spec, TrialState

RESULT_VERSION = 1
"""Version of what `study show --json` prints: keys are added, none changes or goes."""

StudyState: TypeAlias = Literal["RUNNING", "INTERRUPTED", "FINISHED", "FAILED"]


@final
class Rung(Spec):
    """One evaluation on val."""

    epoch: int
    metrics: dict[str, float]
    seconds: float


@final
class TrialResult(Spec):
    """What is known of one trial."""

    number: int
    state: TrialState
    params: dict[str, Value]
    """What was searched: value by dotted path."""
    value: float | None
    """Objective at the last rung it reached; None before the first, and if it failed."""
    epoch: int | None
    seconds: float
    run_id: str | None
    loss: str
    family: Family
    digest: str
    reason: str
    rungs: tuple[Rung, ...]
    settings: dict[str, Any]
    """Every setting in force, as a trial's spec holds them; empty if the point is no trial."""


@final
class SeedResult(Spec):
    """One finalist run."""

    seed: int
    run_id: str | None
    val: float | None
    test: float | None
    state: TrialState
    scorer: Literal["probe", "head"] | None
    threshold: float | None
    val_metrics: dict[str, float]
    test_metrics: dict[str, float]
    folder: str | None
    seconds: float
    rungs: tuple[Rung, ...]
    reason: str
    """Why it failed; empty if it did not."""


@final
class FinalistResult(Spec):
    """One configuration over its seeds."""

    rank: int | None
    params: dict[str, Value]
    seeds: tuple[SeedResult, ...]
    val: IntervalValue | None
    test: IntervalValue | None
    place: int
    trial: int
    loss: str
    family: Family
    is_baseline: bool
    """Whether it is the best classifier: of the search, and once ranked, of the finalists."""
    settings: dict[str, Any]
    """Every setting in force but the seed."""

    @property
    def failed_seeds(self) -> int:
        """How many of its runs failed; those that time cut are none of these."""
        return sum(seed.state.failed for seed in self.seeds)


@final
class ModelResult(Spec):
    """The registered winner."""

    name: str
    version: str
    aliases: tuple[str, ...]
    uri: str
    gate: tuple[str, ...]


@final
class Seconds(Spec):
    """Wall time by phase, over all sessions."""

    search: float
    finalists: float
    report: float


@final
class StudyResult(Spec):
    """What is known of a study."""

    schema_version: int = RESULT_VERSION
    name: str
    state: StudyState
    reason: str
    spec: dict[str, Any]
    """As the journal holds it, with the settings changed since."""
    study: StudySpec = Field(exclude=True)
    """The same as this version reads it; what it cannot read has its default."""
    spec_digest: str
    dataset_digest: str
    label_names: tuple[str, ...]
    sizes: dict[str, int]
    git_commit: str | None
    objective: str
    tracking_uri: str | None
    parent_run_id: str | None
    trials: tuple[TrialResult, ...]
    finalists: tuple[FinalistResult, ...]
    """By rank, once ranked; else in the order the search left them."""
    baseline: FinalistResult | None
    winner: FinalistResult | None
    winner_run: AnyFinalistRun | None
    """The run that was registered."""
    model: ModelResult | None
    report: str | None
    seconds: Seconds
    started: float
    """Seconds since the epoch."""
    arithmetic: str | None
    changes: tuple[str, ...]
    """Settings that were changed on resume: ``budget.trials: 40, was 24``, in order."""

    @property
    def metric(self) -> str:
        """Name of the objective without its split."""
        return self.objective.partition("/")[2]

    @property
    def direction(self) -> Direction:
        """Which way the objective is better."""
        return direction_of(self.objective)

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.spec.get("dataset", {}).get("name", "unknown"))


def direction_of(objective: str) -> Direction:
    """Return which way a dotted metric is better; up if this version does not know it."""
    metric = METRICS.get(objective.partition("/")[2])
    return metric.direction if metric else "maximize"
