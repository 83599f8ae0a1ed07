"""The MLflow store of a study: found or made, migrated, and quiet.

MLflow is imported here when a store is opened, not before. Its telemetry is off unless the
user turned it on, and what it would print comes back as exceptions instead.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, final

from study.errors import Problem, StoreError
from study.tracking.location import ARTIFACTS, relocate
from study.tracking.secrets import hidden, shown
from study.tracking.uri import (
    OPTION,
    OWN_FILE,
    check_store,
    head_revision,
    is_own_store,
    resolve,
    revision,
    sqlite_file,
)


@final
class Store:
    """A tracking store and model registry that answered."""

    def __init__(
        self, uri: str, path: str, client: Any, artifacts: Path | None, name: str = ""
    ) -> None:
        self.uri = uri
        """As MLflow takes it; may hold a password."""
        self.name = name or shown(uri)
        """What a cursor calls it: the storage folder's own has one name wherever it lies."""
        self.client = client
        """An ``MlflowClient``; knows nothing of the active run or URI of the process."""
        self._path = path
        self._artifacts = artifacts

    @property
    def shown(self) -> str:
        """The URI as it may be printed and written down."""
        return shown(self.uri)

    def translated(self) -> AbstractContextManager[None]:
        """Return a context in which whatever MLflow raises becomes a StoreError."""
        return _translated(self._path, self.uri)

    def experiment(self, name: str) -> str:
        """Return the id of the experiment ``name``; make it, or take it out of the bin."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return self._create_experiment(name)
        self.take_out_of_bin(found.experiment_id)
        return str(found.experiment_id)

    def take_out_of_bin(self, experiment: str) -> bool:
        """Restore an experiment with its runs if it was deleted; return whether it was."""
        found = self.client.get_experiment(experiment)
        was_deleted = bool(found.lifecycle_stage == "deleted")
        if was_deleted:
            self.client.restore_experiment(experiment)
        return was_deleted

    def _create_experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        place = (self._artifacts / name).as_uri() if self._artifacts else None
        try:
            return str(self.client.create_experiment(name, artifact_location=place))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(self.client.get_experiment_by_name(name).experiment_id)


def open_store(tracking_uri: str | None, storage: Path) -> Store:
    """Return the store of a study, after making or migrating it if need be.

    Args:
        tracking_uri: An MLflow tracking URI; None for ``mlflow.db`` in ``storage``, with its
            artifacts beside it. A server decides itself where artifacts go.
        storage: The storage folder.

    Raises:
        StoreError: If the store cannot be reached, written or understood.
    """
    problems = check_store(tracking_uri, storage)
    if problems:
        raise StoreError(problems)
    uri = resolve(tracking_uri, storage)
    file = sqlite_file(uri)
    path = str(file) if file is not None and tracking_uri is None else OPTION
    is_own = is_own_store(tracking_uri, storage)
    _prepare_environment()
    with _translated(path, uri):
        if file is not None:
            _ready(file, uri, is_own=is_own)
        client = _client(uri)
        client.search_experiments(max_results=1)
    is_server = uri.startswith(("http", "databricks"))
    artifacts = None if is_server else storage.absolute() / ARTIFACTS
    return Store(uri, path, client, artifacts, OWN_FILE if is_own else "")


def _prepare_environment() -> None:
    # Whoever set one of these meant it.
    if "MLFLOW_DISABLE_TELEMETRY" not in os.environ:
        os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    for name, value in {
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # A uv project in the user's folder is not what a model needs to run.
        "MLFLOW_UV_AUTO_DETECT": "false",
        # The mirror tries again itself, and tells why it waits.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    }.items():
        os.environ.setdefault(name, value)


def _client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    # What these say at length comes back as an exception, or is no news.
    for name in ("alembic", "mlflow.pyfunc", "mlflow.store.db.utils", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def _translated(path: str, uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StoreError(Problem(path, _unusable(uri, error))) from None
    except (OSError, sqlite3.Error) as error:
        raise StoreError(Problem(path, _unusable(uri, error))) from None


def is_gone(error: Exception) -> bool:
    """Return whether MLflow says that what was asked for does not exist."""
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"


def first_line(error: Exception, uri: str) -> str:
    """Return the first line of an error's text, shortened, without the store's passwords."""
    lines = hidden(str(error), uri).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def _unusable(uri: str, error: Exception) -> str:
    return f"{shown(uri)} cannot be used: {first_line(error, uri)}"


def _ready(file: Path, uri: str, *, is_own: bool) -> None:
    """Make, migrate or relocate an SQLite database; several processes may ask at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f"{file.name}.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists() or not file.stat().st_size:
            _create(file)
        elif revision(file) != head_revision():
            _migrate(file, uri)
        if is_own:
            relocate(file)


def _create(file: Path) -> None:
    """Let MLflow make the database under another name: a kill leaves none, not half of one."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    new = file.with_name(f".{file.name}.new")
    for left in (new, new.with_name(f"{new.name}-journal")):
        left.unlink(missing_ok=True)

    def hurry(connection: Any, _record: Any) -> None:
        # Some 400 statements, each forced to disk: most of the seconds this takes. Nothing is
        # lost without, since the file has its name only when it is whole and on disk.
        if any(row[2] == str(new) for row in connection.execute("PRAGMA database_list")):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", hurry)
    try:
        _client(f"sqlite:///{new}")
    finally:
        event.remove(Engine, "connect", hurry)
    with new.open("rb+") as stream:
        os.fsync(stream.fileno())
    new.replace(file)


def _migrate(file: Path, uri: str) -> None:
    backup = file.with_name(f"{file.name}.{revision(file)}")
    shutil.copyfile(file, backup)
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        rule = f"cannot be migrated to the installed MLflow: {why}; {backup} is as it was"
        raise StoreError(Problem(str(file), rule))
