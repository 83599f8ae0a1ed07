from __future__ import annotations

from typing import TYPE_CHECKING

from study.plan.result import StudyResult
from study.report.facts import (
    Searched,
    best,
    labels,
    losses,
    paths,
    searched,
    shares,
)
from study.spec import TrialState

if TYPE_CHECKING:
    from tests.report.conftest import Story


def test_a_complete_trial_comes_before_a_better_one_that_was_stopped(
    new_story: type[Story],
) -> None:
    story = new_story()
    story.trial(0, curve=[(9, 0.3)])
    story.trial(1, curve=[(9, 0.4)])
    story.trial(2, curve=[(27, 0.9)], state=TrialState.PRUNED)
    result = story.result()
    assert best(result, result.trials) == result.trials[1]
    assert best(result, result.trials[2:]) == result.trials[2]
    assert best(result, ()) is None


def test_of_stopped_trials_the_furthest_come_first(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, curve=[(1, 0.9)], state=TrialState.PRUNED)
    story.trial(1, curve=[(3, 0.5)], state=TrialState.PRUNED)
    story.trial(2, curve=[(3, 0.6)], state=TrialState.PRUNED)
    result = story.result()
    assert best(result, result.trials) == result.trials[2]


def test_the_best_loss_is_the_lowest(new_story: type[Story]) -> None:
    story = new_story(objective="val/hamming_loss")
    story.trial(0, curve=[(9, 0.2)])
    story.trial(1, curve=[(9, 0.1)])
    result = story.result()
    assert best(result, result.trials) == result.trials[1]


def test_losses_keep_the_order_of_the_study_file(new_story: type[Story]) -> None:
    story = new_story(space={"loss.name": ["reg", "bce"]})
    story.trial(0, "slcl")
    story.trial(1, "bce")
    assert losses(story.result()) == ("reg", "bce", "slcl")


def test_temperature_and_batch_size_come_first(quick: StudyResult) -> None:
    assert paths(quick) == (
        "loss.temperature",
        "batch_size",
        "optimizer.learning_rate",
        "loss.alpha",
        "loss.regulariser",
    )


def test_a_label_is_the_whole_path_where_its_end_is_not_enough() -> None:
    assert labels(["batch_size", "encoder.dim", "projection.dim"]) == {
        "batch_size": "batch size",
        "encoder.dim": "encoder.dim",
        "projection.dim": "projection.dim",
    }


def test_the_axis_follows_the_domain(new_story: type[Story]) -> None:
    space = {
        "loss.temperature": {"low": 0.02, "high": 0.5, "log": True, "when": {}},
        "loss.alpha": {"low": 0.0, "high": 2, "log": False, "when": {}},
        "batch_size": [64, 512],
        "encoder.dim": {"choices": [64, 128], "when": {}},
        "loss.regulariser": [True, False],
        "precision": ["fp32", "bf16"],
    }
    found = {one.path: one for one in searched(new_story(space=space).result())}
    assert found == {
        "loss.temperature": Searched("loss.temperature", "temperature", "log", (), (0.02, 0.5)),
        "batch_size": Searched("batch_size", "batch size", "log", (64, 512), (64, 512)),
        "loss.alpha": Searched("loss.alpha", "alpha", "linear", (), (0, 2)),
        "encoder.dim": Searched("encoder.dim", "dim", "linear", (64, 128), (64, 128)),
        "loss.regulariser": Searched(
            "loss.regulariser", "regulariser", "category", (True, False), None
        ),
        "precision": Searched("precision", "precision", "category", ("fp32", "bf16"), None),
    }


def test_each_family_is_followed_by_its_losses(quick: StudyResult) -> None:
    found = [(one.family, one.loss, len(one.trials)) for one in shares(quick)]
    assert found == [
        ("contrastive", None, 15),
        ("contrastive", "base", 1),
        ("contrastive", "proto", 1),
        ("contrastive", "msc", 3),
        ("contrastive", "mulsupcon", 3),
        ("contrastive", "reg", 7),
        ("classifier", None, 9),
        ("classifier", "bce", 3),
        ("classifier", "asl", 4),
        ("classifier", "zlpr", 2),
    ]


def test_a_share_adds_up_its_trials(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, curve=[(1, 0.1), (9, 0.2)])
    story.trial(1, curve=[(3, 0.1)], state=TrialState.PRUNED)
    story.trial(2, curve=[], state=TrialState.FAIL)
    family, loss = shares(story.result())
    assert (family.epochs, family.seconds) == (12, 24.0)
    assert loss.in_state(TrialState.FAIL, TrialState.PRUNED) == 2
