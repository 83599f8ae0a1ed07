"""Preparing a dataset: once, whole, and by several processes at a time."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.data import Dataset, PreparedData, prepare
from study.errors import MachineError, StoreError
from study.spec import Arrays, Inputs, Preprocess


def test_what_is_prepared_is_read_again(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    prepared = PreparedData(prepare(dataset, preprocess, "key", tmp_path / "new" / "root"))
    assert prepared.label_names == dataset.label_names
    assert prepared.dataset_digest == dataset.digest
    assert prepared.preprocess_key == "key"
    assert prepared.state == {"longest": 10}
    assert prepared.sizes == {"train": 5, "val": 2, "test": 2}
    for name, raw in dataset.splits.items():
        split = prepared.split(name)
        assert split.ids == raw.ids
        assert (split.y_NL.numpy() == raw.y_NL).all()


def test_the_preprocess_is_fitted_once_and_on_the_training_split(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    first = prepare(dataset, preprocess, "key", tmp_path)
    assert prepare(dataset, preprocess, "key", tmp_path) == first
    assert preprocess.fits == [dataset.splits["train"].inputs]  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == [first]


def test_another_key_or_dataset_has_its_own_folder(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    other = replace(dataset, source_digest="1" * 64)
    folders = {
        prepare(dataset, preprocess, "key", tmp_path),
        prepare(dataset, preprocess, "other", tmp_path),
        prepare(other, preprocess, "key", tmp_path),
    }
    assert folders == set(tmp_path.iterdir())
    assert len(folders) == 3


@pytest.mark.parametrize("name", ["meta.json", "train.safetensors", "test.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut short", "one bit"])
def test_a_damaged_cache_is_made_anew(
    name: str, damage: str, dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    folder = prepare(dataset, preprocess, "key", tmp_path)
    path = folder / name
    whole = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "cut short":
            path.write_bytes(whole[:-1])
        case "one bit":
            # The first byte of the file, or the last value: labels and JSON must both notice.
            place = 0 if name == "meta.json" else len(whole) - 1
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert prepare(dataset, preprocess, "key", tmp_path) == folder
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [folder]


def test_a_cache_without_a_key_is_made_again(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    """As version 1 wrote it: whole but for the key."""
    folder = prepare(dataset, preprocess, "key", tmp_path)
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    del meta["preprocess_key"]
    (folder / "meta.json").write_text(json.dumps(meta | {"schema_version": 1}), "utf-8")
    assert prepare(dataset, preprocess, "key", tmp_path) == folder
    assert PreparedData(folder).preprocess_key == "key"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_cache_of_a_newer_layout_is_left_alone(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    folder = prepare(dataset, preprocess, "key", tmp_path)
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    (folder / "meta.json").write_text(json.dumps(meta | {"schema_version": 3, "new": 1}), "utf-8")
    with pytest.raises(StoreError) as caught:
        prepare(dataset, preprocess, "key", tmp_path)
    assert str(caught.value) == (
        f"{folder / 'meta.json'}: must have schema_version 2 or less, not 3; "
        "use the package that wrote it"
    )


def test_a_file_in_the_way_is_replaced(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    folder = prepare(dataset, preprocess, "key", tmp_path / "elsewhere")
    blocked = tmp_path / "here" / folder.name
    blocked.parent.mkdir()
    blocked.touch()
    assert PreparedData(prepare(dataset, preprocess, "key", blocked.parent)).sizes["val"] == 2


def test_a_root_that_cannot_be_written_is_named(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    root = tmp_path / "file"
    root.touch()
    with pytest.raises(MachineError, match=f"^{root}: must be a folder to write to, with room "):
        prepare(dataset, preprocess, "key", root)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from study.data import DebtagsSpec, prepare
from study.errors import MachineError
from study.models import BowSpec
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
dataset, encoder = DebtagsSpec(train_fraction=0.1).open(), BowSpec()
try:
    prepare(dataset, encoder.preprocess(), encoder.preprocess_key(), Path(sys.argv[1]))
except MachineError as error:
    print(error)
"""


def test_a_full_disk_is_the_machines_fault(tmp_path: Path) -> None:
    """A limit of file size stands for it: both fail in the middle of a write."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        check=True, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.startswith(f"{tmp_path}: must be a folder to write to, with room ")
    assert "File too large" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_work_is_announced_only_if_there_is_any(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    announced: list[str] = []
    for _ in range(2):
        prepare(dataset, preprocess, "key", tmp_path, lambda: announced.append("now"))
    assert announced == ["now"]


def test_others_may_read_the_files(
    dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    folder = prepare(dataset, preprocess, "key", tmp_path)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in folder.iterdir())


class Broken:
    """A preprocess that returns one given column."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = columns

    def fit(self, train: Inputs) -> Mapping[str, Any]:
        return {}

    def apply(self, inputs: Inputs, state: Mapping[str, Any]) -> Arrays:
        return {name: np.array(values) for name, values in self.columns.items()}


@pytest.mark.parametrize(
    "columns",
    [
        {"x": [1, 2, 3]},
        {"y_NL": [1, 2, 3, 4, 5]},
        {"x": [1, 2], "x_offsets": [0, 1, 2]},
        {"x": [1, 2], "x_offsets": [0, 1, 1, 1, 1, 1]},
        {"x": [1, 2], "x_offsets": [0.0, 1.0, 2.0, 2.0, 2.0, 2.0]},
        {"x_offsets": [0, 0, 0, 0, 0, 0]},
    ],
    ids=str,
)
def test_columns_that_do_not_fit_the_rows_are_refused(
    columns: dict[str, list[Any]], dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="that has not 5 rows"):
        prepare(dataset, Broken(**columns), "key", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("already", ["nothing", "rubbish"])
def test_the_cache_of_a_quicker_process_stays(
    already: str, dataset: Dataset, preprocess: Preprocess, tmp_path: Path
) -> None:
    class Overtaken:
        """A preprocess during whose work another one finishes."""

        def fit(self, train: Inputs) -> Mapping[str, Any]:
            self.rival = prepare(dataset, preprocess, "key", tmp_path)
            self.inode = self.rival.stat().st_ino
            return preprocess.fit(train)

        def apply(self, inputs: Inputs, state: Mapping[str, Any]) -> Arrays:
            return preprocess.apply(inputs, state)

    if already == "rubbish":
        folder = prepare(dataset, preprocess, "key", tmp_path)
        (folder / "meta.json").write_text("rubbish", "utf-8")
    overtaken = Overtaken()
    assert prepare(dataset, overtaken, "key", tmp_path) == overtaken.rival
    assert overtaken.rival.stat().st_ino == overtaken.inode
    assert list(tmp_path.iterdir()) == [overtaken.rival]


RACER = """
import sys, time
from pathlib import Path
from study.data import DebtagsSpec, prepare
from study.models import BowSpec
dataset, encoder, root = DebtagsSpec(train_fraction=0.2).open(), BowSpec(), Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(prepare(dataset, encoder.preprocess(), encoder.preprocess_key(), root).name)
"""


def test_two_processes_at_once_leave_one_whole_cache(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    names = [racer.communicate()[0].strip() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == names[:1]
    assert names[0] == names[1]
    assert len(PreparedData(tmp_path / names[0]).split("train")) == 1110
