"""A storage folder that is copied in the middle of a study: the copy continues on its own."""

import hashlib
import shutil
from pathlib import Path

import pytest
from real_studies import Studies, kill

from study.plan import RungReached, StudyEnded

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def content(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_copy_is_finished_and_the_original_untouched(studies: Studies, tmp_path: Path) -> None:
    process = studies.start(*studies.run_words(finalists__seeds="1"))
    studies.wait_for(process, lambda events: any(isinstance(e, RungReached) for e in events))
    kill(process)
    before = content(studies.storage)
    shutil.copytree(studies.storage, tmp_path / "copy")
    copy = Studies(tmp_path / "copy")
    code, out = copy.run("resume", "interface")
    assert code == 0, copy.log()
    assert content(studies.storage) == before
    assert any(isinstance(event, StudyEnded) for event in copy.events())
    shown = copy.show()
    assert shown["report"] == str(copy.storage / "interface" / "report" / "report.html")
    assert shown["tracking_uri"] == f"sqlite:///{copy.storage}/mlflow.db"
    assert shown["report"] in out

    shutil.rmtree(studies.storage)
    moved = Studies(tmp_path / "moved")
    copy.storage.rename(moved.storage)
    code, out = moved.run("resume", "interface")
    assert (code, moved.show()["state"]) == (0, "FINISHED")
    assert str(moved.storage) in out
    assert str(copy.storage) not in out
