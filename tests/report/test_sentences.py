"""The words, literally."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from study.plan.events import StudyInterrupted
from study.report.sentences import answer, better, gate, model
from study.spec import TrialState
from tests.report.conftest import fixed_temperature

if TYPE_CHECKING:
    from tests.report.conftest import Story

WON = (
    "reg won with temperature 0.0712, batch size 256 and learning rate 0.012: "
    "test/f1_macro 0.447 (95 % interval 0.442 to 0.453, 3 seeds)."
)


def test_a_winner_beyond_the_noise(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416)).result()
    assert answer(result) == (
        WON,
        "That is 0.031 better than the classifier baseline asl, 0.416 (95 % interval 0.411 to "
        "0.422, 3 seeds); the intervals do not overlap, so the difference is beyond the noise.",
    )


def test_a_winner_within_the_noise(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.445, 0.441)).result()
    assert answer(result) == (
        WON,
        "That is 0.006 better than the classifier baseline asl, 0.441 (95 % interval 0.436 to "
        "0.447, 3 seeds); the intervals overlap, so the difference may be noise.",
    )


def test_a_winner_that_test_does_not_confirm(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.445, 0.46)).result()
    assert answer(result)[1] == (
        "That is 0.013 worse than the classifier baseline asl, 0.460 (95 % interval 0.455 to "
        "0.466, 3 seeds); the intervals do not overlap, so the difference is beyond the noise. "
        "The winner is chosen on val, not on test."
    )


def test_a_winner_level_with_the_baseline(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.445, 0.4468)).result()
    assert answer(result)[1].startswith("That is level with the classifier baseline asl, 0.447 (")


def test_one_seed_says_nothing_of_seeds(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416), seeds=1).result()
    assert answer(result)[0].endswith("(95 % interval 0.442 to 0.453, 1 seed).")
    assert answer(result)[1].endswith(
        "; the intervals do not overlap, but one seed says nothing of the noise between seeds."
    )


def test_the_baseline_itself_wins(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.46, 0.461)).result()
    assert answer(result) == (
        "The classifier baseline asl won with batch size 128 and learning rate 0.02: "
        "test/f1_macro 0.461 (95 % interval 0.456 to 0.467, 3 seeds).",
        "The best contrastive loss, reg with temperature 0.0712, batch size 256 and learning rate "
        "0.012, reached 0.447 (95 % interval 0.442 to 0.453, 3 seeds). That is 0.014 worse than "
        "the baseline; the intervals do not overlap, so the difference is beyond the noise.",
    )


def test_only_classifiers_are_left(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "asl", batch_size=64)
    story.choose(0, baseline=0)
    story.rank((0.4, 0.4))
    assert answer(story.result())[1:] == ("No contrastive loss is among the finalists.",)


def test_no_baseline(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416), third="proto").result()
    assert answer(result) == (
        WON,
        "No classifier is among the ranked finalists: there is no baseline to compare with.",
    )


def test_a_loss_is_better_when_it_is_lower(new_story: type[Story]) -> None:
    story = new_story(objective="val/hamming_loss")
    story.trial(0, "reg", [(9, 0.051)], batch_size=64)
    story.trial(1, "bce", [(9, 0.062)], batch_size=64)
    story.choose(0, 1, baseline=1)
    story.rank((0.052, 0.0531), (0.061, 0.0625), spread=0.001)
    assert answer(story.result()) == (
        "reg won with temperature 0.1, batch size 64 and learning rate 0.01: test/hamming_loss "
        "0.0531 (95 % interval 0.0521 to 0.0543, 3 seeds).",
        "That is 0.0094 better than the classifier baseline bce, 0.0625 (95 % interval 0.0615 to "
        "0.0637, 3 seeds); the intervals do not overlap, so the difference is beyond the noise.",
    )


def test_a_failure_after_the_ranking_is_told(decide: Callable[..., Story]) -> None:
    story = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416))
    story.end("FAILED", "the registry is away.")
    assert answer(story.result())[2:] == (
        "The study failed after its finalists were ranked: the registry is away.",
    )


def test_an_interruption_is_told_with_its_reason(
    new_story: type[Story], decide: Callable[..., Story]
) -> None:
    story = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416))
    assert len(answer(story.result())) == 2, "no reason: the report is written before the end"
    story.tell(StudyInterrupted, reason="the store is away\nthe disk is full")
    assert answer(story.result())[2] == (
        "The study was interrupted after its finalists were ranked and can be resumed: "
        "the store is away; the disk is full."
    )
    early = new_story()
    early.trial(0)
    early.tell(StudyInterrupted, reason="the disk is full")
    assert answer(early.result())[:2] == (
        "There is no winner yet, the study was interrupted: 1 of 24 trials have ended.",
        "It can be resumed; it was interrupted because of this: the disk is full.",
    )


def test_a_winner_is_told_with_settings_that_were_not_drawn(new_story: type[Story]) -> None:
    story = new_story(**fixed_temperature())
    story.trial(0, "msc", batch_size=64)
    story.choose(0)
    story.rank((0.4, 0.4))
    assert answer(story.result())[0].startswith(
        "msc won with temperature 0.05, batch size 64 and learning rate 0.01: "
    )


def test_a_study_that_runs(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "asl", batch_size=64)
    story.trial(1, "reg", [(1, 0.5)], TrialState.PRUNED, batch_size=64, loss__temperature=0.07)
    story.trial(2, "reg", [], TrialState.RUNNING)
    assert answer(story.result(running=True)) == (
        "There is no winner yet, the study is running: 2 of 24 trials have ended.",
        "Best so far: trial 0, asl with batch size 64 and learning rate 0.01, val/f1_macro 0.440 "
        "at epoch 9.",
    )


def test_a_study_whose_finalists_are_not_ranked(new_story: type[Story]) -> None:
    story = new_story(budget={})
    story.trial(0)
    story.choose(0, seeds=3)
    story.finish(0, 0, 0.45, 0.99)
    said = answer(story.result())
    assert said[0] == (
        "There is no winner yet, the study was interrupted: the search is over after 1 trial."
    )
    assert said[2] == (
        "1 of 3 finalist runs have ended; test is shown once they are ranked on val."
    )
    assert "0.99" not in " ".join(said)


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("FAILED", "all lanes died", "There is no winner, the study failed: all lanes died."),
        ("FAILED", "", "There is no winner, the study failed."),
        ("FINISHED", "", "The study finished without a winner."),
    ],
)
def test_a_study_that_ended_without_a_winner(
    new_story: type[Story], state: str, reason: str, said: str
) -> None:
    story = new_story()
    story.trial(0, curve=[], state=TrialState.FAIL)
    story.end(state, reason)
    assert answer(story.result()) == (said, "No trial has a value.")


def test_how_the_model_stands(decide: Callable[..., Story], new_story: type[Story]) -> None:
    story = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416))
    assert model(new_story().result()) == ("none", "no winner to register")
    assert model(story.result()) == ("none", "nothing is registered")
    story.register()
    assert model(story.result()) == ("debtags version 3", "no alias")
    story.register("challenger")
    assert model(story.result()) == ("debtags version 3", "alias challenger")
    assert gate(story.result()) == "Why it is not champion"
    story.register("challenger", "champion")
    assert gate(story.result()) == "Why it is champion"


def test_which_way_is_better() -> None:
    assert [better(True), better(False)] == ["higher is better", "lower is better"]
