"""A prepared dataset as training reads it: memory-mapped columns, gathered by rows.

Letters: N rows asked for, L labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from study.data.base import SPLITS, Split
from study.errors import DataError, Problem, StoreError
from study.spec import Spec

SCHEMA_VERSION = 2
"""Version 1 did not say what its data was prepared by; it is prepared again."""

LABELS = "y_NL"
"""Name of the labels among the columns of a split's file."""

OFFSETS = "_offsets"
"""Ending of the name of a ragged column's offsets."""


@final
class Meta(Spec):
    """What a cache says of itself, in ``meta.json``."""

    schema_version: int
    """Version of the cache's layout."""

    dataset: str
    """Name of the dataset."""

    dataset_digest: str
    """Its digest."""

    preprocess_key: str
    """Digest of what the preprocess depends on: ``EncoderSpec.preprocess_key()``."""

    label_names: tuple[str, ...]
    """Name of every column of the labels."""

    state: dict[str, Any]
    """What the preprocess learnt from the training split."""

    ids: dict[Split, tuple[str, ...]]
    """Name of every example of every split."""

    sha256: dict[Split, str]
    """Checksum of every split's file."""


def load_meta(folder: Path) -> Meta | None:
    """Return what the cache in ``folder`` says of itself; None if it is none, or damaged.

    Raises:
        StoreError: If a newer version of this package wrote it.
    """
    path = folder / "meta.json"
    try:
        text = path.read_text("utf-8")
        version = json.loads(text)["schema_version"]
        if isinstance(version, int) and version > SCHEMA_VERSION:
            rule = f"must have schema_version {SCHEMA_VERSION} or less, not {version}"
            raise StoreError(Problem(str(path), f"{rule}; use the package that wrote it"))
        meta = Meta.model_validate_json(text)
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
    return meta if meta.schema_version == SCHEMA_VERSION and set(meta.ids) == set(SPLITS) else None


@final
class PreparedData:
    """A dataset as :func:`study.data.prepare` left it in a folder."""

    def __init__(self, folder: Path) -> None:
        meta = load_meta(folder)
        if meta is None:
            rule = "must hold a whole prepared dataset; remove it and prepare again"
            raise DataError(Problem(str(folder), rule))
        self.folder = folder
        self._meta = meta
        self.label_names: tuple[str, ...] = meta.label_names
        self.state: Mapping[str, Any] = meta.state
        """What the preprocess learnt from the training split."""
        self.dataset_digest: str = meta.dataset_digest
        self.preprocess_key: str = meta.preprocess_key
        """Whose data it is: encoders with another key cannot read it."""
        self.sizes: Mapping[Split, int] = {split: len(meta.ids[split]) for split in SPLITS}
        """Number of examples of every split."""

    def split(self, name: Split) -> PreparedSplit:
        """Return one split; nothing is read before it is asked for.

        Raises:
            DataError: If the split's file is missing or damaged.
        """
        return PreparedSplit(self.folder / f"{name}.safetensors", self._meta.ids[name])


@final
class PreparedSplit:
    """Rows of arrays and labels of one split, memory-mapped."""

    def __init__(self, path: Path, ids: tuple[str, ...]) -> None:
        columns = _map(path)
        self.ids = ids
        self.y_NL = columns.pop(LABELS, torch.empty(0, 0))
        """Multi-hot labels of all rows, uint8."""
        self._offsets = {
            name.removesuffix(OFFSETS): columns.pop(name)
            for name in list(columns)
            if name.endswith(OFFSETS)
        }
        self._columns = columns
        self._check(path)
        self._keys = _shared(self._offsets)

    def _check(self, path: Path) -> None:
        rows = [len(self.y_NL), *(len(offsets) - 1 for offsets in self._offsets.values())]
        rows += [
            len(values) for name, values in self._columns.items() if name not in self._offsets
        ]
        if set(rows) != {len(self.ids)} or not set(self._offsets) <= set(self._columns):
            rule = f"must hold {len(self.ids)} rows in every column, as meta.json says"
            raise DataError(Problem(str(path), f"{rule}; remove the folder and prepare again"))

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows_N: Tensor) -> dict[str, Tensor]:
        """Return the given rows of every column but the labels, in the order asked for.

        Args:
            rows_N: Positions of rows, int64, in [0, len(self)).

        Returns:
            Dense columns with N rows; of a ragged column the values of these rows one
            after another, and offsets that start at 0.

        Raises:
            ValueError: If a row lies outside the split.
        """
        if len(rows_N) and not 0 <= int(rows_N.min()) <= int(rows_N.max()) < len(self):
            raise ValueError(f"rows must be in [0, {len(self)})")
        found: dict[str, tuple[Tensor, Tensor]] = {}
        batch: dict[str, Tensor] = {}
        for name, values in self._columns.items():
            if name not in self._offsets:
                batch[name] = values[rows_N]
                continue
            key = self._keys[name]
            if key not in found:
                found[key] = _gather(self._offsets[key], rows_N)
            places, offsets = found[key]
            batch[name], batch[name + OFFSETS] = values[places], offsets
        return batch


def _shared(offsets: Mapping[str, Tensor]) -> dict[str, str]:
    """Return for every ragged column the first that has the same offsets.

    Words and their weights do; finding where the values of a batch lie costs more than
    copying them, so it is done once for both.
    """
    return {
        name: next(other for other in offsets if torch.equal(offsets[other], offsets[name]))
        for name in offsets
    }


def _gather(offsets: Tensor, rows_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the values of ``rows_N`` lie, and their own offsets (N + 1)."""
    starts_N = offsets[rows_N]
    lengths_N = offsets[rows_N + 1] - starts_N
    taken = torch.zeros(len(rows_N) + 1, dtype=torch.int64)
    torch.cumsum(lengths_N, 0, out=taken[1:])
    shift_N = starts_N - taken[:-1]
    return torch.arange(int(taken[-1])) + shift_N.repeat_interleave(lengths_N), taken


def _map(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        rule = f"must be a readable safetensors file: {error}"
        raise DataError(
            Problem(str(path), f"{rule}; remove the folder and prepare again")
        ) from None
