"""Taking rows of a prepared split against a loop over rows."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from study.data import Dataset, PreparedData, PreparedSplit, prepare
from study.errors import DataError
from study.spec import Arrays, Preprocess


@pytest.fixture
def folder(dataset: Dataset, preprocess: Preprocess, tmp_path: Path) -> Path:
    return prepare(dataset, preprocess, "key", tmp_path)


@pytest.fixture
def train(folder: Path) -> PreparedSplit:
    return PreparedData(folder).split("train")


def slow_take(arrays: Arrays, rows: list[int]) -> dict[str, Tensor]:
    batch: dict[str, Tensor] = {}
    for name, values in arrays.items():
        offsets = arrays.get(name + "_offsets")
        if name.endswith("_offsets"):
            continue
        if offsets is None:
            batch[name] = torch.tensor([values[row].tolist() for row in rows])
            continue
        flat: list[float] = []
        starts = [0]
        for row in rows:
            flat += values[offsets[row] : offsets[row + 1]].tolist()
            starts.append(len(flat))
        batch[name] = torch.tensor(flat, dtype=torch.from_numpy(values).dtype)
        batch[name + "_offsets"] = torch.tensor(starts)
    return batch


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [3, 1, 3, 0], [1], [1, 1], [4, 3, 2, 1, 0]])
def test_taking_rows_agrees_with_a_loop(
    rows: list[int], train: PreparedSplit, dataset: Dataset, preprocess: Preprocess
) -> None:
    arrays = preprocess.apply(dataset.splits["train"].inputs, {"longest": 10})
    expected = slow_take(arrays, rows)
    taken = train.take(torch.tensor(rows))
    assert taken.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(taken[name], values, rtol=0, atol=0)


def test_no_rows_are_empty_columns(train: PreparedSplit) -> None:
    batch = train.take(torch.tensor([], dtype=torch.int64))
    assert batch["shape"].shape == (0, 2)
    assert len(batch["letters"]) == 0
    assert batch["letters_offsets"].tolist() == [0]


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_outside_the_split_is_refused(row: int, train: PreparedSplit) -> None:
    with pytest.raises(ValueError, match=r"rows must be in \[0, 5\)"):
        train.take(torch.tensor([0, row]))


def test_labels_are_no_column(train: PreparedSplit) -> None:
    assert "y_NL" not in train.take(torch.tensor([0]))
    assert train.y_NL.dtype == torch.uint8
    assert train.y_NL.tolist() == [[1, 1], [0, 0], [0, 0], [1, 1], [0, 1]]
    assert len(train) == 5


def test_a_folder_without_a_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        PreparedData(tmp_path / "none")
    assert str(caught.value) == (
        f"{tmp_path / 'none'}: must hold a whole prepared dataset; remove it and prepare again"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}', "null"])
def test_a_meta_file_that_is_none_is_refused(text: str, folder: Path) -> None:
    (folder / "meta.json").write_text(text, "utf-8")
    with pytest.raises(DataError, match="must hold a whole prepared dataset"):
        PreparedData(folder)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_damaged_split_is_refused(size: int, folder: Path) -> None:
    path = folder / "val.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=f"^{path}: must be a readable safetensors file: "):
        PreparedData(folder).split("val")


def test_a_split_that_is_not_the_one_described_is_refused(folder: Path) -> None:
    (folder / "val.safetensors").write_bytes((folder / "train.safetensors").read_bytes())
    with pytest.raises(DataError, match=r"must hold 2 rows in every column, as meta.json says"):
        PreparedData(folder).split("val")
