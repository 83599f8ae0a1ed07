"""Which store a URI means, and what can be wrong with it, without asking MLflow."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from study.errors import Problem
from study.tracking import check_store
from study.tracking.uri import head_revision, resolve, revision


def test_the_storage_folder_has_its_own_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve(None, Path("studies")) == f"sqlite:///{tmp_path}/studies/mlflow.db"


def test_a_relative_database_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("sqlite:///my.db", Path("studies")) == f"sqlite:///{tmp_path}/my.db"


@pytest.mark.parametrize(
    "uri",
    ["http://host:5000", "https://me:x@host/path", "databricks", "postgresql+psycopg2://h/d"],
)
def test_servers_and_databases_are_taken_at_their_word(uri: str, tmp_path: Path) -> None:
    assert check_store(uri, tmp_path) == []


@pytest.mark.parametrize("uri", ["./mlruns", "file:///data", "sqlite://", "http://", "foo"])
def test_what_is_no_store_is_refused(uri: str, tmp_path: Path) -> None:
    rule = f"must be sqlite:///FILE, http(s)://HOST or a database, not {uri!r}"
    assert check_store(uri, tmp_path) == [Problem("--tracking-uri", rule)]


def test_a_store_that_is_still_to_be_made_is_fine_and_is_not_made(tmp_path: Path) -> None:
    assert check_store(None, tmp_path / "new" / "studies") == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_was_made_is_fine(empty_database: Path) -> None:
    assert revision(empty_database) == head_revision()
    assert check_store(None, empty_database.parent) == []


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "studies").touch()
    database = tmp_path / "studies" / "mlflow.db"
    rule = f"must lie in a folder, {tmp_path}/studies is a file"
    assert check_store(None, tmp_path / "studies") == [Problem(str(database), rule)]
    assert check_store(f"sqlite:///{database}", tmp_path) == [Problem("--tracking-uri", rule)]


def test_a_database_of_a_newer_mlflow_is_refused(storage: Path) -> None:
    database = storage / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fffffff'")
    (problem,) = check_store(None, storage)
    assert problem.path == str(database)
    assert "was written by a newer MLflow (schema fffffff) than the installed 3." in problem.rule
    assert problem.rule.endswith(": update mlflow")


def test_another_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE cats (name)")
    (problem,) = check_store(None, tmp_path)
    rule = f"must be an MLflow database or a new file, {tmp_path}/mlflow.db is neither"
    assert problem.rule == rule


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("a shopping list", "utf-8")
    (problem,) = check_store(None, tmp_path)
    assert problem.rule == f"must be an SQLite database, {tmp_path}/mlflow.db is not"


@pytest.mark.parametrize("name", ["50%", "what?"])
def test_a_path_that_a_uri_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    (problem,) = check_store(None, tmp_path / name)
    assert problem.rule.startswith("must be a path without ? and %")


def test_a_database_whose_writer_was_killed_is_fine(storage: Path, tmp_path: Path) -> None:
    """What a kill leaves: pages half written, and the journal that takes them back."""
    killed = tmp_path / "killed"
    killed.mkdir()
    with closing(sqlite3.connect(storage / "mlflow.db")) as connection:
        connection.execute("PRAGMA cache_size = 1")
        rows = ((str(n), "x" * 1000) for n in range(200))
        connection.executemany("INSERT INTO experiment_tags VALUES (?, ?, 0)", rows)
        shutil.copyfile(storage / "mlflow.db", killed / "mlflow.db")
        shutil.copyfile(storage / "mlflow.db-journal", killed / "mlflow.db-journal")
        connection.rollback()
    assert check_store(None, killed) == []
    with closing(sqlite3.connect(killed / "mlflow.db")) as connection:
        assert connection.execute("SELECT count(*) FROM experiment_tags").fetchone() == (0,)


def test_looking_imports_no_mlflow(empty_database: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from study.tracking import check_store\n"
        f"assert check_store(None, Path({str(empty_database.parent)!r})) == []\n"
        "print([name for name in ('mlflow', 'sqlalchemy', 'pandas') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "[]\n"
