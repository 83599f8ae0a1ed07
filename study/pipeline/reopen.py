"""What a resumed study does differently: other settings, failed runs once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from study.plan import (
    FinalistRun,
    FinalistsRanked,
    Journal,
    Record,
    RunRetried,
    SettingsChanged,
    StudySpec,
    TrainedRun,
    TrialRun,
    now,
)
from study.spec import TrialState


def take_changes(journal: Journal, spec: StudySpec, found: Mapping[str, str]) -> None:
    """Write down the settings that are different from now on, if any are."""
    if found:
        lines = tuple(f"{path}: {change}" for path, change in found.items())
        data = spec.model_dump(mode="json")
        journal.append(SettingsChanged(time=now(), spec=data, changes=lines))


def retry_failed(journal: Journal, record: Record) -> None:
    """Write down that every run that failed starts again, as far as it still matters."""
    for run in failed_runs(record):
        journal.append(RunRetried(time=now(), run=run))


def failed_runs(record: Record) -> list[TrainedRun]:
    """Return the runs that failed and whose outcome would still count.

    Trials count until finalists are chosen, and if none could be; finalists until they are
    ranked.
    """
    if any(isinstance(event, FinalistsRanked) for event in record.events):
        return []
    if record.chosen is not None and record.chosen.configurations:
        return list(_failed_finalists(record))
    return [
        TrialRun(number) for number, end in record.ended.items() if end.state is TrialState.FAIL
    ]


def _failed_finalists(record: Record) -> Iterator[FinalistRun]:
    for run, end in record.finished.items():
        if end.state is TrialState.FAIL:
            yield run
