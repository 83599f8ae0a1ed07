"""The figures: plotly values, drawn by the page and kept beside it as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from study.plan.events import Value
from study.plan.result import StudyResult, TrialResult
from study.report.curves import curves
from study.report.facts import Searched, best, gain, higher_is_better, searched
from study.report.formats import places, score, setting
from study.report.intervals import finalists_on
from study.report.look import (
    HOVER,
    INK,
    MUTED,
    Paint,
    layout,
    padded,
    paints,
    parameter_axis,
    text,
    value_axis,
)
from study.report.shown import Shown
from study.report.thin import LIMIT
from study.spec import TrialState


def figures(result: StudyResult) -> dict[str, Any]:
    """Return every figure that has something to show, by name.

    The keys are ``finalists_val``, ``finalists_test``, ``losses``, ``by_PATH`` of each
    searched path, ``history`` and ``curves``. A trace's ``meta`` is its loss, its
    ``customdata`` the numbers of its trials. A layout's ``meta`` says how many trials are
    ``drawn``, ``of`` how many: where marks would cover each other, one stands for all.
    """
    drawn = {
        "finalists_val": finalists_on(result, "val"),
        "finalists_test": finalists_on(result, "test"),
        "losses": by_loss(result),
        **{file_name(one.path): by_parameter(result, one) for one in searched(result)},
        "history": history(result),
        "curves": curves(result),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def file_name(path: str) -> str:
    """Return the name of a searched path's figure: nothing that a file name cannot hold."""
    return "by_" + re.sub(r"[^A-Za-z0-9_.-]", "_", path)


def by_loss(result: StudyResult) -> Any:
    """Return every trial's value on its loss's line, the best loss on top."""
    from plotly.graph_objects import Figure, Scatter

    groups = dict(valued(result))
    if not groups:
        return None
    leaders = {loss: best(result, trials) for loss, trials in groups.items()}
    tops = {loss: trial.value or 0.0 for loss, trial in leaders.items() if trial}
    order = sorted(tops, key=lambda loss: gain(result, tops[loss], 0.0))
    shown = Shown(result, groups, lambda trial: (trial.value or 0.0, order.index(trial.loss)))
    figure = Figure(layout=_loss_layout(result, order) | shown.meta)
    for loss, trials in shown.groups.items():
        values, rows = [trial.value for trial in trials], [text(loss)] * len(trials)
        figure.add_trace(_points(result, trials, values, rows))
        figure.add_trace(
            Scatter(
                x=[tops[loss]],
                y=[text(loss)],
                text=[f"   {score(tops[loss], places(result))}   "],
                mode="text",
                textposition="middle right" if higher_is_better(result) else "middle left",
                textfont={"color": INK, "size": 12},
                hoverinfo="skip",
                cliponaxis=False,
                meta=loss,
            )
        )
    return figure


def _loss_layout(result: StudyResult, order: Sequence[str]) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(map(text, order)),
    }
    rows["range"] = [-0.6, len(order) - 0.4]
    room = {"l": 8, "r": 8, "t": 8, "b": 8} | {"r" if higher_is_better(result) else "l": 56}
    return layout(90 + 40 * len(order), value_axis(result), rows, margin=room)


def by_parameter(result: StudyResult, one: Searched) -> Any:
    """Return every trial's value over what was drawn for one parameter."""
    from plotly.graph_objects import Figure

    groups = {
        loss: [trial for trial in trials if one.path in trial.params]
        for loss, trials in valued(result)
    }
    drawn = [trial.params[one.path] for trials in groups.values() for trial in trials]
    if not drawn:
        return None
    x = parameter_axis(one, drawn)
    along = position(one, x.get("categoryarray", ()))
    shown = Shown(result, groups, lambda trial: (along(_at(one, trial)), trial.value or 0.0))
    figure = Figure(layout=layout(320, x, value_axis(result)) | shown.meta)
    for trials in shown.groups.values():
        places_x = [_at(one, trial) for trial in trials]
        figure.add_trace(_points(result, trials, places_x, [trial.value for trial in trials]))
    return figure


