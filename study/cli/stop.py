"""Ctrl-C and SIGTERM: answered at once, and only once acted on.

The first one raises KeyboardInterrupt where the main thread is; everything on the way out
cleans up after itself. Further ones are answered and change nothing: an interrupted clean-up
would leave Ray's processes and files behind.
"""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from study.cli.live_view import LiveView

SIGNALS = (signal.SIGINT, signal.SIGTERM)
DEFAULT_STORAGE = Path("studies")


def command(storage: Path, *words: str) -> str:
    """Return a command as it can be pasted into a shell: with ``--storage`` where it matters."""
    where = [] if storage == DEFAULT_STORAGE else ["--storage", shlex.quote(str(storage))]
    return f"`{' '.join(['study', *words, *where])}`"


@final
class Stop:
    """What is said when the user stops the command."""

    def __init__(self) -> None:
        self._view: LiveView | None = None
        self._storage = DEFAULT_STORAGE
        self._asked = 0

    def install(self) -> None:
        """Answer signals from now on."""
        self._asked = 0
        for number in SIGNALS:
            signal.signal(number, self._answer)

    def watch(self, view: LiveView, storage: Path) -> None:
        """Remember which study is at work: it can be resumed."""
        self._view, self._storage = view, storage

    def hint(self) -> str:
        """Return how the study is resumed, as a line that can be pasted into a shell."""
        name = self._view.study if self._view else None
        if name is None:
            return "nothing was begun"
        return f"what was done is kept; {command(self._storage, 'resume', name)} resumes it"

    def reasons(self) -> str | None:
        """Return where the reasons of a failure are told; None if no study was at work."""
        name = self._view.study if self._view else None
        return name and f"{command(self._storage, 'show', name)} says what failed"

    def last_words(self) -> str:
        """Return what is said when the command has stopped; no signal ends it otherwise now."""
        for number in SIGNALS:
            # The interpreter's own end restores the default of every other handler.
            signal.signal(number, signal.SIG_IGN)
        return f"interrupted; {self.hint()}"

    def _answer(self, _signal: int, _frame: Any) -> None:
        self._asked += 1
        if self._asked == 1:
            _say("\nstopping: workers and Ray are shut down, this takes some seconds")
            raise KeyboardInterrupt
        _say("still stopping")


def _say(line: str) -> None:
    # Not print: a signal may come while the stream's lock is held.
    os.write(2, f"{line}\n".encode())
