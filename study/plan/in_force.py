"""The settings that a run has, whether they were drawn or not."""

from __future__ import annotations

from typing import Any

from study.plan.events import Value
from study.plan.result import FinalistResult, TrialResult

FIRST = ("loss.temperature", "batch_size", "optimizer.learning_rate")
"""What a study asks about before anything else."""


def in_force(one: TrialResult | FinalistResult, path: str) -> Value | None:
    """Return the value of the setting at a dotted path; None if the run has no such setting."""
    if path in one.params:
        return one.params[path]
    found: Any = one.settings
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, str | bool | int | float) else None


def fixed(one: TrialResult | FinalistResult) -> dict[str, Value]:
    """Return the settings of :data:`FIRST` that a run has and that were not drawn, by path."""
    values = {path: in_force(one, path) for path in FIRST if path not in one.params}
    return {path: value for path, value in values.items() if value is not None}
