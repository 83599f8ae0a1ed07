"""Scratch folders: whose process lives stays, what a killed one left goes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.scratch import LOCK_FILE, held, remove_leftovers, scratch_folder

WORKER = """
import sys, time
from pathlib import Path
from study.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), ".work-") as folder:
    (folder / "half").write_text("made", "utf-8")
    print(folder, flush=True)
    time.sleep(600)
"""


@contextmanager
def worker(parent: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A process in the middle of its work, and its folder."""
    command = [sys.executable, "-c", WORKER, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_folder_goes_with_its_block(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, ".x-") as folder:
        (folder / "file").touch()
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_a_killed_ones_folder_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    with worker(tmp_path) as (killed, left), worker(tmp_path) as (_, living):
        assert remove_leftovers(tmp_path.iterdir()) == []
        killed.kill()
        killed.wait()
        assert left.is_dir(), "it must be a leftover to tell anything"
        assert remove_leftovers(tmp_path.iterdir()) == [left]
        assert not left.exists()
        assert (living / "half").read_text("utf-8") == "made"


def test_the_own_folders_stay(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, ".x-") as folder:
        assert remove_leftovers(tmp_path.iterdir()) == []
        assert folder.is_dir()
    (tmp_path / "named").mkdir()
    with held(tmp_path / "named"):
        assert remove_leftovers(tmp_path.iterdir()) == []
    assert remove_leftovers(tmp_path.iterdir()) == [tmp_path / "named"]


@pytest.mark.parametrize(
    ("name", "days", "goes"),
    [(".old", 2, True), (".new", 0.5, False), ("study-notes", 2, False)],
)
def test_without_a_lock_file_age_and_name_decide(
    tmp_path: Path, name: str, days: float, goes: bool
) -> None:
    """Of a version without lock files; or a folder that is the user's own."""
    folder = tmp_path / name
    folder.mkdir()
    then = folder.stat().st_mtime - days * 86_400
    os.utime(folder, (then, then))
    assert bool(remove_leftovers([folder])) == goes
    assert folder.exists() != goes


def test_files_links_and_what_is_gone_are_let_be(tmp_path: Path) -> None:
    real, file, link = tmp_path / "real", tmp_path / "file", tmp_path / ".link"
    real.mkdir()
    (real / LOCK_FILE).touch()
    file.touch()
    link.symlink_to(real)
    assert remove_leftovers([file, link, tmp_path / "gone"]) == []
    assert real.is_dir()


def test_a_folder_is_never_seen_free_before_it_is_held(tmp_path: Path) -> None:
    """Between the making of the folder and its lock there is no lock file to be found."""
    folder = tmp_path / ".x"
    folder.mkdir()
    assert remove_leftovers([folder]) == []
    (folder / f"{LOCK_FILE}.new").touch()
    assert remove_leftovers([folder]) == []
