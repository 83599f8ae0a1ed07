"""Artifact locations of a storage folder's own database, after the folder was moved or copied.

MLflow stores absolute locations. Where the folder was when they were written is kept in a
small file next to the database; one of an earlier version is told by the locations themselves.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOCATION_FILE = "mlflow.db.location"
ARTIFACTS = "artifacts"

_COLUMNS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
    # A trace's location is the value of its tag mlflow.artifactLocation.
    "trace_tags": ("value",),
}

_log = logging.getLogger(__name__)


def relocate(database: Path) -> None:
    """Make the locations in ``STORAGE/mlflow.db`` point into STORAGE as it is called now.

    To be called by one process at a time.

    Raises:
        sqlite3.Error: If the database cannot be read or written.
        OSError: If the location cannot be kept.
    """
    here = database.parent
    recorded = _recorded(here)
    for old in [recorded] if recorded else _derived(database):
        if old == here:
            continue
        changed = _rewrite(database, old, here)
        # The same folder under another name is no move.
        if changed and not (old.exists() and old.samefile(here)):
            _log.warning(
                "the storage folder was at %s, is at %s now: %d artifact locations in %s were "
                "rewritten",
                *(old, here, changed, database.name),
            )
    if recorded != here:
        _record(here)


def _recorded(here: Path) -> Path | None:
    try:
        text = (here / LOCATION_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Path(text) if text.startswith("/") else None


def _record(here: Path) -> None:
    new = here / f"{LOCATION_FILE}.new"
    new.write_text(f"{here}\n", encoding="utf-8")
    new.replace(here / LOCATION_FILE)


def _derived(database: Path) -> list[Path]:
    """Return where the folder was, told by experiments whose files or study are here now."""
    here = database.parent
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT artifact_location FROM experiments").fetchall()
    places = list(_places(row[0] for row in rows))
    is_used_here = any(storage == here for storage, _ in places)
    found = {
        storage
        for storage, name in places
        if ((here / ARTIFACTS / name).is_dir() or (here / name / "journal.jsonl").is_file())
        # Another storage folder may track its studies here, and have one of that name: it is
        # neither gone nor the original of a copy.
        and not (
            (storage / ARTIFACTS / name).is_dir()
            and (is_used_here or not (storage / database.name).is_file())
        )
    }
    return sorted(found)


def _places(locations: Iterator[str | None]) -> Iterator[tuple[Path, str]]:
    """Yield storage folder and experiment's folder of what lies at STORAGE/artifacts/NAME."""
    for location in locations:
        parts = urlsplit(location or "")
        path = Path(unquote(parts.path) if parts.scheme else parts.path)
        if parts.scheme in {"", "file"} and path.parent.name == ARTIFACTS:
            yield path.parent.parent, path.name


def _rewrite(database: Path, old: Path, new: Path) -> int:
    """Replace the beginning of every location under ``old``, all or none; return how many."""
    pairs = [
        ((old / ARTIFACTS).as_uri() + "/", (new / ARTIFACTS).as_uri() + "/"),
        (f"{old / ARTIFACTS}/", f"{new / ARTIFACTS}/"),
    ]
    changed = 0
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, column in _existing(connection):
            for before, after in pairs:
                changed += connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (after, len(before) + 1, len(before), before),
                ).rowcount
    return changed


def _existing(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for table, columns in _COLUMNS.items():
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        yield from ((table, column) for column in columns if column in there)
