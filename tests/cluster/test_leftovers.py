"""What a killed study left on disk is gone once it has been resumed."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from real_studies import Studies, kill

from study.plan import RungReached

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files where no other study of this machine clears up.

    Its path is short, as sockets need it.
    """
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)


def ray_folders(pid: int, place: Path) -> set[Path]:
    """The folders in ``place`` that a study's Ray processes name on their command lines."""
    pattern = re.compile(rf"{re.escape(str(place))}/study-[^/\s]+")
    children = psutil.Process(pid).children(recursive=True)
    lines = [" ".join(child.cmdline()) for child in children if child.is_running()]
    return {Path(found) for line in lines for found in pattern.findall(line)}


@pytest.mark.timeout(600)
def test_resume_removes_what_the_killed_session_left(studies: Studies, temporary: Path) -> None:
    studies.environment = os.environ | {"TMPDIR": str(temporary)}
    process = studies.start(*studies.run_words())
    studies.wait_for(process, lambda events: any(isinstance(e, RungReached) for e in events))
    (scratch,) = ray_folders(process.pid, temporary)
    kill(process)
    assert scratch.is_dir(), "it must be left to tell anything"
    code, _ = studies.run("resume", "interface")
    assert code == 0, studies.log()
    assert not scratch.exists()
    hidden = [path for path in studies.storage.rglob(".*") if path.is_dir()]
    assert not hidden
