"""`study run` and `study resume` of a finished study look after its store."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from study.pipeline.home import Home
from study.pipeline.preflight import Place
from study.pipeline.run import resume_study
from study.plan import (
    AnyEvent,
    Journal,
    ModelRegistered,
    RunOpened,
    StudyEnded,
    StudyResult,
    StudyStarted,
    digest_of,
    load,
    read_journal,
)
from study.promotion import register_winner
from study.tracking import Mirror, open_store
from tests.serving.exported import TEXTS, exported_to
from tests.tracking.story import whole_story

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

FILE = Path("search_spaces/interface.yaml")
MODEL = "debtags-interface"


def told_story() -> list[AnyEvent]:
    """The story as that of a study file that exists, without its registered model."""
    spec = load(FILE)
    changed = {
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "spec_digest": digest_of(spec),
        "dataset_digest": spec.dataset.open().digest,
    }
    return [
        event.model_copy(update=changed) if isinstance(event, StudyStarted) else event
        for event in whole_story()
        if not isinstance(event, ModelRegistered)
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("finished")
    folder = storage / "interface"
    exported_to(folder / "finalists" / "finalist-0-seed-1" / "model")
    store = open_store(None, storage)
    journal = Journal(folder / "journal.jsonl")
    for event in told_story():
        if isinstance(event, StudyEnded):
            model = register_winner(store, journal.events, folder, TEXTS)
            journal.append(ModelRegistered(time=event.time - 1, **model.model_dump()))
        journal.append(event)
    mirror = Mirror(store, journal, folder)
    assert mirror.close()
    journal.close()
    return storage


@pytest.fixture
def storage(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "s")
    open_store(None, tmp_path / "s")
    return tmp_path / "s"


def resume(storage: Path) -> StudyResult:
    return resume_study(Place(storage), "interface")


def registered(storage: Path) -> list[ModelRegistered]:
    events = read_journal(Home(storage).journal("interface"))
    return [one for one in events if isinstance(one, ModelRegistered)]


def counts(storage: Path) -> tuple[int, int, int]:
    """Runs, experiments and versions that are not in the bin."""
    with closing(sqlite3.connect(storage / "mlflow.db")) as connection:
        one = connection.execute(
            "SELECT (SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'), "
            "(SELECT count(*) FROM experiments WHERE lifecycle_stage = 'active'), "
            "(SELECT count(*) FROM model_versions WHERE current_stage != 'Deleted_Internal')"
        ).fetchone()
    return (one[0], one[1], one[2])


def test_a_healthy_store_is_left_alone(storage: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    before = {path: path.read_bytes() for path in storage.rglob("*") if path.is_file()}
    assert resume(storage).state == "FINISHED"
    after = {p: p.read_bytes() for p in storage.rglob("*") if p.is_file()}
    assert [path for path in before if before[path] != after[path]] == []
    assert caplog.messages == []


def lose_model(storage: Path) -> None:
    open_store(None, storage).client.delete_registered_model(MODEL)


def lose_experiment(storage: Path) -> None:
    with closing(sqlite3.connect(storage / "mlflow.db")) as connection, connection:
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM experiments WHERE name = 'interface'")


LOSSES = {
    "the model": (lose_model, f"version 1 of {MODEL}"),
    "the experiment": (lose_experiment, "9 runs"),
}


@pytest.mark.parametrize(("lose", "what"), LOSSES.values(), ids=LOSSES)
def test_what_the_store_lost_is_written_again(
    storage: Path,
    lose: Callable[[Path], None],
    what: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, runs_before = counts(storage), run_ids(storage)
    lose(storage)
    caplog.clear()
    result = resume(storage)
    assert counts(storage) == before
    shown = f"sqlite:///{storage}/mlflow.db"
    assert caplog.messages == [
        f"MLflow at {shown} had lost parts of interface: {what} were written again"
    ]
    assert len(registered(storage)) == 1
    client = open_store(None, storage).client
    version = client.get_model_version_by_alias(MODEL, "champion")
    assert (str(version.version), version.tags["gate.opens"]) == ("1", "true")
    assert result.parent_run_id == run_ids(storage)["study"]
    assert (run_ids(storage) == runs_before) == (lose is lose_model)
    caplog.clear()
    resume(storage)
    assert caplog.messages == []


@pytest.mark.slow
def test_a_deleted_database_is_filled_from_the_folder(storage: Path) -> None:
    before = counts(storage)
    (storage / "mlflow.db").unlink()
    # An SQLite file that is removed lives on in a process that has it open.
    command = [sys.executable, "-m", "study", "resume", "interface", "--storage", str(storage)]
    told = [
        subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stderr
        for _ in range(2)
    ]
    what = f"9 runs and version 1 of {MODEL}"
    assert f"had lost parts of interface: {what} were written again" in told[0]
    assert told[1] == ""
    assert counts(storage) == before
    assert len(registered(storage)) == 1


def run_ids(storage: Path) -> dict[str, str]:
    events = read_journal(Home(storage).journal("interface"))
    return {str(one.run): one.run_id for one in events if isinstance(one, RunOpened)}


def test_a_version_that_gets_another_number_is_in_the_journal(storage: Path) -> None:
    client = open_store(None, storage).client
    client.create_model_version(MODEL, str(storage))
    client.set_registered_model_alias(MODEL, "champion", "2")
    client.delete_model_version(MODEL, "1")
    result = resume(storage)
    assert result.model is not None
    assert (result.model.version, result.model.aliases) == ("3", ("challenger",))
    assert [one.version for one in registered(storage)] == ["1", "3"]
    assert client.get_model_version_by_alias(MODEL, "champion").version == 2
    (parent,) = client.search_runs(["1"], "tags.`study.run` = 'study'")
    assert parent.data.tags["model.version"] == "3"


def test_a_renamed_experiment_gets_no_second_one(
    storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = open_store(None, storage).client
    client.rename_experiment(client.get_experiment_by_name("interface").experiment_id, "archive")
    before = counts(storage)
    caplog.clear()
    resume(storage)
    assert counts(storage) == before
    assert caplog.messages == []


def test_a_store_that_is_away_does_not_hide_the_result(
    storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(storage, "http://a:SECRET@127.0.0.1:9")
    caplog.clear()
    assert resume_study(place, "interface").state == "FINISHED"
    (told,) = caplog.messages
    assert told.startswith("--tracking-uri: http://127.0.0.1:9 cannot be used: API request")
    assert told.endswith("; `study resume interface` tries again")
    assert "SECRET" not in told
