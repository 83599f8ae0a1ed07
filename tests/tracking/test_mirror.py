"""MLflow is like the journal, whatever is killed and whoever is away."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.plan import (
    AnyEvent,
    Journal,
    RunOpened,
    SessionStarted,
    StudyEnded,
    StudyStarted,
    TrialRun,
)
from study.tracking import CURSOR_FILE, Mirror, Store, open_store, read_cursor, study_id

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

Dump = dict[str, dict[str, Any]]
ReadRuns = Callable[[Path], Dump]


def journal_of(folder: Path, events: Sequence[AnyEvent]) -> Journal:
    """A journal that goes on where it is, up to and with the last of ``events``."""
    journal = Journal(folder / "journal.jsonl")
    told = [one for one in journal.events if not isinstance(one, RunOpened)]
    for event in events[len(told) :]:
        journal.append(event)
    return journal


def mirror_whole(store: Store, folder: Path, events: Sequence[AnyEvent]) -> None:
    journal = journal_of(folder, events)
    mirror = Mirror(store, journal, folder)
    assert mirror.flush(10)
    assert mirror.pending == 0
    assert mirror.close()
    journal.close()


def timeless(runs: Dump) -> Dump:
    """``runs`` without the study's seconds, which count when runs were opened."""
    metrics = [row for row in runs["study"]["metrics"] if not row[0].startswith("seconds/")]
    return runs | {"study": runs["study"] | {"metrics": metrics}}


def away(database: Path, is_away: bool) -> None:
    """Make every use of the runs' table an error, as for a database that has gone."""
    there, gone = ("runs", "runs_elsewhere") if is_away else ("runs_elsewhere", "runs")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute(f"ALTER TABLE {there} RENAME TO {gone}")


