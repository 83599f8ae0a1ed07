from __future__ import annotations

from typing import TYPE_CHECKING

from study.plan.result import StudyResult
from study.report.curves import curves
from study.spec import TrialState

if TYPE_CHECKING:
    from tests.report.conftest import Story


def test_trials_of_a_loss_are_one_trace_with_gaps(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "reg", [(1, 0.1), (3, 0.2)], TrialState.PRUNED)
    story.trial(1, "reg", [(1, 0.3)], TrialState.FAIL)
    story.trial(2, "bce", [(1, 0.4), (9, 0.5)])
    story.trial(3, "bce", [], TrialState.RUNNING)
    bce, reg = curves(story.result()).data
    assert (bce.meta, bce.x, bce.y) == ("bce", (1, 9), (0.4, 0.5))
    assert (reg.x, reg.y) == ((1, 3, None, 1), (0.1, 0.2, None, 0.3))
    assert reg.marker.symbol[:2] == ("circle", "circle-open")
    assert reg.marker.symbol[3] == "x-thin"
    assert reg.customdata == (0, 0, 0, 1)


def test_finalists_are_thick_and_on_top(quick: StudyResult) -> None:
    traces = curves(quick).data
    thick = [trace for trace in traces if trace.line.width > 2]
    chosen = {one.trial for one in quick.finalists}
    assert traces[-4:] == tuple(thick)
    assert [list(trace.y) for trace in thick] == [
        [rung.metrics["val/f1_macro"] for rung in trial.rungs]
        for trial in quick.trials
        if trial.number in chosen
    ]


def test_every_trial_that_was_evaluated_has_a_curve(quick: StudyResult) -> None:
    ends = sum(1 + list(trace.x).count(None) for trace in curves(quick).data)
    assert ends == len(quick.trials)


def test_without_an_evaluation_there_is_no_figure(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, curve=[], state=TrialState.RUNNING)
    assert curves(story.result()) is None
