"""Folders that are there whole or not at all, and still there after a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.scratch import scratch_folder


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` if nothing is raised.

    All of it is on disk before it takes that place, and its place before this returns: what
    is reported afterwards can be read again, whatever happens to the machine.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent, f".{folder.name}.") as scratch:
        new = scratch / "new"
        new.mkdir()
        yield new
        for path in new.rglob("*"):
            _sync(path)
        _sync(new)
        if folder.exists():
            folder.rename(scratch / "old")
        new.rename(folder)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    """Force a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
