"""The trials of a figure that are drawn, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

from study.plan.result import StudyResult, TrialResult
from study.report.facts import best
from study.report.thin import LIMIT, Mark, thinned


@final
class Shown:
    """The trials of a figure that are drawn: the finalists and each group's best always.

    Args:
        result: What is known of the study.
        groups: The figure's trials by loss.
        at: Where a trial is in the figure, on axes that are linear on the screen.
        keep: Numbers of further trials that are always drawn.
        limit: Trials to draw before the figure is thinned out.
    """

    def __init__(
        self,
        result: StudyResult,
        groups: Mapping[str, Sequence[TrialResult]],
        at: Callable[[TrialResult], tuple[float, float]],
        keep: Sequence[int] = (),
        limit: int = LIMIT,
    ) -> None:
        marks = [
            Mark(trial.number, *at(trial), (loss, trial.state))
            for loss, trials in groups.items()
            for trial in trials
        ]
        leaders = (best(result, trials) for trials in groups.values())
        always = {*keep, *(one.trial for one in result.finalists)}
        drawn = thinned(marks, always | {one.number for one in leaders if one}, limit)
        self.groups = {
            loss: [trial for trial in trials if trial.number in drawn]
            for loss, trials in groups.items()
            if trials
        }
        self.counts = {"drawn": len(drawn), "of": len(marks)}
        self.meta = {"meta": self.counts}
