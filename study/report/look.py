"""Colours, symbols and axes: one look for every figure.

The palette keeps its losses apart for colour-blind eyes: under simulated protanopia,
deuteranopia and tritanopia (Machado et al., 2009) any two colours differ by at least 9 in
OKLab (times 100), and each has a contrast of at least 3 with the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, final

from study.plan.events import Value
from study.plan.result import StudyResult
from study.report.facts import Searched, losses
from study.report.formats import setting
from study.spec import TrialState

PALETTE = {
    "#1c55d1": "#406be4",
    "#d48118": "#fecc90",
    "#851418": "#cd2d0a",
    "#489db9": "#52eefe",
    "#711c8d": "#ac39a2",
    "#9371fd": "#9ea4f0",
    "#6c6f02": "#a49b10",
    "#9f5d78": "#fc7198",
}
"""A loss's colour on a light page to its colour on a dark one."""

INK, MUTED, GRID, CARD = "#1b2027", "#5c6673", "#e4e7eb", "#fefefe"
DARK = PALETTE | {INK: "#e7eaee", MUTED: "#9da7b3", GRID: "#2c323a", CARD: "#20252c"}
"""Every colour of the figures to what stands for it on a dark page."""

SHAPES = ("circle", "square", "diamond", "triangle-up")
"""With more losses than colours, the next round of colours has the next shape."""

_FILLS = {TrialState.COMPLETE: "", TrialState.PRUNED: "-open", TrialState.RUNNING: "-open-dot"}


@final
@dataclass(frozen=True)
class Paint:
    """How one loss is drawn in every figure."""

    colour: str
    shape: str

    def symbol(self, state: TrialState) -> str:
        """Return the marker of a trial: full if complete, hollow if pruned, else a cross."""
        return self.shape + _FILLS[state] if state in _FILLS else "x-thin"


def paints(result: StudyResult) -> dict[str, Paint]:
    """Return each loss's paint; it depends on the order of losses in the study file only."""
    colours = tuple(PALETTE)
    return {
        loss: Paint(colours[index % len(colours)], SHAPES[index // len(colours) % len(SHAPES)])
        for index, loss in enumerate(losses(result))
    }


def layout(height: int, x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the layout that all figures share, with these axes."""
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"color": MUTED, "size": 12},
        "title_font": {"color": MUTED, "size": 13},
        "title_standoff": 10,
        "ticklabelstandoff": 6,
    }
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "color": INK, "size": 13},
        "hoverlabel": {"bgcolor": CARD, "bordercolor": GRID, "font": {"color": INK}},
        "hovermode": "closest",
        "showlegend": False,
        "xaxis": axis | x,
        "yaxis": axis | y,
    } | more


def parameter_axis(searched: Searched, drawn: Sequence[Value]) -> dict[str, Any]:
    """Return the axis of a searched parameter, with ticks at its choices if they are few."""
    title = {"title_text": text(searched.path), "type": searched.axis}
    if searched.ends is None:
        order = list(dict.fromkeys(text(setting(one)) for one in [*searched.choices, *drawn]))
        around = [-0.5, len(order) - 0.5]
        return title | {"categoryorder": "array", "categoryarray": order, "range": around}
    low, high = searched.ends
    if searched.axis == "log":
        ticks = _ticks(searched.choices or log_ticks(searched.ends))
        return title | ticks | {"range": padded(math.log10(low), math.log10(high))}
    few = 0 < len(searched.choices) <= 8
    return title | {"range": padded(low, high)} | (_ticks(searched.choices) if few else {})


def value_axis(result: StudyResult) -> dict[str, Any]:
    """Return the axis of the objective: the same range wherever trials are drawn."""
    values = [trial.value for trial in result.trials if trial.value is not None]
    title = {"title_text": text(result.objective)}
    return title | ({"range": padded(min(values), max(values))} if values else {})


def padded(low: float, high: float) -> list[float]:
    """Return a range with room for the markers at its ends."""
    pad = 0.07 * (high - low) or 0.07 * abs(high) or 0.5
    return [low - pad, high + pad]


def epoch_axis(epochs: Sequence[int]) -> dict[str, Any]:
    """Return the axis of epochs: of logarithms if the steps between rungs grow."""
    rungs = sorted(set(epochs))
    is_log = len(rungs) > 2 and rungs[-1] - rungs[-2] > rungs[1] - rungs[0]
    ticks = _ticks(rungs) if is_log or len(rungs) <= 8 else {}
    return {"title_text": "epoch", "type": "log" if is_log else "linear"} | ticks


def log_ticks(numbers: Sequence[float]) -> list[float]:
    """Return 1, 2 and 5 times powers of ten, from half the lowest number to twice the highest.

    Over more than three decades the powers of ten alone; none if a number is not above 0.
    """
    low, high = min(numbers), max(numbers)
    if low <= 0:
        return []
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    factors = (1.0, 2.0, 5.0) if high <= 1000 * low else (1.0,)
    ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
    return [tick for tick in ticks if low / 2 <= tick <= high * 2]


def _ticks(values: Sequence[Value]) -> dict[str, Any]:
    if not values:
        return {}
    return {
        "tickmode": "array",
        "tickvals": list(values),
        "ticktext": [setting(value) for value in values],
    }


def text(value: object) -> str:
    """Return text for a figure: plotly takes some HTML in it."""
    return escape(str(value))


HOVER = "trial %{customdata}<br>%{x}<br>%{y}<extra></extra>"
"""What a mark says when it is pointed at; the page's script says more, from the trial's row."""
