"""Fields that there were: a file is told, a stored study is read without them."""

import json
from pathlib import Path

import pytest

from study.errors import ConfigError, Problem
from study.plan.load import load, parse_study
from study.plan.removed import with_hint, without_removed
from study.plan.stored import study_of

DATA = {"name": "x", "dataset": {"name": "debtags"}, "space": {"batch_size": [2, 3]}}
OLD = DATA | {"resources": {"workers": 2, "gpus_per_worker": 0, "isolated": True}}


def test_a_file_with_a_removed_field_is_told_what_holds() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_study(OLD)
    assert str(caught.value) == (
        "resources.isolated: is not a field here: it was removed, "
        "worker groups are always kept warm"
    )


def test_a_file_that_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    """It says the default of every field, those that were removed among them."""
    file = tmp_path / "study.yaml"
    resources = {"workers": 2, "isolated": False}
    file.write_text(json.dumps(DATA | {"resources": resources}), encoding="utf-8")
    assert load(file).resources.workers == 2
    with pytest.raises(ConfigError, match="it was removed"):
        load(file, ["resources.isolated=true"])


def test_other_problems_are_left_as_they_are() -> None:
    problem = Problem("resources.workers", "must be at least 1, not 0")
    assert with_hint(problem) is problem


def test_a_stored_study_is_read_without_it() -> None:
    resources = study_of(OLD, ()).resources
    assert (resources.workers, resources.gpus_per_worker) == (2, 0)
    assert "isolated" in OLD["resources"], "the journal's data must stay as they are"


@pytest.mark.parametrize("data", [{}, {"resources": None}, {"resources": {"workers": 1}}])
def test_where_it_is_not_nothing_changes(data: dict[str, object]) -> None:
    assert without_removed(data) == data
