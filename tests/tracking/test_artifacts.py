"""Files and folders of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import StoreError
from study.tracking import Store, log_artifacts

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture
def run_id(store: Store) -> str:
    return str(store.client.create_run(store.experiment("quick")).info.run_id)


def names(store: Store, run_id: str, folder: str | None = None) -> list[str]:
    return [one.path for one in store.client.list_artifacts(run_id, folder)]


def test_files_and_folders_keep_their_names(store: Store, run_id: str, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: quick", "utf-8")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "curve.svg").touch()
    log_artifacts(store, run_id, [tmp_path / "study.yaml", tmp_path / "figures"])
    log_artifacts(store, run_id, [tmp_path / "figures"], "report")
    assert names(store, run_id) == ["figures", "report", "study.yaml"]
    assert names(store, run_id, "figures") == ["figures/curve.svg"]
    assert names(store, run_id, "report/figures") == ["report/figures/curve.svg"]


def test_logging_again_replaces(store: Store, storage: Path, run_id: str, tmp_path: Path) -> None:
    for content in ("one", "two"):
        (tmp_path / "table.csv").write_text(content, "utf-8")
        log_artifacts(store, run_id, [tmp_path / "table.csv"])
    (stored,) = (storage / "artifacts").rglob("table.csv")
    assert stored.read_text("utf-8") == "two"


def test_a_missing_file_is_named(store: Store, run_id: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere\.csv"):
        log_artifacts(store, run_id, [tmp_path / "nowhere.csv"])
