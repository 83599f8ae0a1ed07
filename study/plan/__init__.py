"""What a study is and what is known of it: values, and the files that hold them."""

from study.plan.best import best_trials
from study.plan.digest import digest_of, digest_of_data
from study.plan.draw import draw
from study.plan.events import (
    SCHEMA_VERSION,
    AnyEvent,
    Configuration,
    FinalistEnded,
    FinalistsChosen,
    FinalistsRanked,
    IntervalValue,
    LanesPlanned,
    ModelRegistered,
    Ranking,
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
from study.plan.fold import Record, fold
from study.plan.in_force import FIRST, fixed, in_force
from study.plan.journal import Journal, now, read_journal
from study.plan.load import load
from study.plan.paths import searchable_paths
from study.plan.resources import LanePlan, plan_lanes
from study.plan.result import (
    FinalistResult,
    ModelResult,
    Rung,
    Seconds,
    SeedResult,
    StudyResult,
    TrialResult,
)
from study.plan.runs import (
    FinalistRun,
    RunId,
    StudyRun,
    TrainedRun,
    TrialRun,
    parse_run,
    parse_trained,
)
from study.plan.study import ResourcesSpec, StudySpec
from study.plan.trial import (
    OptimizerSpec,
    ScheduleSpec,
    TrialSettings,
    TrialSpec,
)

__all__ = [
    "FIRST",
    "SCHEMA_VERSION",
    "AnyEvent",
    "Configuration",
    "FinalistEnded",
    "FinalistResult",
    "FinalistRun",
    "FinalistsChosen",
    "FinalistsRanked",
    "IntervalValue",
    "Journal",
    "LanePlan",
    "LanesPlanned",
    "ModelRegistered",
    "ModelResult",
    "OptimizerSpec",
    "Ranking",
    "Record",
    "ReportWritten",
    "ResourcesSpec",
    "RunId",
    "RunOpened",
    "RunRetried",
    "Rung",
    "RungReached",
    "ScheduleSpec",
    "Seconds",
    "SeedResult",
    "SessionStarted",
    "SettingsChanged",
    "StudyEnded",
    "StudyInterrupted",
    "StudyResult",
    "StudyRun",
    "StudySpec",
    "StudyStarted",
    "TrainedRun",
    "TrialEnded",
    "TrialResult",
    "TrialRun",
    "TrialSettings",
    "TrialSpec",
    "TrialStarted",
    "best_trials",
    "digest_of",
    "digest_of_data",
    "draw",
    "fixed",
    "fold",
    "in_force",
    "load",
    "now",
    "parse_run",
    "parse_trained",
    "plan_lanes",
    "read_journal",
    "searchable_paths",
]
