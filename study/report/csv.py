"""The trials as a table for other programs: ``trials.csv``."""

from __future__ import annotations

import csv
import io

from study.plan.events import Value
from study.plan.in_force import in_force
from study.plan.result import StudyResult, TrialResult
from study.report.facts import LOSS
from study.report.rows import settings_shown

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
"""Columns before the settings."""


def trials_csv(result: StudyResult) -> str:
    """Return one row per trial: :data:`COLUMNS`, then its settings in force by path.

    Settings are what was searched, and what a study asks about first even if it is fixed.
    What a trial does not have is empty; numbers are written in full.
    """
    paths = [*([LOSS] if _has_loss(result) else []), *settings_shown(result)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *paths])
    for trial in result.trials:
        writer.writerow([*_row(trial), *(_cell(in_force(trial, path)) for path in paths)])
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
