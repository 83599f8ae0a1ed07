"""The only door to MLflow: the store, the runs that mirror a journal, the registry.

Importing this imports no MLflow; opening a store does.
"""

from study.tracking.artifacts import log_artifacts
from study.tracking.cursor import CURSOR_FILE, read_cursor
from study.tracking.ensure import ensure_run
from study.tracking.mirror import Mirror
from study.tracking.openings import study_id
from study.tracking.registry import RELOAD_SCRIPT, Registry
from study.tracking.secrets import hidden, shown
from study.tracking.store import Store, open_store
from study.tracking.uri import check_store, is_own_store, resolve, sqlite_file

__all__ = [
    "CURSOR_FILE",
    "RELOAD_SCRIPT",
    "Mirror",
    "Registry",
    "Store",
    "check_store",
    "ensure_run",
    "hidden",
    "is_own_store",
    "log_artifacts",
    "open_store",
    "read_cursor",
    "resolve",
    "shown",
    "sqlite_file",
    "study_id",
]
