"""Which way is better, and what a study tries to make better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

Direction: TypeAlias = Literal["maximize", "minimize"]
"""Spelt as Optuna and the metrics spell it."""


@final
@dataclass(frozen=True)
class Objective:
    """A metric, and which way it is better."""

    metric: str
    """With its split: ``val/f1_macro``."""

    direction: Direction

    @property
    def name(self) -> str:
        """Name of the metric without its split."""
        return self.metric.partition("/")[2]


def is_better(value: float, other: float, direction: Direction) -> bool:
    """Return whether ``value`` is strictly better than ``other``; any number beats NaN."""
    if math.isnan(other):
        return not math.isnan(value)
    return value > other if direction == "maximize" else value < other


def sort_key(value: float | None, direction: Direction) -> float:
    """Return a number that is smaller the better ``value`` is; nothing and NaN come last."""
    if value is None or math.isnan(value):
        return math.inf
    return -value if direction == "maximize" else value
