"""The thread by which a worker says that it is alive, and what it is at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import final

from study.execution.beat import BEAT_S, Beat
from study.training.progress import Phase

Send = Callable[[Beat], None]


@final
class Heartbeat:
    """Sends what the worker is at, every ``BEAT_S`` seconds and whenever the phase changes.

    It is the Progress of the worker's trials. Its thread ends with :meth:`stop`, and never
    keeps a process alive.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._beat = Beat("starting")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name="heartbeat", daemon=True)
        self._thread.start()

    def phase(self, name: Phase) -> None:
        """Say that a phase begins; the steps that are known stay known."""
        self._beat = Beat(name, self._beat.step, self._beat.steps)
        self._try()

    def step(self, step: int, steps: int) -> None:
        """Note a step; the next heartbeat says so."""
        self._beat = Beat("training", step, steps)

    def begin(self) -> None:
        """Say that another job begins, of which no steps are known."""
        self._beat = Beat("building")
        self._try()

    def stop(self) -> None:
        """End the thread."""
        self._done.set()
        self._thread.join(BEAT_S)

    def _work(self) -> None:
        while not self._done.wait(BEAT_S):
            self._try()

    def _try(self) -> None:
        try:
            self._send(self._beat)
        except Exception:  # noqa: BLE001 - the mailbox may be gone; the worker finds out by itself
            self._done.set()
