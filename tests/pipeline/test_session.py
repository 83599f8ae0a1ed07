"""How a session ends when something fails after the search; no Ray is needed for that."""

from contextlib import closing
from pathlib import Path

import pytest

from study.errors import StudyError
from study.pipeline.home import Home
from study.pipeline.preflight import Checked, Place
from study.pipeline.session import Session
from study.pipeline.watcher import Nobody
from study.plan import AnyEvent, FinalistsRanked, Journal, ReportWritten, load
from study.tracking import open_store
from tests.pipeline.test_upkeep import FILE, told_story
from tests.serving.exported import exported_to

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


def ranked_story() -> list[AnyEvent]:
    events = told_story()
    last = next(i for i, one in enumerate(events) if isinstance(one, FinalistsRanked))
    return events[: last + 1]


def work(storage: Path, events: list[AnyEvent], tracking_uri: str | None = None) -> None:
    """Let a session continue with a study whose finalists are ranked."""
    spec = load(FILE)
    place = Place(storage, tracking_uri, "local")
    checked = Checked(spec, spec.dataset.open(), place, None, (), changes={}, source=None)
    home = Home(storage)
    with closing(Journal(home.journal(spec.name))) as journal:
        for event in events[len(journal.events) :]:
            journal.append(event)
        Session(checked, home, journal).run(Nobody())


def test_a_failing_report_hides_no_other_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The winner's model is missing, and no page can be written."""
    (tmp_path / "interface").mkdir()
    (tmp_path / "interface" / "report").write_text("in the way", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        work(tmp_path, ranked_story())
    assert "finalists/finalist-0-seed-1/model" in str(caught.value)
    assert any("no report: " in message for message in caplog.messages)


def test_the_report_is_written_relative_to_the_study(tmp_path: Path) -> None:
    exported_to(tmp_path / "interface" / "finalists" / "finalist-0-seed-1" / "model")
    open_store(None, tmp_path)
    work(tmp_path, ranked_story())
    home = Home(tmp_path)
    written = [one for one in home.events("interface") if isinstance(one, ReportWritten)]
    assert [one.path for one in written] == ["report/report.html"]
    result = home.result("interface")
    assert result.report == str(tmp_path / "interface" / "report" / "report.html")
    assert result.state == "FINISHED"
    assert result.model is not None
    assert result.model.version == "1"
