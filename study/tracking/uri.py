"""Which store a tracking URI means, and whether it can be one. MLflow is not imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

from study.errors import Problem
from study.tracking.secrets import shown

OPTION = "--tracking-uri"
OWN_FILE = "mlflow.db"
"""The storage folder's own store."""

_DATABASES = {"postgresql", "mysql", "mssql"}
_SERVERS = {"http", "https", "databricks"}
_SQLITE = "sqlite:///"
_MAGIC = b"SQLite format 3\0"


def resolve(tracking_uri: str | None, storage: Path) -> str:
    """Return the URI of the store; None is the one in the storage folder.

    A relative SQLite path becomes absolute: workers and checks run in other folders.
    """
    if tracking_uri is None:
        return _SQLITE + str(storage.absolute() / OWN_FILE)
    file = sqlite_file(tracking_uri)
    return tracking_uri if file is None else _SQLITE + str(file.absolute())


def is_own_store(tracking_uri: str | None, storage: Path) -> bool:
    """Return whether a URI means the storage folder's own store, also if it is spelt out."""
    return resolve(tracking_uri, storage) == resolve(None, storage)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an SQLite URI, None for any other."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def check_store(tracking_uri: str | None, storage: Path) -> list[Problem]:
    """Return why a store cannot be used, as far as a look at it tells; nothing is created.

    Whether a server answers is not asked.

    Args:
        tracking_uri: An MLflow tracking URI; None for ``mlflow.db`` in ``storage``.
        storage: The storage folder.
    """
    uri = resolve(tracking_uri, storage)
    file = sqlite_file(uri)
    if file is not None:
        path = OPTION if tracking_uri is not None else str(file)
        return [Problem(path, rule) for rule in _sqlite_rules(file)]
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in _DATABASES or (scheme in _SERVERS and (scheme == uri or urlsplit(uri).netloc)):
        return []
    rule = f"must be sqlite:///FILE, http(s)://HOST or a database, not {shown(uri)!r}"
    return [Problem(OPTION, rule)]


def _sqlite_rules(file: Path) -> Iterator[str]:
    if "?" in str(file) or "%" in str(file):
        rule = "must be a path without ? and %, which mean something else in a URI"
        yield f"{rule}, not {shown(str(file))}"
        return
    place = file.parent
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        yield f"must lie in a folder, {place} is a file"
    elif not os.access(place, os.W_OK | os.X_OK):
        yield f"must lie in a writable folder, {place} is not"
    elif file.is_dir() or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        yield f"must be a file that can be read and written, {file} is not"
    elif file.exists() and file.stat().st_size:
        yield from _database_rules(file)


def _database_rules(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            yield f"must be an SQLite database, {file} is not"
            return
    try:
        found = revision(file)
    except sqlite3.Error as error:
        yield f"{file} cannot be read: {error}"
        return
    if found is None:
        yield f"must be an MLflow database or a new file, {file} is neither"
    elif found not in _lineage():
        installed = importlib.metadata.version("mlflow")
        yield (
            f"{file} was written by a newer MLflow (schema {found}) than the installed "
            f"{installed}: update mlflow"
        )


def revision(file: Path) -> str | None:
    """Return the schema revision of a database; None if it is not MLflow's.

    Raises:
        sqlite3.Error: If it cannot be read.
    """
    # Not read-only: whoever was killed while writing left a journal that must be rolled back.
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True)) as connection:
        table = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        if connection.execute(table).fetchone() is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def head_revision() -> str:
    """Return the schema revision of the installed MLflow."""
    lineage = _lineage()
    return next(name for name in lineage if name not in set(lineage.values()))


def _lineage() -> dict[str, str]:
    """Return each schema revision of the installed MLflow with the one before it."""
    spec = importlib.util.find_spec("mlflow")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / "store" / "db_migrations" / "versions"
    lineage = {}
    for file in folder.glob("*_*.py"):
        found = dict(_REVISION.findall(file.read_text("utf-8")))
        if "revision" in found:
            lineage[found["revision"]] = found.get("down_revision", "")
    return lineage


_REVISION = re.compile(r"""^((?:down_)?revision)\b[^=\n]*=\s*["'](\w+)["']""", re.MULTILINE)
