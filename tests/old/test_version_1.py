"""Studies that version 1 of the journal left: they are shown, loaded and resumed from now on.

``version-1.tar.xz`` is a storage folder as package version 0.1.0 of 2026-11-25 wrote it: a
finished study and one that was killed in its search. Its cache and its pages are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.serving import load
from study.spec import Texts

ARCHIVE = Path(__file__).parent / "version-1.tar.xz"
Study = Callable[..., str]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "studies", filter="data")
    return tmp_path / "studies"


@pytest.fixture
def study(storage: Path) -> Study:
    def run(*words: str) -> str:
        command = [sys.executable, "-m", "study", *words, "--storage", str(storage)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_is_listed_and_shown(study: Study, storage: Path) -> None:
    assert "finished    FINISHED" in study("list")
    shown: dict[str, Any] = json.loads(study("show", "finished", "--json"))
    assert [trial["state"] for trial in shown["trials"]] == [
        "COMPLETE", "PRUNED", "COMPLETE", "PRUNED",
    ]  # fmt: skip
    assert shown["winner_run"] == "finalist/2/1"
    assert shown["winner"]["trial"] == shown["finalists"][0]["trial"] == 2
    assert shown["winner"]["settings"]["loss"] == {"name": "zlpr"}
    assert "2 unfinished" in study("show", "unfinished")
    assert not list(storage.rglob("journal.v1.jsonl")), "looking must not write"


KEYS = {
    "schema_version", "name", "state", "reason", "spec", "spec_digest", "dataset_digest",
    "label_names", "sizes", "git_commit", "objective", "tracking_uri", "parent_run_id", "trials",
    "finalists", "baseline", "winner", "winner_run", "model", "report", "seconds", "started",
    "arithmetic",
}  # fmt: skip
"""Of `show --json` as version 0.1.0 printed it: more may come, these stay."""

TRIAL = {
    "number", "state", "params", "value", "epoch", "seconds", "run_id", "loss", "family",
    "digest", "reason", "rungs",
}  # fmt: skip
FINALIST = {
    "rank", "params", "seeds", "val", "test", "place", "trial", "loss", "family", "is_baseline"
}  # fmt: skip
SEED = {
    "seed", "run_id", "val", "test", "state", "scorer", "threshold", "val_metrics",
    "test_metrics", "folder", "seconds", "rungs",
}  # fmt: skip


def test_the_keys_of_the_json_stay(study: Study) -> None:
    shown = json.loads(study("show", "finished", "--json"))
    assert shown["schema_version"] == 1
    assert set(shown) >= KEYS
    assert set(shown["trials"][0]) >= TRIAL
    for one in (shown["finalists"][0], shown["baseline"], shown["winner"]):
        assert set(one) >= FINALIST
        assert set(one["seeds"][0]) >= SEED


def test_its_report_is_written_again(study: Study) -> None:
    page = Path(study("report", "finished").strip())
    assert "zlpr" in page.read_text("utf-8")


def test_its_model_loads(study: Study, storage: Path) -> None:
    shown = json.loads(study("show", "finished", "--json"))
    folder = storage / "finished" / shown["winner"]["seeds"][0]["folder"]
    score_NL = load(folder / "model").scores(Texts(("a web server", "")))
    assert score_NL.shape == (2, len(shown["label_names"]))


@pytest.mark.slow
def test_an_unfinished_one_is_resumed_and_finished_once(study: Study, storage: Path) -> None:
    before = json.loads(study("show", "unfinished", "--json"))
    study("resume", "unfinished")
    after = json.loads(study("show", "unfinished", "--json"))
    assert after["state"] == "FINISHED"
    assert after["trials"][0] == before["trials"][0], "what was known must not change"
    assert {trial["state"] for trial in after["trials"]} == {"COMPLETE"}
    # Rungs that were reported before the kill are not trained again.
    assert after["trials"][1]["rungs"][:2] == before["trials"][1]["rungs"]
    assert (storage / "unfinished" / "journal.v1.jsonl").exists()
    study("run", str(storage / "finished" / "study.yaml"))


@pytest.mark.slow
def test_a_finished_one_is_not_run_again(study: Study, storage: Path) -> None:
    journal = storage / "finished" / "journal.jsonl"
    study("resume", "finished")
    size = journal.stat().st_size
    assert "FINISHED" in study("run", str(storage / "finished" / "study.yaml"))
    assert journal.stat().st_size == size


@pytest.mark.slow
def test_its_registered_model_loads_where_the_folder_is_now(study: Study, storage: Path) -> None:
    """The store names the folder in which it was made, which is gone."""
    study("resume", "finished")
    code = (
        "import sys, mlflow; mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/debtags-interface@champion')\n"
        "print(len(model.predict(['a web server', ''])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{storage}/mlflow.db"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2"]
