"""Recorded trials as curves: a run reaches what the most similar recorded trial reached.

The file has one JSON object per line: ``params`` (values by dotted path), ``value`` and
``seconds`` (by epoch).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from study.errors import Problem, StoreError
from study.execution.job import Assignment
from study.execution.simulate import Point


@final
@dataclass(frozen=True)
class Recorded:
    """One recorded trial."""

    params: Mapping[str, Any]
    """What was drawn, by dotted path."""

    value: Mapping[int, float]
    """The objective, by epoch."""

    seconds: Mapping[int, float]
    """Since the rung before, by epoch."""


def read_pool(file: Path) -> tuple[Recorded, ...]:
    """Return the trials of a file.

    Raises:
        StoreError: If a line is no recorded trial.
    """
    with file.open(encoding="utf-8") as lines:
        return tuple(_recorded(file, number, line) for number, line in enumerate(lines, start=1))


def _recorded(file: Path, number: int, line: str) -> Recorded:
    try:
        raw = json.loads(line)
        by_epoch = (
            {int(epoch): float(v) for epoch, v in raw[key].items()} for key in ("value", "seconds")
        )
        return Recorded(dict(raw["params"]), *by_epoch)
    except (ValueError, KeyError, TypeError, AttributeError):
        rule = "must be an object with params, value and seconds by epoch"
        raise StoreError(Problem(f"{file}:{number}", rule)) from None


@final
class Pool:
    """The curve of the most similar trial.

    Trials with another loss are not looked at. The distance of two numbers is that of their
    logarithms, in units of the pool's range; of other values 0 or 1.

    Args:
        trials: At least one of every loss that is asked for.
    """

    def __init__(self, trials: Sequence[Recorded]) -> None:
        self._by_loss: dict[str, list[Recorded]] = {}
        for trial in trials:
            self._by_loss.setdefault(str(trial.params["loss.name"]), []).append(trial)
        self._width = _widths(trials)

    def __call__(self, assignment: Assignment) -> list[Point]:
        """Return what the most similar trial reached at each rung.

        Raises:
            StoreError: If no trial has this loss, or the most similar one lacks a rung.
        """
        loss = str(assignment.spec["loss"]["name"])
        alike = self._by_loss.get(loss, [])
        if not alike:
            raise StoreError(f"the pool has no trial with loss {loss}")
        nearest = min(alike, key=lambda trial: self._distance(trial, assignment.spec))
        missing = [rung for rung in assignment.rungs if rung not in nearest.value]
        if missing:
            raise StoreError(f"the pool has no value of loss {loss} at epoch {missing[0]}")
        return [Point(nearest.value[rung], nearest.seconds[rung]) for rung in assignment.rungs]

    def _distance(self, trial: Recorded, spec: Mapping[str, Any]) -> float:
        return sum(
            _distance(value, _at(spec, path), self._width.get(path, 1.0)) ** 2
            for path, value in trial.params.items()
        )


def _distance(one: Any, other: Any, width: float) -> float:
    if _is_number(one) and _is_number(other):
        return abs(_scaled(one) - _scaled(other)) / width
    return float(one != other)


def _widths(trials: Sequence[Recorded]) -> dict[str, float]:
    """Return the range of every number, by path, on the scale on which distances are taken."""
    found: dict[str, list[float]] = {}
    for trial in trials:
        for path, value in trial.params.items():
            if _is_number(value):
                found.setdefault(path, []).append(_scaled(value))
    return {path: (max(values) - min(values)) or 1.0 for path, values in found.items()}


def _scaled(value: float) -> float:
    return math.log(value) if value > 0 else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(spec: Mapping[str, Any], path: str) -> Any:
    """Return a setting by its dotted path; None if the spec has none there."""
    found: Any = spec
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
