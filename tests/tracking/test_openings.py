"""Names, tags and parameters with which runs are opened."""

from __future__ import annotations

import pytest

from study.plan import AnyEvent, StudyStarted, TrialStarted, record_of
from study.tracking import study_id
from study.tracking.openings import Opening, Openings


@pytest.fixture
def started(story: list[AnyEvent]) -> StudyStarted:
    first = story[0]
    assert isinstance(first, StudyStarted)
    return first


def opening(story: list[AnyEvent], number: int) -> Opening:
    record = record_of(story)
    return Openings(record.begun).trial(record.started[number], record.settings(number))


def test_a_drawn_loss_takes_its_own_settings_and_drops_the_others(story: list[AnyEvent]) -> None:
    reg, bce = (opening(story, number).params for number in (0, 1))
    assert {name for name in reg if name.startswith("loss.")} > {"loss.name", "loss.temperature"}
    assert {name: value for name, value in bce.items() if name.startswith("loss.")} == {
        "loss.name": "bce"
    }
    assert set(reg) - set(bce) == {name for name in reg if name.startswith("loss.")} - {
        "loss.name"
    }


def test_a_trial_that_cannot_be_says_what_was_drawn(story: list[AnyEvent]) -> None:
    found = opening(story, 3)
    assert found.params == {"loss.name": "reg", "batch_size": "-1"}
    assert found.name == "003"


def test_stored_settings_are_those_in_force(story: list[AnyEvent]) -> None:
    """Not what this version would draw today."""
    first = next(one for one in story if isinstance(one, TrialStarted))
    stored = first.model_copy(update={"spec": {"loss": {"name": "reg", "gone": 7}}})
    found = opening([story[0], stored], 0)
    assert found.params == {"loss.name": "reg", "loss.gone": "7"}


def test_the_parent_says_the_whole_spec_by_dotted_path(started: StudyStarted) -> None:
    params = Openings(started).study.params
    assert params["trial.loss.name"] == "reg"
    assert params["space.batch_size"] == "[64, 128]"
    assert params["search.sampler.name"] == "tpe"
    assert params["registry.model"] == "tags"
    assert params["trial.loss.regulariser"] == "true"


def test_studies_are_told_apart_by_name_content_and_start() -> None:
    ids = {study_id("a", "d", 1.0), study_id("b", "d", 1.0), study_id("a", "e", 1.0)}
    assert len(ids | {study_id("a", "d", 1.001)}) == 4
    assert study_id("a", "d", 1.0) in ids
