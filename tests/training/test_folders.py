"""Folders that are there whole or not at all."""

import os
from pathlib import Path

import pytest

from study.training.folders import written_whole


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    with written_whole(folder) as new:
        (new / "a").write_text("1", "utf-8")
        assert not folder.exists()
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_what_was_there_is_replaced_not_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("a", "b"):
        with written_whole(folder) as new:
            (new / name).touch()
    assert [path.name for path in folder.iterdir()] == ["b"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with written_whole(folder) as new:
        (new / "a").touch()

    def fail() -> None:
        with written_whole(folder) as new:
            (new / "b").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_all_is_on_disk_before_it_is_in_place_and_its_place_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    done: list[tuple[str, bool]] = []
    sync = os.fsync

    def note(handle: int) -> None:
        done.append((Path(f"/proc/self/fd/{handle}").readlink().name, folder.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    with written_whole(folder) as new:
        (new / "deep").mkdir()
        (new / "deep" / "a").write_text("1", "utf-8")
        (new / "b").write_text("2", "utf-8")
    assert sorted(done[:-1]) == [(name, False) for name in ("a", "b", "deep", "new")]
    assert done[-1] == (tmp_path.name, True)
