"""The learning curves of all trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from study.plan.result import StudyResult, TrialResult
from study.report.look import HOVER, Paint, epoch_axis, layout, paints, text
from study.report.shown import Shown
from study.report.thin import LIMIT


def curves(result: StudyResult) -> Any:
    """Return the objective over epochs: one trace per loss, one per trial that went on.

    The trials of one trace are kept apart by None. Of very many trials some are drawn, as
    the layout's ``meta`` says: those that differ in their last value and epoch.
    """
    from plotly.graph_objects import Figure

    groups = {
        loss: [trial for trial in result.trials if trial.loss == loss and trial.rungs]
        for loss in paints(result)
    }
    epochs = sorted({r.epoch for trials in groups.values() for one in trials for r in one.rungs})
    if not epochs:
        return None
    # So many points together as the other figures have.
    shown = Shown(result, groups, _last(result, epochs), limit=max(100, LIMIT // len(epochs)))
    y = {"title_text": text(result.objective)}
    figure = Figure(layout=layout(420, epoch_axis(epochs), y) | shown.meta)
    chosen = {one.trial for one in result.finalists}
    for loss, trials in shown.groups.items():
        mine = [one for one in trials if one.number not in chosen]
        if mine:
            figure.add_trace(_lines(result, mine, paints(result)[loss], strong=False))
    for trial in result.trials:
        if trial.number in chosen and trial.rungs:
            paint = paints(result)[trial.loss]
            figure.add_trace(_lines(result, [trial], paint, strong=True))
    return figure


def _last(
    result: StudyResult, epochs: Sequence[int]
) -> Callable[[TrialResult], tuple[float, float]]:
    """Return where a trial's curve ends; epochs count by their order."""
    index = {epoch: float(place) for place, epoch in enumerate(epochs)}

    def at(trial: TrialResult) -> tuple[float, float]:
        last = trial.rungs[-1]
        return index[last.epoch], last.metrics.get(result.objective, 0.0)

    return at


def _lines(
    result: StudyResult, trials: Iterable[TrialResult], paint: Paint, *, strong: bool
) -> Any:
    from plotly.graph_objects import Scatter

    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int] = []
    symbols: list[str] = []
    loss = ""
    for trial in trials:
        loss = trial.loss
        x += [*(rung.epoch for rung in trial.rungs), None]
        y += [*(rung.metrics.get(result.objective) for rung in trial.rungs), None]
        numbers += [trial.number] * (len(trial.rungs) + 1)
        symbols += [paint.shape] * (len(trial.rungs) - 1) + [paint.symbol(trial.state)] * 2
    return Scatter(
        x=x[:-1],
        y=y[:-1],
        customdata=numbers[:-1],
        mode="lines+markers",
        name=text(loss),
        meta=loss,
        hovertemplate=HOVER,
        line={"color": paint.colour, "width": 3.5 if strong else 1},
        marker={
            "color": paint.colour,
            "size": 9 if strong else 6,
            "symbol": symbols[:-1],
            "line": {"color": paint.colour, "width": 1.5},
        },
        opacity=1 if strong else 0.6,
        cliponaxis=False,
    )
