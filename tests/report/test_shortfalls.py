"""What the page says was cut, failed or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from study.plan.events import OUT_OF_TIME, FinalistEnded, SettingsChanged
from study.plan.failures import failures
from study.plan.runs import FinalistRun
from study.report.leaderboard import leaderboard, runs
from study.report.sections import sections
from study.report.shortfalls import BEHIND, shortfalls
from study.spec import TrialState
from tests.report.test_leaderboard import texts

if TYPE_CHECKING:
    from tests.report.conftest import Story

NAN = "the loss became NaN in epoch {} (step 41)"


def one_seed_failed(new_story: type[Story]) -> Story:
    story = new_story(budget={"trials": 2})
    for number, loss in enumerate(("reg", "msc")):
        story.trial(number, loss, batch_size=64)
    story.choose(0, 1)
    run = FinalistRun(0, 2)
    story.tell(FinalistEnded, run=run, state=TrialState.FAIL, reason="out of memory\nTraceback")
    story.rank((0.45, 0.44), (0.42, 0.41))
    return story


def test_a_failed_seed_is_told_wherever_its_configuration_is(new_story: type[Story]) -> None:
    result = one_seed_failed(new_story).result()
    assert shortfalls(result) == (
        "reg of trial 0 has 2 of 3 seeds: seed 2 failed.",
        BEHIND,
        "Failed: finalist of trial 0, seed 2: out of memory.",
    )
    assert texts(leaderboard(result))[1].endswith("2 of 3, 1 failed")
    assert "failed – – – – 0.0 s f02 out of memory Traceback" in texts(runs(result))[3]
    assert sections(result, {}).count(BEHIND) == 2


def test_what_time_cut_is_told(new_story: type[Story]) -> None:
    story = new_story(budget={"trials": 24, "hours": 1})
    story.trial(0, "reg", [(1, 0.3)], TrialState.PRUNED, OUT_OF_TIME)
    story.trial(1, "reg")
    story.choose(1, 0, seeds=2)
    run = FinalistRun(0, 1)
    story.tell(FinalistEnded, run=run, state=TrialState.PRUNED, reason=OUT_OF_TIME)
    assert shortfalls(story.result()) == (
        "1 trial was stopped before the last epoch: budget.hours is used up.",
        "2 of 24 trials were started in the time for the search.",
        "Each finalist has 2 seeds instead of 3: no time for more.",
        "1 of 4 finalist runs were left out: budget.hours is used up.",
    )


def test_settings_that_changed_on_resume_are_told(new_story: type[Story]) -> None:
    story = new_story()
    changed = story.spec | {"budget": {"trials": 40}}
    story.tell(SettingsChanged, spec=changed, changes=("budget.trials: 40, was 24",))
    story.tell(SettingsChanged, spec=changed, changes=("resources.lanes: 2, was auto",))
    assert story.result().changes == ("budget.trials: 40, was 24", "resources.lanes: 2, was auto")
    assert shortfalls(story.result()) == (
        "Changed on resume: budget.trials: 40, was 24; resources.lanes: 2, was auto.",
    )
    assert "0 of 40 trials have ended" in sections(story.result(), {})


def test_nothing_is_told_where_nothing_was_cut(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0)
    assert shortfalls(story.result()) == ()
    assert "What was cut" not in sections(story.result(), {})


def test_failures_are_grouped_by_reason(new_story: type[Story]) -> None:
    story = new_story()
    for number in range(12):
        reason = NAN.format(number) if number != 3 else ""
        story.trial(number, curve=[(1, 0.2)], state=TrialState.FAIL, reason=reason)
    story.trial(12, curve=[], state=TrialState.INFEASIBLE, reason="cannot chunk\nmore")
    story.trial(13, state=TrialState.PRUNED, reason="not among the best third")
    assert failures(story.result()) == [
        "failed: trial 0, trial 1, trial 2, trial 4, trial 5, trial 6, trial 7, trial 8 and 3 "
        "more: the loss became NaN in epoch 0 (step 41) (the numbers differ)",
        "failed: trial 3: no reason is known",
        "failed: trial 12: cannot chunk",
    ]


def test_very_many_reasons_are_not_all_listed(new_story: type[Story]) -> None:
    story = new_story()
    for number in range(20):
        reason = "x" * (number + 1)
        story.trial(number, curve=[], state=TrialState.FAIL, reason=reason)
    lines = failures(story.result())
    assert len(lines) == 9
    assert lines[-1] == "failed for 12 more reasons"
