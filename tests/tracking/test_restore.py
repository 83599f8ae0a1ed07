"""What somebody deleted from a store is written again, and nothing else is touched."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from study.plan import (
    AnyEvent,
    FinalistRun,
    Journal,
    RunOpened,
    StudyStarted,
    TrialStarted,
    read_journal,
)
from study.tracking import Mirror, Store, ensure_run, open_store
from tests.tracking.test_mirror import journal_of, mirror_whole

Dump: TypeAlias = dict[str, dict[str, Any]]
RUN_TABLES = ("tags", "params", "metrics", "latest_metrics", "runs")


@pytest.fixture
def runs(
    store: Store, folder: Path, story: list[AnyEvent], dump: Callable[[Path], Dump]
) -> Callable[[], Dump]:
    """A finished study in the store; what it has of it."""
    mirror_whole(store, folder, story)
    return lambda: dump(folder.parent / "mlflow.db")


def restored(store: Store, folder: Path) -> int:
    """Open the finished study again as `study resume` does; return how many runs were lost."""
    journal = Journal(folder / "journal.jsonl")
    mirror = Mirror(store, journal, folder)
    assert mirror.close()
    journal.close()
    return mirror.restored


def run_ids(folder: Path) -> dict[str, str]:
    events = read_journal(folder / "journal.jsonl")
    return {str(one.run): one.run_id for one in events if isinstance(one, RunOpened)}


def delete_for_good(database: Path, where: str = "1") -> None:
    """As `mlflow gc` does."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in RUN_TABLES:
            connection.execute(f"DELETE FROM {table} WHERE {where}")


