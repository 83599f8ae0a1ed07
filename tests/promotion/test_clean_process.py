"""A registered model answers in a fresh process, by its own code and without pickle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from study.promotion import reload
from study.tracking import Registry
from tests.promotion.conftest import Ranked
from tests.serving.exported import TEXTS, exported_to

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
]

TAGS = {"study.id": "quick", "study.run": "finalist/0/1"}


@pytest.fixture
def exported(ranked: Ranked) -> Path:
    return ranked.folder / "finalists" / "finalist-0-seed-1" / "model"


@pytest.fixture
def run_id(ranked: Ranked) -> str:
    winner = ranked.result.finalists[0].seeds[1]
    assert winner.run_id is not None
    return winner.run_id


def code_of(ranked: Ranked) -> Path:
    source = ranked.store.client.get_model_version("tags", "1").source
    return Path(source.removeprefix("file://")) / "code" / "study"


def test_the_registered_model_is_the_exported_one(
    ranked: Ranked, run_id: str, exported: Path
) -> None:
    Registry(ranked.store).register(run_id, exported, "tags", TAGS, TEXTS[0])
    found = reload(ranked.store.uri, "models:/tags/1", exported, TEXTS)
    assert found.problem == ""
    assert found.difference < 1e-6
    assert found.holds
    assert not list(code_of(ranked).rglob("__pycache__"))


def test_another_model_is_told_apart(
    ranked: Ranked, run_id: str, exported: Path, tmp_path: Path
) -> None:
    other = exported_to(tmp_path / "other", seed=1)
    Registry(ranked.store).register(run_id, other, "tags", TAGS, TEXTS[0])
    found = reload(ranked.store.uri, "models:/tags/1", exported, TEXTS)
    assert found.difference > 1e-3
    assert not found.holds


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_needs_pickle_does_not_load(
    ranked: Ranked, run_id: str, exported: Path
) -> None:
    from mlflow.pyfunc import PythonModel, save_model

    Registry(ranked.store).register(run_id, exported, "tags", TAGS, TEXTS[0])
    folder = code_of(ranked).parents[1]
    shutil.rmtree(folder)
    save_model(folder, python_model=PythonModel(), pip_requirements=["mlflow"])
    found = reload(ranked.store.uri, "models:/tags/1", exported, TEXTS)
    assert "using pickle is disallowed" in found.problem
    assert np.isinf(found.difference)
    assert not found.holds


def test_code_that_does_not_travel_is_told(ranked: Ranked, run_id: str, exported: Path) -> None:
    Registry(ranked.store).register(run_id, exported, "tags", TAGS, TEXTS[0])
    (code_of(ranked) / "serving" / "load.py").write_text(
        "import a_module_of_this_machine\n", "utf-8"
    )
    found = reload(ranked.store.uri, "models:/tags/1", exported, TEXTS)
    assert "a_module_of_this_machine" in found.problem
    assert not found.holds
