"""A log file for every worker process: what it printed before it died stays to be read.

A worker's standard output and error go to ``LOGS/worker-LANE-RANK-ATTEMPT.log`` from its
first moment on, and so does the stack that Python writes when the process crashes. Ray's own
files lie in its session folder, which is removed with the session.

The folder stays small: a worker that leaves in good order removes a log in which nothing
stands, a log longer than ``MAX_BYTES`` loses its older half, and a study that is started or
resumed keeps only the latest ``MAX_LOGS`` of earlier workers.
"""

from __future__ import annotations

import faulthandler
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import final

MAX_BYTES = 1_000_000
MAX_LOGS = 40
TAIL_LINES = 20
_STACK_LINES = 10
"""Lines kept of the stack of a crash, which begins with the innermost call."""
_WIDTH = 300
"""Longer lines are cut where a log's end is quoted."""

_FATAL = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)


@final
class WorkerLog:
    """The log of this process."""

    def __init__(self, folder: Path, name: str) -> None:
        """Send everything that this process prints to a file of ``folder``.

        Raises:
            OSError: If the file cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{name}.log"
        # Appended to, so that what child processes write is not overwritten.
        stream = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        os.close(stream)
        faulthandler.enable(file=2, all_threads=False)

    def trim(self) -> None:
        """Forget the older half of a log that has become too long."""
        with suppress(OSError):
            if self.file.stat().st_size > MAX_BYTES:
                kept = self.file.read_bytes()[-MAX_BYTES // 2 :]
                os.truncate(self.file, 0)
                os.write(2, b"[what stood before was cut off]\n" + kept)

    def leave(self) -> None:
        """Remove the log if nothing stands in it; to be called when all went well."""
        with suppress(OSError):
            if self.file.stat().st_size == 0:
                self.file.unlink()


def tail(file: Path, lines: int = TAIL_LINES) -> list[str]:
    """Return the last lines of a log; none if it is empty or cannot be read.

    The stack of a crash is cut short, so that what the process said before it stays.
    """
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return []
    # Python ends a crash with a list of all extension modules, which tells nothing.
    wanted = [one for one in text.splitlines() if one and not one.startswith("Extension modules")]
    crash = max((n for n, one in enumerate(wanted) if _FATAL.match(one)), default=len(wanted))
    return [line[:_WIDTH] for line in wanted[: crash + _STACK_LINES][-lines:]]


def fatal_error(lines: list[str]) -> str | None:
    """Return what Python called the crash that a log ends with: ``Segmentation fault``."""
    found = _FATAL.findall("\n".join(lines))
    return str(found[-1]) if found else None


def prune(folder: Path, keep: int = MAX_LOGS) -> None:
    """Remove all workers' logs of a folder but the latest, and those in which nothing stands."""
    files = [(file, file.stat()) for file in folder.glob("worker-*.log")]
    files.sort(key=lambda one: one[1].st_mtime, reverse=True)
    for place, (file, stat) in enumerate(files):
        if place >= keep or stat.st_size == 0:
            file.unlink(missing_ok=True)
