"""Folders of prepared data: one per preprocess, for every thread and every session."""

import threading
from pathlib import Path

import pytest

from study.data import DebtagsSpec, PreparedData
from study.errors import DataError
from study.execution.prepare import PreparedFolders
from study.models import BowSpec


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def prepared(tmp_path: Path, notices: list[str]) -> PreparedFolders:
    dataset = DebtagsSpec(label_set="interface", train_fraction=0.02).open()
    return PreparedFolders(dataset, tmp_path / "cache", notices.append)


def test_only_the_key_decides_the_folder(prepared: PreparedFolders, notices: list[str]) -> None:
    folder = prepared.folder_for(BowSpec(dim=8))
    assert prepared.folder_for(BowSpec(dim=16, dropout=0.5)) == folder
    assert prepared.folder_for(BowSpec(max_words=9)) != folder
    assert PreparedData(folder).preprocess_key == BowSpec().preprocess_key()
    assert notices == [
        "preparing debtags for the encoder bow (dim=8)",
        "preparing debtags for the encoder bow (max_words=9)",
    ]


def test_threads_that_ask_at_once_have_it_made_once(
    prepared: PreparedFolders, notices: list[str]
) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(prepared.folder_for(BowSpec())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == len(notices) == 1


def test_what_is_made_already_is_not_announced(
    prepared: PreparedFolders, notices: list[str], tmp_path: Path
) -> None:
    folder = prepared.folder_for(BowSpec())
    dataset = DebtagsSpec(label_set="interface", train_fraction=0.02).open()
    again = PreparedFolders(dataset, tmp_path / "cache", notices.append)
    assert again.folder_for(BowSpec()) == folder
    assert len(notices) == 1


def test_what_cannot_be_prepared_is_tried_once(
    prepared: PreparedFolders, notices: list[str]
) -> None:
    for dim in (8, 16):
        with pytest.raises(DataError, match="no word is in 99999 documents"):
            prepared.folder_for(BowSpec(dim=dim, min_documents=99_999))
    assert len(notices) == 1
