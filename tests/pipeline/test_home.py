"""The storage folder: what lies in it, and who works on what."""

import multiprocessing
import time
from pathlib import Path

import pytest

from study.errors import CannotRunError, ConfigError, StoreError
from study.pipeline.home import Home
from study.plan import Journal, ReportWritten, SessionStarted, StudyStarted


def begin(home: Home, name: str) -> None:
    journal = Journal(home.journal(name))
    journal.append(
        StudyStarted(
            time=0.0,
            name=name,
            spec={"objective": "val/f1_macro"},
            spec_digest="d",
            dataset_digest="e",
            label_names=(),
            sizes={},
            git_commit=None,
            package_version="0",
        )
    )
    journal.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    begin(home, "voc")
    return home


def test_studies_are_found_by_name_and_other_folders_are_none(home: Home) -> None:
    (home.storage / "cache").mkdir()
    (home.storage / "mlflow.db").write_text("", "utf-8")
    assert home.names() == ["voc"]
    assert home.result("voc").state == "INTERRUPTED"


@pytest.mark.parametrize("name", ["vok", "", "../x", "cache"])
def test_a_name_that_is_none_is_told_with_those_there_are(home: Home, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        home.find(name)
    hint = "; did you mean 'voc'?" if name == "vok" else "; there are voc"
    assert str(caught.value) == f"NAME: there is no study {name!r} in {home.storage}{hint}"


def test_a_torn_first_line_is_no_study(home: Home) -> None:
    home.folder("torn").mkdir()
    home.journal("torn").write_bytes(b'{"time": 1')
    assert home.names() == ["voc"]


@pytest.mark.parametrize("text", [b"\n", b"{}\n", b'{"event": "study_ended"}\n'])
def test_a_damaged_study_is_told_and_hides_no_other(home: Home, text: bytes) -> None:
    home.folder("bad").mkdir()
    home.journal("bad").write_bytes(text)
    results, problems = home.results()
    assert [result.name for result in results] == ["voc"]
    assert [problem.path.startswith(str(home.journal("bad"))) for problem in problems] == [True]
    with pytest.raises(StoreError, match="is damaged"):
        home.result("bad")


def test_a_headless_journal_is_damaged(home: Home) -> None:
    home.folder("bad").mkdir()
    line = b'{"time": 1.0, "event": "study_ended", "state": "FAILED", "reason": ""}\n'
    home.journal("bad").write_bytes(line)
    with pytest.raises(StoreError, match="it has no beginning"):
        home.result("bad")


def test_a_storage_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StoreError, match="must be a folder"):
        Home(tmp_path / "file").names()


def test_looking_writes_nothing(home: Home) -> None:
    before = sorted(home.storage.rglob("*"))
    assert home.result("voc").state == "INTERRUPTED"
    assert sorted(home.storage.rglob("*")) == before


def test_a_moved_study_is_shown_where_it_is_now(tmp_path: Path) -> None:
    old = Home(tmp_path / "old")
    begin(old, "voc")
    journal = Journal(old.journal("voc"))
    uri = f"sqlite:///{old.storage}/mlflow.db"
    journal.append(SessionStarted(time=1.0, tracking_uri=uri, tracking_given=False))
    journal.append(ReportWritten(time=2.0, path="report/report.html"))
    journal.close()
    old.storage.rename(tmp_path / "new")
    shown = Home(tmp_path / "new").result("voc")
    assert shown.tracking_uri == f"sqlite:///{tmp_path}/new/mlflow.db"
    assert shown.report == f"{tmp_path}/new/voc/report/report.html"


def test_an_absolute_report_of_version_0_1_0_is_found(tmp_path: Path) -> None:
    home = Home(tmp_path / "new")
    begin(home, "voc")
    journal = Journal(home.journal("voc"))
    path = str(tmp_path / "old" / "voc" / "report" / "report.html")
    journal.append(ReportWritten(time=2.0, path=path))
    journal.close()
    assert home.result("voc").report == path
    (home.folder("voc") / "report").mkdir()
    (home.folder("voc") / "report" / "report.html").touch()
    assert home.result("voc").report == f"{tmp_path}/new/voc/report/report.html"


def test_a_store_that_was_given_stays(tmp_path: Path) -> None:
    begin(Home(tmp_path), "voc")
    journal = Journal(Home(tmp_path).journal("voc"))
    journal.append(SessionStarted(time=1.0, tracking_uri="http://team", tracking_given=True))
    journal.close()
    assert Home(tmp_path).result("voc").tracking_uri == "http://team"


def _hold(storage: Path, started: "multiprocessing.synchronize.Event") -> None:
    with Home(storage).work("voc"):
        started.set()
        time.sleep(60)


def test_a_study_is_held_by_one_process_and_let_go_however_it_ends(home: Home) -> None:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    holder = context.Process(target=_hold, args=(home.storage, started), daemon=True)
    holder.start()
    assert started.wait(30)
    assert home.result("voc").state == "RUNNING"
    with pytest.raises(CannotRunError, match="another process works on it"), home.work("voc"):
        pass
    holder.kill()
    holder.join()
    with home.work("voc"):
        assert home.is_running("voc")
    assert home.result("voc").state == "INTERRUPTED"
