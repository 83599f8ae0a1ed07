"""The journal of a study: one JSON line per fact, on disk before anybody acts on it.

Lines are only ever appended and forced to disk. A kill can leave at most one torn last
line; it is cut off when the study is resumed, as if it had never been written.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, final

from pydantic import ValidationError

from study.errors import MachineError, Problem, StoreError, StudyError
from study.plan.events import EVENT, SCHEMA_VERSION, AnyEvent, StudyStarted
from study.plan.migrate import migrated

_log = logging.getLogger(__name__)

Listener = Callable[[int, AnyEvent], None]
"""Called with the index of a new event and the event, after it is on disk."""


@final
class Journal:
    """Appends events and tells listeners of each; safe from several threads.

    A journal of an earlier version is rewritten when it is opened; the old file stays next to
    it, as ``journal.v1.jsonl``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        held = _opened(file) if file.exists() else _Held((), SCHEMA_VERSION, 0)
        self.events: list[AnyEvent] = list(held.events)
        self.broken: StudyError | None = None
        """Why nothing can be written any more, if that is so."""
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        # Unbuffered: what a failed write leaves in a buffer would reach the disk later.
        self._stream = file.open("ab", buffering=0)
        self._stream.truncate(held.length)

    def append(self, event: AnyEvent) -> None:
        """Write ``event`` to disk, then tell the listeners.

        Raises:
            StudyError: If it cannot be written; :attr:`broken` holds it from then on, and
                every further event is refused.
        """
        line = event.model_dump_json().encode() + b"\n"
        with self._lock:
            if self.broken is not None:
                raise self.broken
            length, count = self._stream.seek(0, os.SEEK_END), len(self.events)
            try:
                self._write(line)
                self.events.append(event)
            except BaseException as error:
                # Full disk, or Ctrl-C while the disk works: memory and disk must agree.
                del self.events[count:]
                with suppress(OSError):
                    self._stream.truncate(length)
                if isinstance(error, OSError):
                    raise self._break(error) from None
                raise
            for listener in self._listeners:
                self._tell(listener, event)

    def _write(self, line: bytes) -> None:
        while line:
            line = line[self._stream.write(line) or 0 :]
        os.fsync(self._stream.fileno())

    def _break(self, error: OSError) -> StudyError:
        rule = f"cannot be written: {error.strerror}; what it holds is kept"
        self.broken = MachineError(Problem(str(self.file), rule))
        return self.broken

    def _tell(self, listener: Listener, event: AnyEvent) -> None:
        try:
            listener(len(self.events) - 1, event)
        except Exception:  # noqa: BLE001 - whatever it is
            # The fact is on disk; an onlooker that stumbles over it must not stop the study.
            _log.exception("a listener failed on %s", event)

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` of every event from now on; it must not raise or take long."""
        with self._lock:
            self._listeners.append(listener)

    def close(self) -> None:
        """Close the file; what was appended is on disk already."""
        with suppress(OSError):
            self._stream.close()


def now() -> float:
    """Return the time that events carry, in seconds since the epoch."""
    return time.time()


def read_journal(file: Path) -> list[AnyEvent]:
    """Return the events of a journal, without a torn last line; older versions are migrated.

    Raises:
        StoreError: If it is damaged, or written by a newer version of this package.
    """
    return list(_held(file).events)


@final
@dataclass(frozen=True)
class _Held:
    """What a journal holds."""

    events: tuple[AnyEvent, ...]

    version: int
    """Of the file's lines."""

    length: int
    """Bytes of its whole lines."""


def _held(file: Path) -> _Held:
    """Return what a journal holds; it is read again only if it is another file by now.

    A start looks at the journal several times, for its settings, its state and its events.
    """
    found = file.stat()
    return _read(file, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1)
def _read(file: Path, *_identity: int) -> _Held:
    whole = file.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]
    return _Held(tuple(_events(file, whole)), _version(whole), len(whole))


def _opened(file: Path) -> _Held:
    """Return what a journal holds that will be written to, migrated on disk too."""
    held = _held(file)
    if held.events and held.version < SCHEMA_VERSION:
        shutil.copyfile(file, file.with_suffix(f".v{held.version}.jsonl"))
        lines = b"".join(event.model_dump_json().encode() + b"\n" for event in held.events)
        _replace(file, lines)
        return _Held(held.events, SCHEMA_VERSION, len(lines))
    return held


def _replace(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    with new.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def _events(file: Path, whole: bytes) -> list[AnyEvent]:
    version, lines = _version(whole), whole.splitlines()
    if version > SCHEMA_VERSION:
        rule = (
            f"was written by a newer version of study (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}): update study"
        )
        raise StoreError(Problem(str(file), rule))
    if version == SCHEMA_VERSION or not lines:
        return [_event(file, number, line) for number, line in enumerate(lines, start=1)]
    return [_event(file, n, line) for n, line in enumerate(_migrated(file, lines, version), 1)]


def _event(file: Path, number: int, line: bytes | str) -> AnyEvent:
    try:
        return EVENT.validate_json(line, strict=True)
    except ValidationError:
        raise StoreError(Problem(f"{file}:{number}", "is damaged: not an event")) from None


def _migrated(file: Path, lines: Iterable[bytes], version: int) -> list[str]:
    try:
        return [json.dumps(line) for line in migrated(map(json.loads, lines), version)]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        raise StoreError(Problem(str(file), "is damaged: not a journal")) from None


def _version(whole: bytes) -> int:
    """Return the schema version that a journal's first line names; the current one if none."""
    try:
        version: Any = json.loads(whole.split(b"\n", 1)[0])["schema_version"]
    except (ValueError, KeyError, TypeError):
        return SCHEMA_VERSION
    return version if isinstance(version, int) else SCHEMA_VERSION


__all__ = ["Journal", "Listener", "StudyStarted", "now", "read_journal"]
