"""Stored studies outlive the version that wrote them."""

from pathlib import Path
from typing import Any

import pytest

from study.errors import ConfigError
from study.plan import StudySpec, draw, load
from study.plan.load import parse_study
from study.plan.stored import (
    changes,
    given_settings,
    is_changeable,
    settings_file,
    shown_study,
    study_of,
)

FILE = Path("search_spaces/quickstart.yaml")


@pytest.fixture
def spec() -> StudySpec:
    return load(FILE)


def stored(spec: StudySpec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


def without(data: dict[str, Any], path: str) -> dict[str, Any]:
    """The same study as a version would have stored it that did not know a field."""
    *sections, field = path.split(".")
    inner = data
    for section in sections:
        inner = inner[section]
    del inner[field]
    return data


@pytest.mark.parametrize("path", ["trial.count_repelled", "finalists.seeds", "search.seed"])
def test_a_field_that_came_later_changes_no_study(spec: StudySpec, path: str) -> None:
    """Literally: today's field, unknown to the version that stored the study."""
    old = study_of(without(stored(load(FILE, ["finalists.seeds=3"])), path), ())
    assert changes(old, load(FILE, ["finalists.seeds=3"])) == {}


def test_a_question_that_differs_is_named_by_path(spec: StudySpec) -> None:
    other = load(FILE, ["trial.epochs=5", "budget.trials=40"])
    found = changes(spec, other)
    assert found == {"trial.epochs": "5, was 9", "budget.trials": "40, was 24"}
    assert [path for path in found if is_changeable(path)] == ["budget.trials"]


def test_what_cannot_be_read_is_left_out_for_display(spec: StudySpec) -> None:
    data = stored(spec)
    data["trial"]["loss"] = {"name": "removed_loss", "strength": 3}
    data["resources"]["gone"] = True
    data["objective"] = "val/removed_metric"
    shown = shown_study(data)
    assert (shown.budget.trials, shown.trial.epochs) == (24, 9)
    with pytest.raises(ConfigError, match=r"trial\.loss\.name"):
        study_of(data, ())


@pytest.mark.parametrize("data", [{}, {"name": "x"}, {"space": 3, "name": None}])
def test_a_study_of_which_nothing_is_readable_is_shown(data: dict[str, Any]) -> None:
    assert shown_study(data).trial.epochs == 9


GIVEN = ["trial.loss={name: reg, temperature: 0.1, without_positives: skip}"]
"""Both are the defaults of reg, but not of every other loss."""


def drawn(spec: StudySpec, loss: str) -> dict[str, Any]:
    values = {"loss.name": loss}
    return draw(spec.trial, spec.dataset, values).loss.model_dump()


@pytest.mark.parametrize("sets", [[], GIVEN], ids=["defaults", "given"])
def test_shared_settings_survive_the_journal_and_the_study_file(
    sets: list[str], tmp_path: Path
) -> None:
    import yaml

    spec = load(FILE, sets)
    again = study_of(stored(spec), given_settings(spec))
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(settings_file(spec)), encoding="utf-8")
    for other in (again, load(file)):
        assert changes(spec, other) == {}
        for loss in ("msc", "proto", "base", "bce"):
            assert drawn(other, loss) == drawn(spec, loss)


def test_a_given_setting_holds_for_every_loss_that_has_it() -> None:
    spec = load(FILE, GIVEN)
    assert drawn(spec, "msc")["without_positives"] == "skip"
    assert drawn(load(FILE), "msc")["without_positives"] == "count"
    assert "temperature" not in drawn(spec, "bce")


def test_given_settings_reach_the_parts_of_combined() -> None:
    spec = load(FILE, ["trial.loss={name: msc, temperature: 0.4, accuracy: bf16}"])
    part = drawn(spec, "combined")["contrastive"]
    assert (part["name"], part["temperature"], part["accuracy"]) == ("reg", 0.4, "bf16")
    values = {"loss.name": "combined", "loss.contrastive.name": "proto"}
    loss = draw(spec.trial, spec.dataset, values).loss.model_dump()
    assert loss["contrastive"]["temperature"] == 0.4


def test_a_drawn_temperature_beats_the_given_one() -> None:
    spec = load(FILE, ["trial.loss={name: reg, temperature: 0.4}"])
    values = {"loss.name": "msc", "loss.temperature": 0.05}
    loss = draw(spec.trial, spec.dataset, values).loss.model_dump()
    assert loss["temperature"] == 0.05


def test_giving_a_default_is_another_question() -> None:
    """It changes what other losses are drawn with."""
    found = changes(load(FILE), load(FILE, GIVEN))
    assert found == {
        "trial.loss.temperature for every loss": "true, was nothing",
        "trial.loss.without_positives for every loss": "true, was nothing",
    }
    assert not any(is_changeable(path) for path in found)
    assert changes(load(FILE), load(FILE, GIVEN), given_is_known=False) == {}


def test_a_study_that_parses_twice_is_the_same(spec: StudySpec) -> None:
    assert parse_study(settings_file(spec)) == spec