def test_a_store_that_has_all_is_not_written(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    before = (folder.parent / "mlflow.db").read_bytes()
    journal = (folder / "journal.jsonl").read_bytes()
    assert restored(store, folder) == 0
    assert (folder.parent / "mlflow.db").read_bytes() == before
    assert (folder / "journal.jsonl").read_bytes() == journal


def test_one_run_deleted_for_good_is_written_again(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    expected, before = runs(), run_ids(folder)
    delete_for_good(folder.parent / "mlflow.db", f"run_uuid = '{before['trial/0']}'")
    assert restored(store, folder) == 1
    assert runs() == expected
    after = run_ids(folder)
    assert {run for run in before if after[run] != before[run]} == {"trial/0"}
    assert restored(store, folder) == 0


def test_a_run_in_the_bin_stays_there(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    store.client.delete_run(run_ids(folder)["trial/0"])
    assert restored(store, folder) == 0
    assert store.client.get_run(run_ids(folder)["trial/0"]).info.lifecycle_stage == "deleted"
    assert len(runs()) == 9


def test_a_lost_parent_is_named_by_its_runs_again(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    expected = runs()
    delete_for_good(folder.parent / "mlflow.db", f"run_uuid = '{run_ids(folder)['study']}'")
    assert restored(store, folder) == 1
    assert runs() == expected


def test_all_runs_deleted_for_good_are_written_again(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    expected = runs()
    delete_for_good(folder.parent / "mlflow.db")
    assert restored(store, folder) == 9
    assert runs() == expected


def test_an_older_backup_of_the_store_is_completed(
    store: Store, folder: Path, story: list[AnyEvent], dump: Callable[[Path], Dump], tmp_path: Path
) -> None:
    """It has every trial's run, some of them without their end."""
    database = folder.parent / "mlflow.db"
    journal = journal_of(folder, story[:14])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    shutil.copyfile(database, tmp_path / "backup.db")
    assert mirror.close()
    journal.close()
    mirror_whole(store, folder, story)
    expected = dump(database)
    with (
        closing(sqlite3.connect(tmp_path / "backup.db")) as backup,
        closing(sqlite3.connect(database)) as full,
    ):
        backup.backup(full)
    assert restored(store, folder) == 6
    assert dump(database) == expected


def test_a_renamed_experiment_is_still_the_studys(
    store: Store, folder: Path, story: list[AnyEvent], dump: Callable[[Path], Dump]
) -> None:
    mirror_whole(store, folder, story[:20])
    store.client.rename_experiment(store.experiment("quick"), "archive")
    mirror_whole(store, folder, story)
    assert len(dump(folder.parent / "mlflow.db")) == 9
    assert {one.name for one in store.client.search_experiments()} == {"Default", "archive"}


def test_a_deleted_experiment_is_taken_out_of_the_bin(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    expected, experiment = runs(), store.experiment("quick")
    store.client.rename_experiment(experiment, "archive")
    store.client.delete_experiment(experiment)
    assert restored(store, folder) == 0
    assert runs() == expected
    assert store.client.get_experiment(experiment).lifecycle_stage == "active"


def test_an_experiment_deleted_for_good_is_made_again(
    store: Store, folder: Path, runs: Callable[[], Dump]
) -> None:
    expected = runs()
    delete_for_good(folder.parent / "mlflow.db")
    with closing(sqlite3.connect(folder.parent / "mlflow.db")) as connection, connection:
        connection.execute("DELETE FROM experiments WHERE name = 'quick'")
    assert restored(store, folder) == 9
    assert runs() == expected


def test_a_run_that_is_lost_meanwhile_is_written_again(
    store: Store, folder: Path, story: list[AnyEvent], dump: Callable[[Path], Dump]
) -> None:
    journal = journal_of(folder, story[:5])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    delete_for_good(folder.parent / "mlflow.db", f"run_uuid = '{run_ids(folder)['trial/0']}'")
    for event in story[5:]:
        journal.append(event)
    assert mirror.close()
    journal.close()
    found = dump(folder.parent / "mlflow.db")
    assert len(found) == 9
    assert [row[1] for row in found["trial/0"]["metrics"]] == [1, 3, 1, 3]


def test_waiting_lasts_as_long_as_the_store_takes_more(
    store: Store, folder: Path, story: list[AnyEvent]
) -> None:
    begin = story[3]
    assert isinstance(begin, TrialStarted)
    many = [begin.model_copy(update={"number": number}) for number in range(150)]
    journal = journal_of(folder, [*story[:3], *many])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush(patience_s=1.0)
    assert mirror.pending == 0
    assert mirror.close()
    journal.close()


def test_waiting_in_all_can_be_limited(store: Store, folder: Path, story: list[AnyEvent]) -> None:
    begin = story[3]
    assert isinstance(begin, TrialStarted)
    many = [begin.model_copy(update={"number": number}) for number in range(40)]
    journal = journal_of(folder, [*story[:3], *many])
    mirror = Mirror(store, journal, folder)
    assert not mirror.close(0.1)
    journal.close()
    assert restored(store, folder) == 0


def test_a_run_is_found_or_made_whatever_the_cursor_says(
    store: Store, folder: Path, story: list[AnyEvent], runs: Callable[[], Dump]
) -> None:
    expected = runs()
    assert ensure_run(store, story, FinalistRun(0, 1)) == run_ids(folder)["finalist/0/1"]
    delete_for_good(folder.parent / "mlflow.db")
    made = ensure_run(store, story, FinalistRun(0, 1))
    assert made == ensure_run(store, story, FinalistRun(0, 1))
    found = runs()
    assert set(found) == {"study", "finalist/0/1"}
    assert found["finalist/0/1"] == expected["finalist/0/1"]


def test_another_study_of_the_name_is_left_alone(
    store: Store, folder: Path, story: list[AnyEvent], runs: Callable[[], Dump]
) -> None:
    """On a shared server: it has the experiment, this study has none of its runs."""
    first = story[0]
    assert isinstance(first, StudyStarted)
    other = folder.parent.parent / "other"
    mirror_whole(
        open_store(f"sqlite:///{folder.parent}/mlflow.db", other),
        other / "quick",
        [first.model_copy(update={"time": first.time + 60}), *story[1:]],
    )
    assert len(store.client.search_experiments()) == 2
    assert restored(store, folder) == 0
