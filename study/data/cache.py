"""What an encoder's preprocess makes of a dataset, computed once and memory-mapped.

A cache is a folder named by the digests of the dataset and of the preprocess::

    meta.json                  whose it is, what the preprocess learnt, ids, checksums
    train.safetensors, ...     one file per split: the arrays, and the labels as ``y_NL``

It is written beside its place and then renamed, so a folder that is there is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from study.data.base import SPLITS, Dataset, Split
from study.data.prepared import LABELS, OFFSETS, SCHEMA_VERSION, Meta, load_meta
from study.errors import MachineError, Problem
from study.scratch import scratch_folder
from study.spec import Arrays, Preprocess


def prepare(
    dataset: Dataset,
    preprocess: Preprocess,
    preprocess_key: str,
    root: Path,
    begin: Callable[[], None] | None = None,
) -> Path:
    """Return the folder that caches ``dataset`` preprocessed; make it if it is not there.

    The preprocess is fitted on the training split only. Several processes may do this at
    once: each writes its own copy, and one of them stays.

    Args:
        dataset: What to preprocess.
        preprocess: The encoder's.
        preprocess_key: Digest of what the preprocess depends on.
        root: Folder of all caches; made if need be.
        begin: Called before the folder is made; not if it is there.

    Raises:
        DataError: If the preprocess cannot prepare this dataset.
        StoreError: If the cache was written by a newer version of this package.
        MachineError: If ``root`` cannot be written: no space, no permission.
    """
    from safetensors import SafetensorError

    digest = hashlib.sha256(f"{dataset.digest} {preprocess_key}".encode()).hexdigest()
    folder = root / digest[:16]
    if _is_whole(folder):
        return folder
    if begin is not None:
        begin()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with scratch_folder(root, f".{folder.name}-") as scratch:
            fresh = scratch / "fresh"
            _write(dataset, preprocess, preprocess_key, fresh)
            _put(fresh, folder, scratch / "old")
    except (OSError, SafetensorError) as error:
        rule = f"must be a folder to write to, with room for the prepared data: {error}"
        raise MachineError(Problem(str(root), rule)) from None
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether ``folder`` holds a cache of this version with nothing missing or changed."""
    meta = load_meta(folder)
    if meta is None:
        return False
    try:
        return all(_sha256(_file(folder, split)) == meta.sha256.get(split) for split in SPLITS)
    except OSError:
        return False


def _write(dataset: Dataset, preprocess: Preprocess, preprocess_key: str, folder: Path) -> None:
    from safetensors.numpy import save_file

    folder.mkdir()
    state = dict(preprocess.fit(dataset.splits["train"].inputs))
    for split in SPLITS:
        raw = dataset.splits[split]
        arrays = preprocess.apply(raw.inputs, state)
        _check(arrays, len(raw))
        columns = {**arrays, LABELS: raw.y_NL}
        path = _file(folder, split)
        save_file({name: np.ascontiguousarray(values) for name, values in columns.items()}, path)
        # safetensors lets only the owner read what it writes.
        path.chmod(0o644)
    meta = Meta(
        schema_version=SCHEMA_VERSION,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        preprocess_key=preprocess_key,
        label_names=dataset.label_names,
        state=state,
        ids={split: dataset.splits[split].ids for split in SPLITS},
        sha256={split: _sha256(_file(folder, split)) for split in SPLITS},
    )
    (folder / "meta.json").write_text(meta.model_dump_json(), "utf-8")


def _check(arrays: Arrays, num_rows: int) -> None:
    """Raise ValueError unless every column has ``num_rows`` rows."""
    for name, values in arrays.items():
        if name.endswith(OFFSETS):
            ragged = arrays.get(name.removesuffix(OFFSETS))
            fits = values.dtype == np.int64 and len(values) == num_rows + 1 and values[0] == 0
            fits = fits and ragged is not None and values[-1] == len(ragged)
        else:
            fits = name + OFFSETS in arrays or len(values) == num_rows
        if not fits or name == LABELS:
            raise ValueError(
                f"the preprocess gives a column {name!r} that has not {num_rows} rows"
            )


def _put(fresh: Path, folder: Path, old: Path) -> None:
    """Rename ``fresh`` to ``folder``; what is damaged there goes to ``old``."""
    for _ in range(2):
        with suppress(OSError):
            fresh.rename(folder)
            return
        if _is_whole(folder):  # Another process was quicker.
            return
        with suppress(FileNotFoundError):
            folder.rename(old)
    fresh.rename(folder)


def _file(folder: Path, split: Split) -> Path:
    return folder / f"{split}.safetensors"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
