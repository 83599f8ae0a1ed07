"""What SIGKILL leaves in the middle of a study's writes is gone after the next start."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from study.data import DebtagsSpec
from study.execution.prepare import PreparedFolders
from study.models import BowSpec
from study.pipeline.leftovers import clear_leftovers

STUCK = """
import sys, time
from pathlib import Path
from study.data import DebtagsSpec, prepare
from study.models import BowSpec
from study.models.words import TfIdf

class Stuck(TfIdf):
    def apply(self, inputs, state):
        if len(inputs) < 1500:  # val: the training split is written already
            print("stuck", flush=True)
            time.sleep(600)
        return super().apply(inputs, state)

dataset = DebtagsSpec(train_fraction=0.3).open()
prepare(dataset, Stuck(1, 2, 20_000), BowSpec().preprocess_key(), Path(sys.argv[1]))
"""


def stuck_in_prepare(cache: Path) -> "subprocess.Popen[str]":
    """A process that has written the training split, and not yet the rest."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(cache)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    return process


def test_half_made_data_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with stuck_in_prepare(cache) as killed, stuck_in_prepare(cache) as living:
        left = {process: folder_of(process, cache) for process in (killed, living)}
        killed.kill()
        killed.wait()
        assert list(left[killed].rglob("train.safetensors"))
        clear_leftovers(cache, tmp_path / "study")
        assert not left[killed].exists()
        assert list(left[living].rglob("train.safetensors")), "its process is at work there"
        prepared = PreparedFolders(DebtagsSpec(train_fraction=0.3).open(), cache, print)
        made = prepared.folder_for(BowSpec())
        assert sorted(cache.iterdir()) == sorted([left[living], made])
        living.kill()


def folder_of(process: "subprocess.Popen[str]", cache: Path) -> Path:
    """The folder in ``cache`` that a process has a file open in."""
    links = [link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir()]
    (folder,) = {link.parent for link in links if cache in link.parents}
    return folder


SAVING = """
import sys, time
from pathlib import Path
from study.training.folders import written_whole
with written_whole(Path(sys.argv[1])) as new:
    (new / "weights").touch()
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("place", ["checkpoints/trial-7/epoch-3", "finalists/finalist-7-seed-1"])
def test_half_written_folders_of_a_study_are_removed(place: str, tmp_path: Path) -> None:
    folder = tmp_path / "study" / place
    command = [sys.executable, "-c", SAVING, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        process.stdout.readline()
        clear_leftovers(tmp_path / "cache", tmp_path / "study")
        assert len(list(folder.parent.iterdir())) == 1, "its process is at work there"
        process.kill()
    assert len(list(folder.parent.iterdir())) == 1
    clear_leftovers(tmp_path / "cache", tmp_path / "study")
    assert not list(folder.parent.iterdir())


RAY = """
import sys, time
from pathlib import Path
from study.execution.cluster import start
with start("local", Path(sys.argv[1]), cpus=1) as cluster:
    print(cluster.scratch, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files where no other study of this machine clears up.

    Its path is short, as sockets need it.
    """
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.slow
def test_rays_files_of_a_killed_driver_are_removed(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-W", "ignore", "-c", RAY, str(tmp_path / "ray.log")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, encoding="utf-8", env=environment
    ) as process:
        assert process.stdout is not None
        scratch = Path(process.stdout.readline().strip())
        assert scratch.parent == temporary
        clear_leftovers(tmp_path / "cache", tmp_path / "study")
        assert (scratch / "ray").is_dir(), "its process is at work there"
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert scratch.is_dir()
    psutil.wait_procs(children, timeout=30)
    clear_leftovers(tmp_path / "cache", tmp_path / "study")
    assert not scratch.exists()
