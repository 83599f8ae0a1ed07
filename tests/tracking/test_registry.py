"""An exported folder as a version of a registered model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.errors import StoreError
from study.serving import load
from study.spec import Texts
from study.tracking import Registry, Store
from study.tracking.registry import requirements
from tests.serving.exported import LABELS, TEXTS, exported_to

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

TAGS = {"study.id": "quick-1", "study.run": "finalist/0/1", "note": "first"}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return exported_to(tmp_path / "model")


@pytest.fixture
def run_id(store: Store) -> str:
    return str(store.client.create_run(store.experiment("quick")).info.run_id)


def register(store: Store, run_id: str, exported: Path, tags: dict[str, str] = TAGS) -> str:
    return Registry(store).register(run_id, exported, "tags", tags, "a small game")


def artifacts_of(store: Store) -> Path:
    return Path(store.client.get_model_version("tags", "1").source.removeprefix("file://"))


def test_a_version_knows_its_run_and_its_tags(store: Store, run_id: str, exported: Path) -> None:
    assert register(store, run_id, exported) == "1"
    version = store.client.get_model_version("tags", "1")
    assert version.run_id == run_id
    assert version.tags == TAGS
    (output,) = store.client.get_run(run_id).outputs.model_outputs
    model = store.client.get_logged_model(output.model_id)
    assert (model.status, model.artifact_location) == ("READY", version.source)
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "tags", "version": "1"}]


def test_the_same_study_registers_one_version(store: Store, run_id: str, exported: Path) -> None:
    first = register(store, run_id, exported)
    again = register(store, run_id, exported, TAGS | {"note": "second"})
    other = register(store, run_id, exported, TAGS | {"study.run": "finalist/0/2"})
    assert (first, again, other) == ("1", "1", "2")


def test_aliases_point_at_versions(store: Store, run_id: str, exported: Path) -> None:
    registry = Registry(store)
    assert registry.version_of("tags", "champion") is None
    version = register(store, run_id, exported)
    assert registry.version_of("tags", "champion") is None
    registry.set_alias("tags", "champion", version)
    assert registry.version_of("tags", "champion") == "1"


def test_no_pickle_and_no_other_part_of_the_package_travels(
    store: Store, run_id: str, exported: Path
) -> None:
    register(store, run_id, exported)
    files = [path for path in artifacts_of(store).rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert kinds == {"", ".json", ".py", ".safetensors", ".txt", ".yaml"}
    code = artifacts_of(store) / "code" / "study"
    assert sorted(path.name for path in code.iterdir()) == [
        "__init__.py",
        "errors.py",
        "models",
        "serving",
        "spec",
    ]


def test_what_must_be_installed_is_pinned_without_local_versions(
    store: Store, run_id: str, exported: Path
) -> None:
    register(store, run_id, exported)
    lines = (artifacts_of(store) / "requirements.txt").read_text("utf-8").split()
    assert lines == requirements()
    assert [line.partition("==")[0] for line in lines] == [
        "mlflow",
        "numpy",
        "pandas",
        "pydantic",
        "safetensors",
        "torch",
    ]
    assert not any("+" in line for line in lines)


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")
def test_the_signature_tells_threshold_and_labels(
    store: Store, run_id: str, exported: Path
) -> None:
    from mlflow.models import Model

    register(store, run_id, exported)
    signature = Model.load(str(artifacts_of(store))).signature
    assert [column.name for column in signature.outputs] == ["labels", "scores"]
    assert {one.name: one.default for one in signature.params} == {"threshold": 0.5, "top_k": 4}
    assert (artifacts_of(store) / "input_example.json").read_text("utf-8") == '["a small game"]'


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")
def test_mlflow_takes_a_list_a_column_and_one_text(
    store: Store, run_id: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.pyfunc import load_model

    register(store, run_id, exported)
    monkeypatch.setattr(sys, "path", list(sys.path))
    model = load_model(str(artifacts_of(store)))
    labels = load(exported).labels(Texts(TEXTS))
    expected = [[name for name, _ in one] for one in labels]
    assert model.predict(list(TEXTS))["labels"].tolist() == expected
    assert model.predict(pd.DataFrame({"text": TEXTS}))["labels"].tolist() == expected
    assert model.predict(TEXTS[0])["labels"].tolist() == expected[:1]
    best = model.predict(["a game"], params={"threshold": 0.0, "top_k": 1})
    assert len(best["labels"][0]) == 1


def test_a_folder_that_was_not_exported_is_refused(
    store: Store, run_id: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"model\.json: does not exist$"):
        register(store, run_id, tmp_path)
    assert store.client.search_model_versions("name = 'tags'") == []


def test_a_run_that_does_not_exist_is_named(store: Store, exported: Path) -> None:
    with pytest.raises(StoreError, match="Run with id=0000 not found"):
        register(store, "0000", exported)


ASK = """
import importlib.util, json, sys
for one in list(sys.meta_path):
    if "editable" in repr(one).lower():
        sys.meta_path.remove(one)
sys.path = [one for one in sys.path if one != {root!r}]
assert importlib.util.find_spec("study") is None, "this package can be imported"
from mlflow.pyfunc import load_model
model = load_model("models:/tags/1")
found = model.predict({texts!r}, params={{"threshold": 0.0}})
vendors = ("optuna", "ray", "sklearn", "torchvision", "transformers", "study.plan")
print(json.dumps({{
    "labels": found["labels"].tolist(),
    "scores": found["scores"].tolist(),
    "vendors": [name for name in vendors if name in sys.modules],
}}))
"""


@pytest.mark.slow
def test_it_loads_where_this_package_cannot_be_imported_and_pickle_is_forbidden(
    store: Store, run_id: str, exported: Path, tmp_path: Path
) -> None:
    register(store, run_id, exported)
    environment = os.environ | {
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_TRACKING_URI": store.uri,
    }
    script = ASK.format(texts=list(TEXTS), root=str(Path(__file__).parents[2]))
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert answer["vendors"] == []
    scores = load(exported).scores(Texts(TEXTS))
    for row, (labels, values) in enumerate(zip(answer["labels"], answer["scores"], strict=True)):
        here = dict(zip(LABELS, scores[row].tolist(), strict=True))
        assert dict(zip(labels, values, strict=True)) == pytest.approx(here, abs=1e-6)
