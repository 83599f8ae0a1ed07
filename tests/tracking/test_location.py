"""A storage folder that is moved or copied takes its store and its models along."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from study.plan import AnyEvent, Journal, RunOpened
from study.promotion import reload
from study.tracking import Mirror, Registry, Store, is_own_store, open_store
from study.tracking.location import LOCATION_FILE
from tests.serving.exported import TEXTS, exported_to

TAGS = {"study.id": "quick", "study.run": "finalist/0/1"}


def continue_with(store: Store, folder: Path, events: list[AnyEvent]) -> None:
    journal = Journal(folder / "journal.jsonl")
    held = sum(not isinstance(one, RunOpened) for one in journal.events)
    for event in events[held:]:
        journal.append(event)
    mirror = Mirror(store, journal, folder)
    assert mirror.close()
    journal.close()


@pytest.fixture
def finished(store: Store, folder: Path, story: list[AnyEvent]) -> Path:
    """The storage folder of a study with a report and a registered model."""
    (folder / "report").mkdir(parents=True)
    for name in ("study.yaml", "report/report.html"):
        (folder / name).write_text(name, "utf-8")
    continue_with(store, folder, story)
    (run,) = store.client.search_runs(
        [store.experiment("quick")], "tags.`study.run` = 'finalist/0/1'"
    )
    exported = exported_to(folder / "finalists" / "0-seed-1" / "model")
    Registry(store).register(run.info.run_id, exported, "tags", TAGS, TEXTS[0])
    return folder.parent


def stale(database: Path, old: Path) -> list[tuple[str, str]]:
    """Tables and columns that hold a path of another folder, whatever MLflow keeps there."""
    with closing(sqlite3.connect(database)) as connection:
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        columns = [
            (table, row[1])
            for (table,) in connection.execute(names).fetchall()
            for row in connection.execute(f"PRAGMA table_info({table})").fetchall()
        ]
        return [
            (table, column)
            for table, column in columns
            if connection.execute(
                f"SELECT 1 FROM {table} WHERE instr(CAST({column} AS text), ?)", (str(old),)
            ).fetchone()
        ]


def content(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def answers(store: Store, storage: Path) -> bool:
    """Whether the model loads in a process of its own: loading puts its code on the path."""
    exported = storage / "quick" / "finalists" / "0-seed-1" / "model"
    return reload(store.uri, "models:/tags/1", exported, TEXTS).holds


def model_files(store: Store) -> list[str]:
    version = store.client.get_model_version("tags", "1")
    return sorted(path.name for path in Path(unquote(urlsplit(version.source).path)).iterdir())


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "of version 0.1.0"])
def test_a_moved_storage_loads_its_model(
    finished: Path, tmp_path: Path, is_recorded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if not is_recorded:
        (finished / LOCATION_FILE).unlink()
    new = tmp_path / "my new" / "place"
    new.parent.mkdir()
    finished.rename(new)
    store = open_store(None, new)
    assert stale(new / "mlflow.db", finished) == []
    assert answers(store, new)
    (run,) = store.client.search_runs([store.experiment("quick")], "tags.`study.run` = 'study'")
    names = {item.path for item in store.client.list_artifacts(run.info.run_id)}
    assert names == {"study.yaml", "report.html"}
    assert not finished.exists()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"the storage folder was at {finished}, is at {new} now: "
        "13 artifact locations in mlflow.db were rewritten"
    ]
    open_store(None, new)
    assert len(caplog.records) == 1


def test_a_copy_goes_its_own_way(
    store: Store,
    folder: Path,
    story: list[AnyEvent],
    tmp_path: Path,
    dump: Callable[[Path], dict[str, dict[str, Any]]],
) -> None:
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "report.html").write_text("old", "utf-8")
    continue_with(store, folder, story[:20])
    original = folder.parent
    before = content(original)
    shutil.copytree(original, tmp_path / "copy")
    copied = open_store(None, tmp_path / "copy")
    continue_with(copied, tmp_path / "copy" / "quick", story)
    assert content(original) == before
    assert len(dump(tmp_path / "copy" / "mlflow.db")) == 9
    (page,) = (tmp_path / "copy" / "artifacts").rglob("report.html")
    assert page.read_text("utf-8") == "old"


def test_a_report_at_an_absolute_path_is_found_where_it_is_now(
    store: Store, folder: Path, story: list[AnyEvent], tmp_path: Path
) -> None:
    """As version 0.1.0 wrote it, in a journal that the store has seen nothing of."""
    old = tmp_path / "old" / "quick" / "report" / "report.html"
    for page, text in ((old, "old"), (folder / "report" / "report.html", "new")):
        page.parent.mkdir(parents=True)
        page.write_text(text, "utf-8")
    written = story[-2].model_copy(update={"path": str(old)})
    continue_with(store, folder, [*story[:-2], written, story[-1]])
    (page,) = (folder.parent / "artifacts").rglob("report.html")
    assert page.read_text("utf-8") == "new"


def test_another_folders_study_tracked_here_stays_where_it_is(
    store: Store, storage: Path, tmp_path: Path
) -> None:
    store.experiment("mine")
    there = open_store(f"sqlite:///{storage}/mlflow.db", tmp_path / "elsewhere")
    there.experiment("theirs")
    (storage / LOCATION_FILE).unlink()
    for name in ("mine", "theirs"):
        (storage / "artifacts" / name).mkdir(parents=True)
    (tmp_path / "elsewhere" / "artifacts" / "theirs").mkdir(parents=True)
    storage.rename(tmp_path / "moved")
    store = open_store(None, tmp_path / "moved")
    found = {one.name: one.artifact_location for one in store.client.search_experiments()}
    assert found["mine"] == (tmp_path / "moved" / "artifacts" / "mine").as_uri()
    assert found["theirs"] == (tmp_path / "elsewhere" / "artifacts" / "theirs").as_uri()


def test_a_link_to_the_folder_is_no_move(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "link").symlink_to(finished)
    assert "MLmodel" in model_files(open_store(None, tmp_path / "link"))
    assert "MLmodel" in model_files(open_store(None, finished))
    assert caplog.records == []


def test_its_own_store_may_be_spelt_out(
    storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_own_store(None, Path("studies"))
    assert is_own_store("sqlite:///studies/mlflow.db", Path("studies"))
    assert is_own_store(f"sqlite:///{storage}/mlflow.db", storage)
    assert not is_own_store(f"sqlite:///{storage}/other.db", storage)
    assert not is_own_store("http://host", storage)
