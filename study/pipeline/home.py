"""Where studies lie on disk, and who may work on one.

STORAGE/NAME/           one study: journal.jsonl, study.yaml, checkpoints, finalists, report
STORAGE/cache/          prepared data, by content digest
STORAGE/mlflow.db       tracking store and registry of all studies, unless told otherwise
STORAGE/artifacts/      its artifacts

All of it may be moved or copied: nothing that is kept depends on where the folder is.
"""

from __future__ import annotations

import difflib
import errno
import fcntl
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, final

from study.errors import CannotRunError, ConfigError, Problem, StoreError
from study.plan import AnyEvent, SessionStarted, StudyResult, StudyStarted, fold, read_journal
from study.plan.moved import report_page
from study.plan.study import NAME_PATTERN
from study.tracking import resolve

JOURNAL_FILE = "journal.jsonl"
LOCK_FILE = "lock"
_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}


@final
class Home:
    """A storage folder."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage.absolute()

    @property
    def cache(self) -> Path:
        """Where prepared data lies."""
        return self.storage / "cache"

    def folder(self, name: str) -> Path:
        """Return where a study lies, whether it exists or not."""
        return self.storage / name

    def journal(self, name: str) -> Path:
        """Return a study's journal, whether it exists or not."""
        return self.folder(name) / JOURNAL_FILE

    def exists(self, name: str) -> bool:
        """Return whether a study of this name was ever started: a torn first line is none."""
        file = self.journal(name)
        return file.is_file() and b"\n" in file.read_bytes()

    def names(self) -> list[str]:
        """Return the studies there are, by name.

        Raises:
            StoreError: If the storage is no folder.
        """
        if not self.storage.exists():
            return []
        if not self.storage.is_dir():
            raise StoreError(Problem("--storage", f"must be a folder, {self.storage} is a file"))
        return sorted(path.name for path in self.storage.iterdir() if self.exists(path.name))

    def find(self, name: str) -> Path:
        """Return the folder of a study that exists.

        Raises:
            ConfigError: If the name is none, or no study has it.
        """
        if not re.fullmatch(NAME_PATTERN, name) or not self.exists(name):
            raise ConfigError(Problem("NAME", f"there is no study {name!r} {self._nearby(name)}"))
        return self.folder(name)

    def _nearby(self, name: str) -> str:
        names = self.names()
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
        return f"in {self.storage}" + (hint if names else "")

    def result(self, name: str) -> StudyResult:
        """Return what is known of a study.

        Raises:
            ConfigError: If there is none of this name.
            StoreError: If its journal is damaged or newer than this package.
        """
        self.find(name)
        return self.fold(name, self.events(name), running=self.is_running(name))

    def fold(self, name: str, events: Sequence[AnyEvent], *, running: bool) -> StudyResult:
        """Return what a study's events say, with report and own store where they are now.

        Args:
            name: Of the study's folder.
            events: The study's; the first is its StudyStarted.
            running: Whether a process is at work on the study now.
        """
        result = fold(events, running=running)
        update: dict[str, str] = {}
        if result.report is not None:
            update["report"] = str(report_page(result.report, self.folder(name)))
        session = next((one for one in reversed(events) if isinstance(one, SessionStarted)), None)
        if session is not None and not session.tracking_given:
            update["tracking_uri"] = resolve(None, self.storage)
        return result.model_copy(update=update)

    def results(self) -> tuple[list[StudyResult], list[Problem]]:
        """Return what is known of all studies, and what is wrong with those that are damaged."""
        found: list[StudyResult] = []
        damaged: list[Problem] = []
        for name in self.names():
            try:
                found.append(self.result(name))
            except StoreError as error:
                damaged += error.problems
        return found, damaged

    def events(self, name: str) -> list[AnyEvent]:
        """Return what happened to a study, its beginning first; nothing if there is none.

        Raises:
            StoreError: If its journal is damaged or newer than this package.
        """
        if not self.exists(name):
            return []
        events = read_journal(self.journal(name))
        if not isinstance(events[0], StudyStarted):
            raise StoreError(Problem(str(self.journal(name)), "is damaged: it has no beginning"))
        return events

    def is_running(self, name: str) -> bool:
        """Return whether a process is at work on a study, on this machine or a shared disk."""
        file = self.folder(name) / LOCK_FILE
        try:
            with file.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except BlockingIOError:
            return True
        except OSError:
            # Never locked, or not ours to look at.
            return False

    @contextmanager
    def work(self, name: str) -> Iterator[Path]:
        """Hold a study for this process alone; the lock goes with the process, however it ends.

        Raises:
            CannotRunError: If another process works on it.
            StoreError: If the folder cannot be written or locked.
        """
        folder = self.folder(name)
        stack = ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # A process that only looks holds a shared lock for a moment.
            stack.enter_context(_lock(folder, patience_s=1.5))
        except BlockingIOError:
            rule = f"another process works on it; `study show {name}` tells how far it is"
            raise CannotRunError(Problem(name, rule)) from None
        except OSError as error:
            raise StoreError(Problem(str(folder), _lock_rule(error))) from None
        with stack:
            yield folder

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if nothing can be written there."""
        place = self.storage
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            yield Problem("--storage", f"must be a folder, {place} is a file")
            return
        try:
            # Permissions say little of full or read-only disks: a nameless file is tried.
            with tempfile.TemporaryFile(dir=place) as stream:
                yield from _lock_problems(stream)
        except OSError as error:
            yield Problem("--storage", f"must be writable, {place} is not: {error.strerror}")

    def require_writable(self) -> None:
        """Make the folder.

        Raises:
            StoreError: If nothing can be written there.
        """
        problems = list(self.problems())
        if problems:
            raise StoreError(problems)
        self.storage.mkdir(parents=True, exist_ok=True)


def _lock_problems(stream: IO[bytes]) -> Iterator[Problem]:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        yield Problem("--storage", _lock_rule(error))


def _lock_rule(error: OSError) -> str:
    if error.errno in _NO_LOCKS:
        return (
            f"must be on a file system with locks (flock), this one has none: {error.strerror}; "
            "mount it with the option flock, or give --storage on another disk"
        )
    return f"cannot be locked: {error.strerror}"


@contextmanager
def _lock(folder: Path, patience_s: float) -> Iterator[None]:
    end = time.monotonic() + patience_s
    with (folder / LOCK_FILE).open("a", encoding="utf-8") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.1)
        yield
