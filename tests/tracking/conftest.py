"""Real MLflow on SQLite, quick: made once, copied for each test, not forced to disk."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from study.plan import AnyEvent
from study.tracking import Store, open_store
from tests.tracking.story import whole_story

Dump: TypeAlias = dict[str, dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    def hurry(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("template")
    open_store(None, storage)
    return storage / "mlflow.db"


@pytest.fixture
def storage(empty_database: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture
def store(storage: Path) -> Store:
    return open_store(None, storage)


@pytest.fixture
def folder(storage: Path) -> Path:
    return storage / "quick"


@pytest.fixture
def story() -> list[AnyEvent]:
    return whole_story()


@pytest.fixture
def dump() -> Callable[[Path], Dump]:
    return read_runs


def read_runs(database: Path) -> Dump:
    """All that a database holds of its runs, by the runs' names in events."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT run_uuid, name, status, start_time, end_time FROM runs"
        ).fetchall()
        names = {run_id: _tags(connection, run_id)["study.run"] for run_id, *_ in rows}
        found = {}
        for run_id, name, status, start, end in rows:
            tags = _tags(connection, run_id)
            if "mlflow.parentRunId" in tags:
                tags["mlflow.parentRunId"] = names[tags["mlflow.parentRunId"]]
            assert names[run_id] not in found, f"{names[run_id]} is there twice"
            found[names[run_id]] = {
                "name": name,
                "status": status,
                "times": (start, end),
                "tags": tags,
                "params": _pairs(connection, "params", run_id),
                "metrics": _metrics(connection, run_id),
            }
        return found


def _tags(connection: sqlite3.Connection, run_id: str) -> dict[str, str]:
    return _pairs(connection, "tags", run_id)


def _pairs(connection: sqlite3.Connection, table: str, run_id: str) -> dict[str, str]:
    query = f"SELECT key, value FROM {table} WHERE run_uuid = ?"
    return dict(connection.execute(query, (run_id,)).fetchall())


def _metrics(connection: sqlite3.Connection, run_id: str) -> list[tuple[Any, ...]]:
    query = "SELECT key, step, value, timestamp FROM metrics WHERE run_uuid = ? ORDER BY 1, 2, 4"
    return connection.execute(query, (run_id,)).fetchall()