def position(one: Searched, categories: Sequence[str]) -> Callable[[Value], float]:
    """Return where on a parameter's axis a value is, linear on the screen."""
    if one.axis == "category":
        index = {name: float(place) for place, name in enumerate(categories)}
        return lambda value: index[str(value)]
    if one.axis == "log":
        return lambda value: math.log10(max(float(value), 1e-300))
    return float


def _at(one: Searched, trial: TrialResult) -> Value:
    value = trial.params[one.path]
    return text(setting(value)) if one.axis == "category" else value


def history(result: StudyResult) -> Any:
    """Return every trial's value by its number, with the best so far; crosses are failures."""
    from plotly.graph_objects import Figure, Scatter

    if not result.trials:
        return None
    x = {"title_text": "trial", "range": padded(0, max(one.number for one in result.trials))}
    below = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    line = list(best_so_far(result))
    rises = [number for number, _ in line]
    failed = dict(_by_loss(result, lambda trial: trial.value is None and trial.state.ended))
    shown = Shown(result, dict(valued(result)), lambda t: (t.number, t.value or 0.0), rises)
    crosses = Shown(result, failed, lambda trial: (trial.number, 0.0), limit=LIMIT // 5)
    meta = {"meta": {key: shown.counts[key] + crosses.counts[key] for key in shown.counts}}
    figure = Figure(layout=layout(360, x, value_axis(result), yaxis2=below) | meta)
    if line:
        figure.add_trace(
            Scatter(
                x=rises,
                y=[value for _, value in line],
                mode="lines",
                line={"color": MUTED, "width": 1.5, "shape": "hv"},
                name="best so far",
                hoverinfo="skip",
            )
        )
    for trials in shown.groups.values():
        numbers = [trial.number for trial in trials]
        figure.add_trace(_points(result, trials, numbers, [trial.value for trial in trials]))
    for trials in crosses.groups.values():
        trace = _points(result, trials, [one.number for one in trials], [0.03] * len(trials))
        figure.add_trace(trace.update(yaxis="y2"))
    return figure


def best_so_far(result: StudyResult) -> Iterator[tuple[int, float]]:
    """Yield where the best value of a complete trial rose, and where it stands at the end."""
    leader: float | None = None
    for trial in sorted(result.trials, key=lambda trial: trial.number):
        if trial.state is not TrialState.COMPLETE or trial.value is None:
            continue
        if leader is None or gain(result, trial.value, leader) > 0:
            leader = trial.value
            yield trial.number, leader
    if leader is not None:
        yield max(trial.number for trial in result.trials), leader


def valued(result: StudyResult) -> Iterator[tuple[str, list[TrialResult]]]:
    """Yield each loss with its trials that have a value, if there are any."""
    yield from _by_loss(result, lambda trial: trial.value is not None)


def _by_loss(
    result: StudyResult, wanted: Callable[[TrialResult], bool]
) -> Iterator[tuple[str, list[TrialResult]]]:
    for loss in paints(result):
        found = [trial for trial in result.trials if trial.loss == loss and wanted(trial)]
        if found:
            yield loss, found


def _points(
    result: StudyResult, trials: Sequence[TrialResult], x: Sequence[Any], y: Sequence[Any]
) -> Any:
    """Return one loss's trials as points."""
    from plotly.graph_objects import Scatter

    loss = trials[0].loss
    paint: Paint = paints(result)[loss]
    return Scatter(
        x=list(x),
        y=list(y),
        mode="markers",
        name=text(loss),
        meta=loss,
        customdata=[trial.number for trial in trials],
        hovertemplate=HOVER,
        marker={
            "color": paint.colour,
            "size": 10,
            "opacity": 0.9,
            "symbol": [paint.symbol(trial.state) for trial in trials],
            "line": {"color": paint.colour, "width": 1.8},
        },
        cliponaxis=False,
    )
