"""The journal on disk: appended, torn, damaged, newer."""

import multiprocessing
import os
import resource
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import pytest

from study.errors import MachineError, StoreError, StudyError
from study.plan import Journal, RunOpened, parse_run, read_journal
from study.plan.events import AnyEvent
from study.plan.journal import _event


def event(run: str) -> RunOpened:
    return RunOpened(time=1.5, run=parse_run(run), run_id="abc")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "a" / "journal.jsonl")
    journal.append(event("study"))
    journal.append(event("trial/0"))
    journal.close()
    return journal.file


def test_what_was_appended_comes_back(file: Path) -> None:
    assert read_journal(file) == [event("study"), event("trial/0")]


def test_listeners_hear_of_an_event_when_it_is_on_disk(tmp_path: Path) -> None:
    heard: list[tuple[int, AnyEvent, int]] = []
    journal = Journal(tmp_path / "journal.jsonl")
    journal.listen(lambda at, one: heard.append((at, one, len(read_journal(journal.file)))))
    journal.append(event("study"))
    journal.append(event("trial/0"))
    journal.close()
    assert heard == [(0, event("study"), 1), (1, event("trial/0"), 2)]


def test_a_torn_line_is_as_if_never_written_wherever_it_tore(file: Path) -> None:
    whole = file.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        file.write_bytes(whole[:cut])
        assert read_journal(file) == [event("study")]
        journal = Journal(file)
        journal.append(event("trial/1"))
        journal.close()
        assert read_journal(file) == [event("study"), event("trial/1")]


def test_damage_in_the_middle_is_told_with_its_line(file: Path) -> None:
    file.write_bytes(b"{}\n" + file.read_bytes())
    with pytest.raises(StoreError) as caught:
        read_journal(file)
    assert str(caught.value) == f"{file}:1: is damaged: not an event"


def test_a_newer_journal_is_refused(file: Path) -> None:
    file.write_bytes(b'{"event": "study_started", "schema_version": 3, "x": 1}\n')
    with pytest.raises(StoreError, match="newer version of study"):
        Journal(file)


def test_a_listener_that_stumbles_stops_neither_the_journal_nor_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[AnyEvent] = []

    def stumble(_: int, one: AnyEvent) -> None:
        raise RuntimeError(f"cannot bear {one}")

    journal = Journal(tmp_path / "journal.jsonl")
    journal.listen(stumble)
    journal.listen(lambda _, one: heard.append(one))
    journal.append(event("study"))
    journal.close()
    assert heard == [event("study")] == read_journal(journal.file)
    assert "a listener failed" in caplog.text


def test_a_full_disk_is_told_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(event("study"))
    # A device of the kernel's that is always full.
    with Path("/dev/full").open("ab", buffering=0) as full:
        monkeypatch.setattr(journal, "_stream", full)
        with pytest.raises(StudyError) as caught:
            journal.append(event("trial/0"))
    assert "cannot be written: No space left on device" in str(caught.value)
    assert journal.broken is caught.value
    assert read_journal(journal.file) == [event("study")]
    monkeypatch.undo()
    journal.close()


def append_all(journal: Journal, events: Sequence[AnyEvent]) -> None:
    for one in events:
        journal.append(one)


def _fill(file: Path) -> None:
    """Append under a limit of the file's size that cuts a line in two, then check and close."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    journal = Journal(file)
    with pytest.raises(MachineError, match="cannot be written: File too large; what it holds"):
        append_all(journal, [event("trial/0")] * 100)
    count = len(journal.events)
    assert 5 < count < 30
    assert read_journal(file) == journal.events
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with pytest.raises(MachineError, match="cannot be written"):
        journal.append(event("trial/1"))
    journal.close()
    assert read_journal(file) == journal.events
    assert len(journal.events) == count


def test_on_a_full_disk_memory_and_disk_agree(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_fill, args=(tmp_path / "j",))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_ctrl_c_while_the_disk_works_leaves_both_as_they_were(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    journal = Journal(file)
    before = list(journal.events)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append(event("trial/1"))
    assert journal.events == read_journal(file) == before
    journal.append(event("trial/2"))
    journal.close()
    assert read_journal(file) == journal.events == [*before, event("trial/2")]


def test_a_journal_is_parsed_once_per_start(file: Path) -> None:
    """Its settings, its state and its events are looked at one after another."""
    with mock.patch("study.plan.journal._event", side_effect=_event) as parsing:
        found = [read_journal(file), read_journal(file)]
        journal = Journal(file)
    assert parsing.call_count == 2
    assert found[0] == found[1] == journal.events
    found[0].clear()
    journal.append(event("trial/1"))
    journal.close()
    assert read_journal(file) == [event("study"), event("trial/0"), event("trial/1")]
