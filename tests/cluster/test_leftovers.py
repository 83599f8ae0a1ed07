"""What a killed study left on disk is gone once it has been resumed."""

import re
import tempfile
from pathlib import Path

import psutil
import pytest
from real_studies import Studies, kill

from study.plan import RungReached

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SCRATCH = re.compile(rf"(?:{re.escape(tempfile.gettempdir())}|/tmp)/study-[^/\s]+")


def ray_folders(pid: int) -> set[Path]:
    """The folders that a study's Ray processes name on their command lines."""
    children = psutil.Process(pid).children(recursive=True)
    lines = [" ".join(child.cmdline()) for child in children if child.is_running()]
    return {Path(found) for line in lines for found in SCRATCH.findall(line)}


@pytest.mark.timeout(600)
def test_resume_removes_what_the_killed_session_left(studies: Studies) -> None:
    process = studies.start(*studies.run_words())
    studies.wait_for(process, lambda events: any(isinstance(e, RungReached) for e in events))
    (scratch,) = ray_folders(process.pid)
    kill(process)
    assert scratch.is_dir(), "it must be left to tell anything"
    code, _ = studies.run("resume", "interface")
    assert code == 0, studies.log()
    assert not scratch.exists()
    hidden = [path for path in studies.storage.rglob(".*") if path.is_dir()]
    assert not hidden
