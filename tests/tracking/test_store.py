"""Opening a store: made once, migrated with a copy kept, refused in words."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from study.errors import StoreError
from study.tracking import Store, open_store
from study.tracking.uri import head_revision, revision

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


def test_a_new_store_is_whole_and_nothing_is_left_beside_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    storage = tmp_path / "new" / "my studies"
    store = open_store(None, storage)
    assert store.uri == f"sqlite:///{storage}/mlflow.db"
    assert revision(storage / "mlflow.db") == head_revision()
    names = ["mlflow.db", "mlflow.db.location", "mlflow.db.lock"]
    assert sorted(path.name for path in storage.iterdir()) == names
    assert capfd.readouterr() == ("", "")


def test_artifacts_lie_in_the_storage_folder(store: Store, storage: Path) -> None:
    run = store.client.create_run(store.experiment("quick"))
    store.client.log_dict(run.info.run_id, {}, "facts.json")
    (found,) = storage.rglob("facts.json")
    assert found.is_relative_to(storage / "artifacts" / "quick" / run.info.run_id)


def test_an_experiment_is_made_once(store: Store) -> None:
    assert store.experiment("quick") == store.experiment("quick")


def test_another_database_can_be_named(tmp_path: Path, empty_database: Path) -> None:
    (tmp_path / "my.db").write_bytes(empty_database.read_bytes())
    store = open_store(f"sqlite:///{tmp_path}/my.db", tmp_path / "studies")
    store.experiment("quick")
    assert not (tmp_path / "studies" / "mlflow.db").exists()


@pytest.mark.parametrize("user", [{}, {"MLFLOW_DISABLE_TELEMETRY": "false"}])
def test_telemetry_is_off_unless_the_user_turned_it_on(
    storage: Path, monkeypatch: pytest.MonkeyPatch, user: dict[str, str]
) -> None:
    names = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")
    for name in names:
        monkeypatch.setenv(name, "")  # So that it is put back afterwards.
        del os.environ[name]
    os.environ |= user
    open_store(None, storage)
    found = {name: os.environ[name] for name in names if name in os.environ}
    assert found == (user or dict.fromkeys(names, "true"))


@pytest.mark.slow
def test_a_fresh_process_turns_telemetry_off_before_mlflow_is_imported_and_is_quiet(
    storage: Path,
) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from study.tracking import open_store\n"
        "assert 'mlflow' not in sys.modules\n"
        f"open_store(None, Path({str(storage)!r}))\n"
        "from mlflow.telemetry import get_telemetry_client\n"
        "print(get_telemetry_client())\n"
    )
    unwanted = {"MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "PYTEST_CURRENT_TEST", "CI"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={name: value for name, value in os.environ.items() if name not in unwanted},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_a_server_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store("http://me:secret@127.0.0.1:9", tmp_path)
    (problem,) = caught.value.problems
    assert problem.path == "--tracking-uri"
    assert problem.rule.startswith("http://127.0.0.1:9 cannot be used: API request")
    assert "secret" not in str(caught.value)


def test_what_the_check_finds_is_raised(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("a shopping list", "utf-8")
    with pytest.raises(StoreError, match="must be an SQLite database"):
        open_store(None, tmp_path)


@pytest.mark.slow
def test_an_older_database_is_migrated_and_a_copy_kept(storage: Path) -> None:
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config

    database = storage / "mlflow.db"
    before = "c3d9e7f1a2b4"
    command.downgrade(_get_alembic_config(f"sqlite:///{database}"), before)
    assert revision(database) == before
    open_store(None, storage)
    assert revision(database) == head_revision()
    assert revision(storage / f"mlflow.db.{before}") == before


@pytest.mark.slow
def test_many_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from study.tracking import open_store\n"
        "open_store(None, Path(sys.argv[1])).experiment('quick')\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "studies")])
        for _ in range(4)
    ]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    with closing(sqlite3.connect(tmp_path / "studies" / "mlflow.db")) as connection:
        names = connection.execute("SELECT name FROM experiments ORDER BY 1").fetchall()
    assert names == [("Default",), ("quick",)]
