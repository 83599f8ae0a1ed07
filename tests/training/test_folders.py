"""Folders that are there whole or not at all."""

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