def test_every_run_is_there_and_none_is_left_running(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    mirror_whole(store, folder, story)
    runs = dump(storage / "mlflow.db")
    assert {run: (one["status"], one["name"]) for run, one in runs.items()} == {
        "study": ("FINISHED", "quick"),
        "trial/0": ("FINISHED", "000-738a088b"),
        "trial/1": ("KILLED", "001-738a088b"),
        "trial/2": ("FAILED", "002-738a088b"),
        "trial/3": ("FAILED", "003"),
        "finalist/0/0": ("FINISHED", "finalist-0-seed-0"),
        "finalist/0/1": ("FINISHED", "finalist-0-seed-1"),
        "finalist/1/0": ("FINISHED", "finalist-1-seed-0"),
        "finalist/1/1": ("FAILED", "finalist-1-seed-1"),
    }
    assert all(
        one["tags"]["mlflow.parentRunId"] == "study" for run, one in runs.items() if "/" in run
    )


def test_a_trial_holds_its_settings_its_rungs_and_how_it_ended(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    mirror_whole(store, folder, story)
    runs = dump(storage / "mlflow.db")
    trial = runs["trial/0"]
    expected = {"loss.name": "reg", "loss.temperature": "0.1", "batch_size": "64", "epochs": "9"}
    assert trial["params"].items() >= expected.items()
    assert trial["params"]["dataset.name"] == "debtags"
    assert "loss.temperature" not in runs["trial/1"]["params"]
    assert [row[:3] for row in trial["metrics"]] == [
        ("train/loss", 1, 1.5),
        ("train/loss", 3, 1.5),
        ("val/f1_macro", 1, 0.2),
        ("val/f1_macro", 3, 0.3),
    ]
    pruned = runs["trial/1"]["tags"]
    assert pruned["trial.state"] == "PRUNED"
    assert pruned["reason"] == "others were better at epoch 1"
    assert (pruned["trial.number"], pruned["study.digest"]) == ("1", "5bec0ffee")
    assert (pruned["dataset.digest"], pruned["git.commit"]) == ("da7a", "c0de")
    assert runs["trial/3"]["tags"]["trial.state"] == "INFEASIBLE"


def test_a_finalist_holds_its_scores_and_the_winner_is_marked(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    mirror_whole(store, folder, story)
    runs = dump(storage / "mlflow.db")
    winner = runs["finalist/0/1"]
    last = {name: value for name, _, value, _ in winner["metrics"]}
    assert (last["val/f1_macro"], last["test/f1_macro"], last["test/f1_micro"]) == (
        0.45,
        0.44,
        0.48,
    )
    assert winner["tags"]["study.role"] == "finalist"
    assert (winner["tags"]["trial.number"], winner["tags"]["seed"]) == ("0", "1")
    assert winner["tags"]["threshold"] == "0.25"
    assert winner["params"]["seed"] == "1"
    assert [run for run, one in runs.items() if "study.winner" in one["tags"]] == ["finalist/0/1"]
    assert runs["finalist/1/0"]["tags"]["is_baseline"] == "true"
    assert not any(
        "test/" in row[0] for run in ("trial/0", "trial/1") for row in runs[run]["metrics"]
    )


def test_the_parent_sums_the_study_up(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    mirror_whole(store, folder, story)
    study = dump(storage / "mlflow.db")["study"]
    metrics = {name: value for name, _, value, _ in study["metrics"]}
    assert (metrics["best/f1_macro"], metrics["trials/all"], metrics["trials/pruned"]) == (
        0.3,
        4,
        1,
    )
    assert metrics["winner/test/f1_macro"] == 0.42
    assert metrics["seconds/search"] > 0
    assert study["tags"]["model.uri"] == "models:/tags/1"
    assert study["params"]["space.loss.name"] == '["reg", "bce"]'
    assert study["params"]["samples.train"] == "80"


def test_study_file_and_report_are_artifacts_of_the_parent(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent]
) -> None:
    (folder / "report").mkdir(parents=True)
    for name in ("study.yaml", "report/report.html", "report/trials.csv"):
        (folder / name).write_text(name, "utf-8")
    mirror_whole(store, folder, story)
    stored = {path.name: path for path in (storage / "artifacts").rglob("*.*")}
    assert set(stored) == {"study.yaml", "report.html", "trials.csv"}
    assert {path.parent for path in stored.values()} == {stored["study.yaml"].parent}


def test_artifacts_that_cannot_be_stored_do_not_hold_up_the_runs(
    store: Store,
    storage: Path,
    folder: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "report.html").touch()
    (storage / "artifacts").touch()  # A file where a folder must be.
    mirror_whole(store, folder, story)
    assert dump(storage / "mlflow.db")["study"]["status"] == "FINISHED"
    assert caplog.messages[-1].endswith(f"; the report lies in {folder}/report")


def test_every_opened_run_is_journaled_once(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    mirror_whole(store, folder, story)
    (folder / CURSOR_FILE).unlink()
    mirror_whole(store, folder, story)
    journal = Journal(folder / "journal.jsonl")
    opened = [str(one.run) for one in journal.events if isinstance(one, RunOpened)]
    journal.close()
    assert sorted(opened) == sorted(dump(storage / "mlflow.db"))


def test_a_cursor_that_is_behind_by_any_number_of_events_changes_nothing(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    """A kill after the store was written and before the cursor was."""
    mirror_whole(store, folder, story)
    expected = dump(storage / "mlflow.db")
    saved = read_cursor(folder)
    for cursor in range(saved["cursor"]):
        (folder / CURSOR_FILE).write_text(json.dumps(saved | {"cursor": cursor}), "utf-8")
        mirror_whole(store, folder, story)
        assert dump(storage / "mlflow.db") == expected


def test_a_study_killed_after_any_event_ends_like_one_that_was_not(
    storage: Path,
    empty_database: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    tmp_path: Path,
) -> None:
    whole = open_store(None, storage)
    mirror_whole(whole, storage / "quick", story)
    expected = timeless(dump(storage / "mlflow.db"))
    for events in range(1, len(story), 5):
        again = tmp_path / str(events)
        again.mkdir()
        shutil.copyfile(empty_database, again / "mlflow.db")
        store = open_store(None, again)
        journal = journal_of(again / "quick", story[:events])
        mirror = Mirror(store, journal, again / "quick")
        mirror.flush()
        # Not closed: the thread stays as it was when the process died.
        journal.close()
        if events % 2:
            (again / "quick" / CURSOR_FILE).unlink()
        mirror_whole(store, again / "quick", story)
        assert timeless(dump(again / "mlflow.db")) == expected, events
        mirror.close()


def test_an_unfinished_study_leaves_nothing_running_and_goes_on(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    begun = story[:7]
    mirror_whole(store, folder, begun)
    runs = dump(storage / "mlflow.db")
    assert {one["status"] for one in runs.values()} == {"KILLED"}
    assert runs["study"]["tags"]["study.state"] == "INTERRUPTED"
    assert runs["trial/0"]["tags"]["trial.state"] == "INTERRUPTED"

    journal = journal_of(folder, [*begun, SessionStarted(time=9e9, tracking_uri="")])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    assert {one["status"] for one in dump(storage / "mlflow.db").values()} == {"RUNNING"}
    for event in story[7:]:
        journal.append(event)
    assert mirror.close()
    journal.close()
    runs = dump(storage / "mlflow.db")
    assert "RUNNING" not in {one["status"] for one in runs.values()}
    assert runs["trial/1"]["tags"]["trial.state"] == "PRUNED"
    assert runs["study"]["tags"]["study.state"] == "FINISHED"


def test_a_study_that_fails_fails_the_runs_it_had_open(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    ended = StudyEnded(time=9e9, state="FAILED", reason="the cluster is gone")
    mirror_whole(store, folder, [*story[:7], ended])
    runs = dump(storage / "mlflow.db")
    assert {run: one["status"] for run, one in runs.items()} == dict.fromkeys(runs, "FAILED")
    assert runs["study"]["tags"]["reason"] == "the cluster is gone"
    assert runs["trial/0"]["tags"]["reason"] == "the study ended first"


def test_the_same_study_elsewhere_is_another_study(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent]
) -> None:
    mirror_whole(store, folder, story)
    first = story[0]
    assert isinstance(first, StudyStarted)
    other = [first.model_copy(update={"time": first.time + 60}), *story[1:]]
    mirror_whole(store, storage / "elsewhere" / "quick", other)
    with closing(sqlite3.connect(storage / "mlflow.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (18,)
        assert connection.execute("SELECT name FROM experiments ORDER BY 1").fetchall() == [
            ("Default",),
            ("quick",),
        ]


def test_another_store_gets_the_whole_study(
    store: Store,
    storage: Path,
    folder: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    empty_database: Path,
    tmp_path: Path,
) -> None:
    mirror_whole(store, folder, story)
    shutil.copyfile(empty_database, tmp_path / "other.db")
    other = open_store(f"sqlite:///{tmp_path}/other.db", storage)
    mirror_whole(other, folder, story)
    assert dump(tmp_path / "other.db") == dump(storage / "mlflow.db")


def test_a_store_that_is_come_back_to_gets_the_rest(
    store: Store,
    storage: Path,
    folder: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    empty_database: Path,
    tmp_path: Path,
) -> None:
    mirror_whole(store, folder, story[:5])
    shutil.copyfile(empty_database, tmp_path / "other.db")
    mirror_whole(open_store(f"sqlite:///{tmp_path}/other.db", storage), folder, story)
    mirror_whole(store, folder, story)
    assert dump(storage / "mlflow.db") == dump(tmp_path / "other.db")


def test_a_run_that_was_made_although_the_answer_was_lost_is_not_made_again(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    journal = journal_of(folder, story[:3])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    away(storage / "mlflow.db", is_away=True)
    journal.append(story[3])
    assert not mirror.flush(0.2)
    away(storage / "mlflow.db", is_away=False)
    first = story[0]
    assert isinstance(first, StudyStarted)
    mine = {"study.id": study_id("quick", first.spec_digest, first.time), "study.run": "trial/0"}
    store.client.create_run(store.experiment("quick"), tags=mine)
    assert mirror.flush()
    assert mirror.close()
    journal.close()
    assert set(dump(storage / "mlflow.db")) == {"study", "trial/0"}


def test_a_store_that_was_removed_is_filled_again(
    store: Store,
    storage: Path,
    folder: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    empty_database: Path,
) -> None:
    mirror_whole(store, folder, story)
    expected = dump(storage / "mlflow.db")
    # Emptied in place: an SQLite file that is removed lives on for whoever has it open.
    with (
        closing(sqlite3.connect(empty_database)) as empty,
        closing(sqlite3.connect(storage / "mlflow.db")) as full,
    ):
        empty.backup(full)
    mirror_whole(store, folder, story)
    assert dump(storage / "mlflow.db") == expected


@pytest.mark.parametrize("damage", ["", "[]", '{"schema_version": 99, "cursor": 3}'])
def test_a_cursor_that_says_nothing_counts_as_none(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns, damage: str
) -> None:
    mirror_whole(store, folder, story)
    expected = dump(storage / "mlflow.db")
    (folder / CURSOR_FILE).write_text(damage, "utf-8")
    assert read_cursor(folder) == {}
    mirror_whole(store, folder, story)
    assert dump(storage / "mlflow.db") == expected


def test_what_a_store_missed_while_away_is_there_when_it_is_back(
    store: Store,
    storage: Path,
    folder: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "study.tracking")
    journal = journal_of(folder, story[:9])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    away(storage / "mlflow.db", is_away=True)
    for event in story[9:20]:
        journal.append(event)
    assert not mirror.flush(0.8)
    assert mirror.pending == 11
    away(storage / "mlflow.db", is_away=False)
    for event in story[20:]:
        journal.append(event)
    assert mirror.close()
    journal.close()
    runs = dump(storage / "mlflow.db")
    assert len(runs) == 9
    assert "RUNNING" not in {one["status"] for one in runs.values()}
    assert [row[:2] for row in runs["trial/0"]["metrics"] if row[0] == "train/loss"] == [
        ("train/loss", 1),
        ("train/loss", 3),
    ]
    told = [record.levelname for record in caplog.records]
    assert told == ["WARNING", "INFO"]


def test_a_store_that_stays_away_is_caught_up_with_by_the_next_session(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    journal = journal_of(folder, story[:5])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    away(storage / "mlflow.db", is_away=True)
    for event in story[5:]:
        journal.append(event)
    assert not mirror.close(0.2)
    journal.close()
    away(storage / "mlflow.db", is_away=False)
    mirror_whole(store, folder, story)
    assert len(dump(storage / "mlflow.db")) == 9


def test_a_run_that_was_thrown_away_does_not_hold_up_the_others(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    journal = journal_of(folder, story[:5])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    opened = [one for one in journal.events if isinstance(one, RunOpened)]
    store.client.delete_run(next(one.run_id for one in opened if one.run == TrialRun(0)))
    for event in story[5:]:
        journal.append(event)
    assert mirror.close()
    journal.close()
    runs = dump(storage / "mlflow.db")
    assert runs["study"]["status"] == "FINISHED"
    assert len(runs["trial/0"]["metrics"]) == 2


def test_an_experiment_that_was_thrown_away_is_taken_out_of_the_bin(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    store.client.delete_experiment(store.experiment("quick"))
    mirror_whole(store, folder, story)
    assert len(dump(storage / "mlflow.db")) == 9


def test_errors_do_not_read_all_runs_again(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent]
) -> None:
    searches: list[str] = []
    search = store.client.search_runs

    def counted(experiments: list[str], words: str, **options: Any) -> Any:
        searches.append(words)
        return search(experiments, words, **options)

    store.client.search_runs = counted
    journal = journal_of(folder, story[:9])
    mirror = Mirror(store, journal, folder)
    assert mirror.flush()
    of_all = len(searches)
    away(storage / "mlflow.db", is_away=True)
    for event in story[9:]:
        journal.append(event)
    assert not mirror.flush(1.5)
    away(storage / "mlflow.db", is_away=False)
    assert mirror.close()
    journal.close()
    # Only the run that was being made is looked for.
    assert set(searches[of_all:]) == {f"{searches[0]} AND tags.`study.run` = 'trial/2'"}


def test_a_cursor_that_cannot_be_written_stops_nothing(
    store: Store, storage: Path, folder: Path, story: list[AnyEvent], dump: ReadRuns
) -> None:
    (folder / f"{CURSOR_FILE}.new").mkdir(parents=True)
    journal = journal_of(folder, story)
    mirror = Mirror(store, journal, folder)
    assert not mirror.close(1.0)
    journal.close()
    assert len(dump(storage / "mlflow.db")) == 9


@pytest.mark.slow
def test_a_process_that_is_killed_again_and_again_ends_with_the_same_rows(
    store: Store,
    storage: Path,
    folder: Path,
    story: list[AnyEvent],
    dump: ReadRuns,
    tmp_path: Path,
    empty_database: Path,
) -> None:
    mirror_whole(store, folder, story)
    expected = timeless(dump(storage / "mlflow.db"))
    again = tmp_path / "killed"
    (again / "quick").mkdir(parents=True)
    shutil.copyfile(empty_database, again / "mlflow.db")
    journal_of(again / "quick", story).close()
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from study.plan import Journal\n"
        "from study.tracking import Mirror, open_store\n"
        "storage = Path(sys.argv[1])\n"
        "store = open_store(None, storage)\n"
        "journal = Journal(storage / 'quick' / 'journal.jsonl')\n"
        "print('begins', flush=True)\n"
        "Mirror(store, journal, storage / 'quick').close()\n"
    )
    for delay_s in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(again)], stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "begins\n"
        time.sleep(delay_s)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    mirror_whole(open_store(None, again), again / "quick", story)
    assert timeless(dump(again / "mlflow.db")) == expected
