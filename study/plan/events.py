"""What can happen to a study, one frozen value per fact: the lines of its journal.

The journal is the study's only truth. Optuna's memory, MLflow's runs, the report and what
`study show` prints are all drawn from it, so none of them can be ahead of another.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, final

from pydantic import Field, TypeAdapter

from study.plan.runs import AnyFinalistRun, AnyRun, AnyTrainedRun
from study.spec import Spec, TrialState

SCHEMA_VERSION = 2
"""Version of the journal: any new event or field is a new version (:mod:`study.plan.migrate`)."""

Value: TypeAlias = str | bool | int | float
Family: TypeAlias = Literal["contrastive", "classifier"]


class Event(Spec):
    """One fact, with the time at which it became one."""

    time: float
    """Seconds since the epoch."""


@final
class StudyStarted(Event):
    """The first line of every journal."""

    event: Literal["study_started"] = "study_started"
    schema_version: int = SCHEMA_VERSION
    name: str
    spec: dict[str, Any]
    spec_digest: str
    dataset_digest: str
    label_names: tuple[str, ...]
    sizes: dict[str, int]
    """Samples by split."""
    git_commit: str | None
    package_version: str
    given: tuple[str, ...] | None = None
    """Settings of ``trial.loss`` that the file gives and that hold for every loss that has them
    (see :func:`study.plan.draw.shared_settings`): in ``spec`` they look like defaults. None in
    journals of version 1, whose studies drew no loss with them."""


@final
class SettingsChanged(Event):
    """Budget, resources or finalists are different from now on."""

    event: Literal["settings_changed"] = "settings_changed"
    spec: dict[str, Any]
    """The whole study as it is now."""
    changes: tuple[str, ...]
    """One line each: ``budget.trials: 40, was 24``."""


@final
class SessionStarted(Event):
    """A process began or resumed the study."""

    event: Literal["session_started"] = "session_started"
    tracking_uri: str
    """Without its password."""
    tracking_given: bool = False
    """Whether the user named the store; else it is the storage folder's own."""
    tracking_secret: bool = False
    """Whether the store's URI held a user or password, which is not kept."""
    address: str = "local"
    """Where Ray runs."""


@final
class LanesPlanned(Event):
    """It is known what the session runs on; again whenever nodes joined or left."""

    event: Literal["lanes_planned"] = "lanes_planned"
    lanes: int
    """0 while a node of the cluster is waited for."""
    workers: int
    gpus_per_worker: int = 0
    """What ``auto`` came to."""
    arithmetic: str
    """One sentence that a person can check by hand."""


@final
class TrialStarted(Event):
    """A point of the space became a trial."""

    event: Literal["trial_started"] = "trial_started"
    number: int
    params: dict[str, Value]
    digest: str
    loss: str
    family: Family
    spec: dict[str, Any] = Field(default={})
    """The trial with all its settings; empty if the point is no valid trial."""
    sampler_attrs: dict[str, Any] = Field(default={})
    """What the sampler keeps with the trial."""


@final
class RungReached(Event):
    """A trial or finalist run was evaluated on val."""

    event: Literal["rung_reached"] = "rung_reached"
    run: AnyTrainedRun
    epoch: int
    metrics: dict[str, float]
    seconds: float
    """Of training and evaluation since the last rung."""


@final
class TrialEnded(Event):
    """A trial ended, for whatever reason."""

    event: Literal["trial_ended"] = "trial_ended"
    number: int
    state: TrialState
    reason: str = ""


@final
class RunRetried(Event):
    """A run that had failed starts again, from its first epoch."""

    event: Literal["run_retried"] = "run_retried"
    run: AnyTrainedRun


@final
class Configuration(Spec):
    """A configuration that is trained again with several seeds."""

    place: int
    """Its index in the order of the search's results, from 0."""
    trial: int
    """Number of the trial it comes from."""
    params: dict[str, Value]
    loss: str
    family: Family
    is_baseline: bool
    """Whether it is the best classifier of the search."""


@final
class FinalistsChosen(Event):
    """The search is over; these go on."""

    event: Literal["finalists_chosen"] = "finalists_chosen"
    configurations: tuple[Configuration, ...]
    seeds: tuple[int, ...]


@final
class FinalistEnded(Event):
    """One finalist run ended: scored on val, and once on test."""

    event: Literal["finalist_ended"] = "finalist_ended"
    run: AnyFinalistRun
    state: TrialState
    val: dict[str, float] = Field(default={})
    test: dict[str, float] = Field(default={})
    scorer: Literal["probe", "head"] | None = None
    """Whose scores these are: the linear probe's or the classifier's own head's."""
    threshold: float | None = None
    folder: str = ""
    """Relative to the study's folder: the exported model and its scores."""
    seconds: float = 0.0
    reason: str = ""


@final
class IntervalValue(Spec):
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float
    high: float


@final
class Ranking(Spec):
    """Where a configuration ended among the finalists."""

    trial: int
    """Number of the trial that the configuration comes from."""
    rank: int
    """From 1, by the mean on val; configurations with failed seeds come last."""
    val: IntervalValue
    test: IntervalValue


@final
class FinalistsRanked(Event):
    """Who won, by the mean on val."""

    event: Literal["finalists_ranked"] = "finalists_ranked"
    rankings: tuple[Ranking, ...]
    winner: AnyFinalistRun
    """Of the winner's runs the one with the median val."""


@final
class RunOpened(Event):
    """MLflow has a run for this."""

    event: Literal["run_opened"] = "run_opened"
    run: AnyRun
    run_id: str


@final
class ModelRegistered(Event):
    """The winner is in the registry."""

    event: Literal["model_registered"] = "model_registered"
    name: str
    version: str
    aliases: tuple[str, ...]
    uri: str
    gate: tuple[str, ...]
    """What was checked, a line each."""


@final
class ReportWritten(Event):
    """The report lies on disk."""

    event: Literal["report_written"] = "report_written"
    path: str
    """Relative to the study's folder; version 0.1.0 wrote an absolute path."""


@final
class StudyInterrupted(Event):
    """A session ended early although nothing is wrong with the study: it can be resumed."""

    event: Literal["study_interrupted"] = "study_interrupted"
    reason: str


@final
class StudyEnded(Event):
    """Nothing is left to do."""

    event: Literal["study_ended"] = "study_ended"
    state: Literal["FINISHED", "FAILED"]
    reason: str = ""


AnyEvent: TypeAlias = (
    StudyStarted
    | SettingsChanged
    | SessionStarted
    | LanesPlanned
    | TrialStarted
    | RungReached
    | TrialEnded
    | RunRetried
    | FinalistsChosen
    | FinalistEnded
    | FinalistsRanked
    | RunOpened
    | ModelRegistered
    | ReportWritten
    | StudyInterrupted
    | StudyEnded
)
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])
