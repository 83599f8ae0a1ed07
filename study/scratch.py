"""Folders for work in progress, and the removal of those that killed processes left.

A scratch folder holds a file that its process keeps locked. The system frees the lock when the
process ends, however it ends: a free lock means that nobody works there any more. Locks, not
process ids: they hold across the machines that share a disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".held"

UNHELD_S = 86_400.0
"""After so long a hidden folder without a lock file is a leftover: of a version that wrote none,
or of a process that was killed while it made or removed the folder."""

_held: set[Path] = set()
"""Those of this process: on some network file systems a process does not see its own locks."""


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in ``parent`` that is removed afterwards, or by a later start.

    Args:
        parent: Must exist.
        prefix: The folder's name begins so; with a dot where others look for whole folders.
    """
    with (
        # What cannot be removed now is removed by a later start.
        tempfile.TemporaryDirectory(dir=parent, prefix=prefix, ignore_cleanup_errors=True) as name,
        held(Path(name)),
    ):
        yield Path(name)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Mark ``folder`` as this process's while the block runs.

    Where files cannot be locked it stays unmarked, and is then never taken for a leftover
    before :data:`UNHELD_S` have passed.
    """
    file, known = folder / f"{LOCK_FILE}.new", folder.absolute()
    _held.add(known)
    try:
        with file.open("wb") as stream:
            if _locked(stream.fileno()):
                # Under its name only once it is locked: nobody sees it free before.
                file.rename(folder / LOCK_FILE)
            yield
    finally:
        _held.discard(known)


def remove_leftovers(folders: Iterable[Path]) -> list[Path]:
    """Remove those of ``folders`` whose process is dead; return them.

    Only this user's are looked at. One without a lock file counts only if its name begins with a
    dot and it has not changed for :data:`UNHELD_S`.
    """
    found = [folder for folder in folders if _is_left(folder)]
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _is_left(folder: Path) -> bool:
    try:
        facts = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or facts.st_uid != os.geteuid():
            return False
        if folder.absolute() in _held:
            return False
        with (folder / LOCK_FILE).open("rb+") as stream:
            return _locked(stream.fileno())
    except FileNotFoundError:
        return folder.name.startswith(".") and _age_s(folder) > UNHELD_S
    except OSError:
        return False


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _locked(handle: int) -> bool:
    """Return whether the file is now locked by this process; another one may hold it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
