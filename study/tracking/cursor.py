"""How far a store is with a study's journal, on disk beside the journal."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

CURSOR_FILE = "mlflow.json"
_SCHEMA_VERSION = 1


def read_cursor(folder: Path) -> dict[str, Any]:
    """Return a study's cursor; empty if there is none that this version can read.

    ``cursor`` is how many events the store holds, ``store`` and ``study_id`` say of what.
    A cursor that is lost or behind does no harm: writes can be repeated.
    """
    try:
        data = json.loads((folder / CURSOR_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    is_known = isinstance(data, dict) and data.get("schema_version") == _SCHEMA_VERSION
    return data if is_known and isinstance(data.get("cursor"), int) else {}


def events_held(folder: Path, store: Container[str], study_id: str) -> int:
    """Return how many events a store holds of a study, as far as the cursor knows.

    Args:
        folder: The study's.
        store: The store's names.
        study_id: The study's.
    """
    saved = read_cursor(folder)
    is_its = saved.get("study_id") == study_id and saved.get("store") in store
    return int(saved["cursor"]) if is_its else 0


def save_cursor(folder: Path, store: str, study_id: str, cursor: int) -> None:
    """Write the cursor, whole or not at all."""
    data = {
        "schema_version": _SCHEMA_VERSION,
        "study_id": study_id,
        "store": store,
        "cursor": cursor,
    }
    new = folder / f"{CURSOR_FILE}.new"
    new.write_text(json.dumps(data) + "\n", "utf-8")
    new.replace(folder / CURSOR_FILE)
