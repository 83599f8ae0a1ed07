"""Which marks of a figure are drawn if there are more than an eye can tell apart."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import final

LIMIT = 1500
"""Marks that a figure draws before it is thinned out."""

_FINEST = 512
"""Cells along an axis at first: about a third of a mark each."""


@final
@dataclass(frozen=True)
class Mark:
    """One trial in a figure."""

    trial: int
    """Its number."""

    x: float
    y: float
    """Where it is, on axes that are linear on the screen."""

    look: Hashable
    """Colour and shape: marks that look different do not stand for each other."""


def thinned(marks: Sequence[Mark], keep: Collection[int], limit: int = LIMIT) -> set[int]:
    """Return the numbers of the trials to draw: all, or one for each cell of a grid and look.

    Args:
        marks: The trials of a figure.
        keep: Numbers of trials that are drawn in any case.
        limit: How many marks may be drawn, besides those of ``keep``; the grid is as fine as
            it allows.
    """
    if len(marks) <= limit:
        return {mark.trial for mark in marks}
    cells = _FINEST
    chosen = _one_per_cell(marks, cells)
    while len(chosen) > limit and cells > 1:
        cells = cells * 3 // 4
        chosen = _one_per_cell(marks, cells)
    return chosen | {mark.trial for mark in marks if mark.trial in keep}


def _one_per_cell(marks: Sequence[Mark], cells: int) -> set[int]:
    columns = _binned([mark.x for mark in marks], cells)
    rows = _binned([mark.y for mark in marks], cells)
    found: dict[Hashable, int] = {}
    for mark, column, row in zip(marks, columns, rows, strict=True):
        found.setdefault((column, row, mark.look), mark.trial)
    return set(found.values())


def _binned(values: Sequence[float], cells: int) -> list[int]:
    low, high = min(values), max(values)
    scale = cells / (high - low) if high > low else 0.0
    return [min(int((value - low) * scale), cells - 1) for value in values]
