"""Journals of earlier versions are read as if this version had written them."""

import json
from pathlib import Path
from typing import Any

import pytest

from study.errors import StoreError
from study.plan import FinalistRun, FinalistsRanked, Journal, RungReached, RunOpened, read_journal
from study.plan.events import SCHEMA_VERSION, AnyEvent

INTERVAL = {"mean": 0.4, "low": 0.3, "high": 0.5}


def configuration(place: int, trial: int) -> dict[str, Any]:
    return {
        "place": place, "trial": trial, "params": {}, "loss": "reg", "family": "contrastive",
        "is_baseline": False,
    }  # fmt: skip


VERSION_1: list[dict[str, Any]] = [
    {
        "event": "study_started", "schema_version": 1, "name": "old", "spec": {"objective": "x"},
        "spec_digest": "d", "dataset_digest": "e", "label_names": [], "sizes": {},
        "git_commit": None, "package_version": "0.1.0",
    },
    {"event": "run_opened", "run": "trial/7", "run_id": "a"},
    {
        "event": "finalists_chosen", "seeds": [1],
        "configurations": [configuration(0, 7), configuration(1, 3)],
    },
    {"event": "run_opened", "run": "finalist/1/1", "run_id": "b"},
    {"event": "rung_reached", "run": "finalist/0/1", "epoch": 1, "metrics": {}, "seconds": 1.0},
    {
        "event": "finalists_ranked", "winner": "finalist/1/1",
        "rankings": [{"place": 1, "rank": 1, "val": INTERVAL, "test": INTERVAL}],
    },
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "journal.jsonl"
    lines = (json.dumps({"time": float(n), **line}) for n, line in enumerate(VERSION_1))
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def runs(events: list[AnyEvent]) -> list[str]:
    return [str(one.run) for one in events if isinstance(one, RunOpened | RungReached)]


def test_finalists_are_named_by_their_trial(file: Path) -> None:
    events = read_journal(file)
    assert runs(events) == ["trial/7", "finalist/3/1", "finalist/7/1"]
    ranked = events[-1]
    assert isinstance(ranked, FinalistsRanked)
    assert ranked.winner == FinalistRun(3, 1)
    assert ranked.rankings[0].trial == 3


def test_reading_changes_nothing_and_opening_keeps_a_copy(file: Path) -> None:
    before = file.read_bytes()
    events = read_journal(file)
    assert file.read_bytes() == before
    journal = Journal(file)
    journal.close()
    assert journal.events == events
    assert file.with_name("journal.v1.jsonl").read_bytes() == before
    assert f'"schema_version":{SCHEMA_VERSION}' in file.read_text("utf-8").splitlines()[0]
    assert read_journal(file) == events


def test_a_finalist_that_nobody_chose_is_damage(file: Path) -> None:
    line = {"time": 9.0, "event": "run_opened", "run": "finalist/5/1", "run_id": "c"}
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
    with pytest.raises(StoreError, match="is damaged: not a journal"):
        read_journal(file)
