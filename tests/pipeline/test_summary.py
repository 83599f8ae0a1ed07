"""What a list shows without reading journals."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.pipeline.home import Home
from study.pipeline.summary import SUMMARY_FILE, read_summary, summarised, summary_of
from study.plan import Journal
from study.plan.events import StudyEnded
from tests.report.conftest import Story, decided


def work(story: Story, storage: Path, name: str = "quickstart") -> Journal:
    """Leave a study as a session would."""
    journal = Journal(Home(storage).journal(name))
    with summarised(journal):
        for event in story.events:
            journal.append(event)
    journal.close()
    return journal


def test_a_session_leaves_the_summary_of_its_journal(tmp_path: Path) -> None:
    story = decided((0.44, 0.46), (0.45, 0.447), (0.42, 0.416))
    story.register("challenger")
    story.end()
    file = work(story, tmp_path).file
    size = file.stat().st_size
    found = read_summary(file.parent, size)
    assert found == summary_of(story.result(), size)
    assert found is not None
    assert (found.winner, found.value, found.model) == ("msc", 0.45, "debtags 3")
    assert (found.ended, found.trials, found.state) == (3, 24, "FINISHED")


def test_a_session_that_fails_leaves_one_too(tmp_path: Path) -> None:
    story = Story()
    journal = Journal(Home(tmp_path).journal("quickstart"))
    journal.append(story.events[0])
    with pytest.raises(KeyboardInterrupt), summarised(journal):
        raise KeyboardInterrupt
    assert (journal.file.parent / SUMMARY_FILE).is_file()
    journal.close()


def test_before_anything_is_known_there_is_no_summary(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "x" / "journal.jsonl")
    with summarised(journal):
        pass
    journal.close()
    assert not (journal.file.parent / SUMMARY_FILE).exists()


def test_the_list_reads_no_journal_that_has_a_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        work(Story(name=f"voc-{number}"), tmp_path, f"voc-{number}")
    monkeypatch.setattr("study.pipeline.home.read_journal", _never)
    studies, damaged = Home(tmp_path).summaries()
    assert [one.name for one in studies] == ["voc-0", "voc-1", "voc-2"]
    assert damaged == []


@pytest.mark.parametrize("text", [None, "", "{", '{"schema_version": 2}'])
def test_a_stale_or_unreadable_summary_is_not_believed(tmp_path: Path, text: str | None) -> None:
    story = Story()
    file = work(story, tmp_path).file
    if text is None:
        journal = Journal(file)
        journal.append(StudyEnded(time=story.time, state="FAILED"))
        journal.close()
    else:
        (file.parent / SUMMARY_FILE).write_text(text, encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (shown,), _ = Home(tmp_path).summaries()
    assert shown.state == ("FAILED" if text is None else "INTERRUPTED")
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before, "looking writes nothing"


def test_a_study_at_work_is_read_from_its_journal(tmp_path: Path) -> None:
    work(Story(), tmp_path)
    home = Home(tmp_path)
    with home.work("quickstart"):
        (shown,), _ = home.summaries()
    assert shown.state == "RUNNING"


def _never(_file: Path) -> None:
    raise AssertionError("a journal is read")
