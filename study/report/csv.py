"""The trials as a table for other programs: ``trials.csv``."""

from __future__ import annotations

import csv
import io

from study.plan.events import Value
from study.plan.result import StudyResult, TrialResult
from study.report.facts import LOSS, paths

COLUMNS = (
    "number",
    "state",
    "loss",
    "family",
    "value",
    "epoch",
    "seconds",
    "run_id",
    "reason",
)
"""Columns before the searched paths."""


def trials_csv(result: StudyResult) -> str:
    """Return one row per trial: :data:`COLUMNS`, then every searched path.

    What a trial does not have is empty; numbers are written in full.
    """
    drawn = [path for path in (LOSS, *paths(result)) if path != LOSS or _has_loss(result)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *drawn])
    for trial in result.trials:
        writer.writerow([*_row(trial), *(_cell(trial.params.get(path)) for path in drawn)])
    return file.getvalue()


def _has_loss(result: StudyResult) -> bool:
    drawn = (LOSS in trial.params for trial in result.trials)
    return LOSS in result.study.space or any(drawn)


def _row(trial: TrialResult) -> list[str]:
    return [_cell(getattr(trial, column)) for column in COLUMNS]


def _cell(value: Value | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
