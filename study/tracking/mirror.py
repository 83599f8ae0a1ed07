"""The one writer of a study's runs: follows the journal and keeps MLflow like it.

The journal is the spool. What the store missed while it was away, or because the process was
killed, is written when it is back or when the study is taken up again: the cursor, a small
file beside the journal, tells how far the store is. It moves after the store did, and writes
can be repeated, so nothing is lost and nothing is there twice.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import final

from study.plan import AnyEvent, Journal, RunId, RunOpened, StudyStarted, now
from study.plan.moved import report_page
from study.plan.trainlog import LOGS_FOLDER, read_training_log
from study.tracking.artifacts import log_artifacts
from study.tracking.cursor import events_held, save_cursor
from study.tracking.ledger import Ledger
from study.tracking.openings import STUDY, study_id
from study.tracking.runs import Runs
from study.tracking.store import Store, first_line, is_gone
from study.tracking.writes import Write, by_run

STUDY_FILE = "study.yaml"

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_PATIENCE = 3
"""How often the store may refuse a write before it is left out."""
_AT_ONCE = 1000
"""Events that are written before the cursor moves: a process that is killed repeats no more."""

_REFUSALS = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}
"""MLflow's codes for what will not be better for waiting."""

_log = logging.getLogger(__name__)


@final
class Mirror:
    """A thread that writes what the journal says; it never raises into the study."""

    def __init__(self, store: Store, journal: Journal, folder: Path) -> None:
        """Start to follow.

        Args:
            store: Where to write.
            journal: What to write; the mirror adds a RunOpened for every run it opens.
            folder: The study's own, for the cursor.
        """
        self._store = store
        self._journal = journal
        self._folder = folder
        self._runs: Runs | None = None
        self._ledger: Ledger | None = None
        self._todo: dict[RunId, Write] = {}
        """By run, in the order in which the runs were begun."""
        self._taken = 0
        self._done = 0
        self._written = 0
        """Counts writes: the progress that :meth:`flush` waits for."""
        self._restored: set[RunId] = set()
        self._announced: dict[RunId, str] = {}
        self._refused: Counter[RunId | str] = Counter()
        self._changed = threading.Condition()
        self._flushing = 0
        self._closing = False
        self._is_away = False
        journal.listen(self._notice)
        self._thread = threading.Thread(target=self._work, name="mlflow-mirror", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """How many events the store does not hold yet."""
        return len(self._journal.events) - self._done

    @property
    def restored(self) -> int:
        """How many runs were written again because the store had lost them."""
        return len(self._restored)

    def flush(self, patience_s: float = 30.0, limit_s: float = math.inf) -> bool:
        """Wait until the store holds every event; return whether it does.

        Args:
            patience_s: How long to wait for the store to take anything more.
            limit_s: How long to wait in all.
        """
        end = time.monotonic() + limit_s
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                while self.pending > 0:
                    wait_s = min(patience_s, end - time.monotonic())
                    if not self._progresses(wait_s):
                        return False
                return True
            finally:
                self._flushing -= 1

    def _progresses(self, wait_s: float) -> bool:
        written = self._written
        return self._changed.wait_for(
            lambda: self.pending == 0 or self._written > written, max(wait_s, 0.0)
        )

    def close(self, limit_s: float = 30.0) -> bool:
        """Flush and stop; return whether the store holds every event.

        The runs of a study that has not ended are marked KILLED, to be RUNNING again when
        it is resumed. To be called before the journal is closed.
        """
        is_whole = self.flush(limit_s, limit_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(limit_s if is_whole else 1.0)
        return is_whole

    def _notice(self, _index: int, _event: AnyEvent) -> None:
        with self._changed:
            self._changed.notify_all()

    # The thread.

    def _work(self) -> None:
        wait_s = _FIRST_WAIT_S
        while self._await_events():
            try:
                self._catch_up()
                wait_s = _FIRST_WAIT_S
            except Exception as error:  # noqa: BLE001 - the study goes on whatever MLflow does
                self._complain(error)
                self._pause(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        try:
            self._park()
        except Exception as error:  # noqa: BLE001 - likewise
            self._complain(error)

    def _await_events(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self.pending > 0)
            return not self._closing

    def _pause(self, wait_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._flushing > 0, wait_s)
            if self._flushing and not self._closing:
                self._changed.wait_for(lambda: self._closing, _FIRST_WAIT_S)

    def _catch_up(self) -> None:
        runs, ledger = self._connected()
        events = self._journal.events
        while True:
            taken = events[self._taken : self._taken + _AT_ONCE]
            new = [write for event in taken for write in ledger.take(event)]
            self._todo = by_run([*self._todo.values(), *new])
            self._taken += len(taken)
            self._write_all(runs)
            if self._todo:
                return  # Closing: the next session writes the rest.
            self._save()
            if self._taken >= len(events):
                break
        if self._is_away:
            self._is_away = False
            _log.info("MLflow at %s is back and holds everything", self._store.shown)

    def _write_all(self, runs: Runs) -> None:
        while self._todo and not self._closing:
            run, write = next(iter(self._todo.items()))
            self._write(runs, write)
            if write.report is not None and STUDY in runs.ids:
                self._attach(runs.ids[STUDY], report_page(write.report, self._folder))
            with self._changed:
                del self._todo[run]
                self._written += 1
                self._changed.notify_all()

    def _study(self) -> StudyStarted:
        return next(one for one in self._journal.events if isinstance(one, StudyStarted))

    @property
    def _study_id(self) -> str:
        study = self._study()
        return study_id(study.name, study.spec_digest, study.time)

    def _connected(self) -> tuple[Runs, Ledger]:
        """Return the store's runs, and a ledger that knows the events which it was given."""
        if self._runs is None or self._ledger is None:
            opened = [one for one in self._journal.events if isinstance(one, RunOpened)]
            known = {one.run_id: one.run for one in opened}
            self._runs = Runs(self._store, self._study().name, self._study_id, known)
            self._ledger = self._remembered(self._runs)
        return self._runs, self._ledger

    def _remembered(self, runs: Runs) -> Ledger:
        events = self._journal.events
        names = {self._store.name, self._store.shown}
        held = min(events_held(self._folder, names, self._study_id), len(events))
        self._announced = {one.run: one.run_id for one in events if isinstance(one, RunOpened)}
        ledger = Ledger()
        ledger.epochs_of = partial(read_training_log, self._folder / LOGS_FOLDER)
        given = by_run(write for event in events[:held] for write in ledger.take(event))
        # What the store was given and does not have: somebody deleted it. Without the parent
        # all runs are written again, since each names it.
        lost = {run for run, write in given.items() if not runs.has(write)}
        self._todo = {r: write for r, write in given.items() if r in lost or STUDY in lost}
        self._restored |= lost
        self._taken = held
        return ledger

    def _write(self, runs: Runs, write: Write) -> None:
        from mlflow.exceptions import MlflowException

        run = write.opening.run
        try:
            run_id = runs.write(write)
        except MlflowException as error:
            self._refused[run] += error.error_code in _REFUSALS
            if error.error_code not in _REFUSALS or self._refused[run] < _PATIENCE:
                raise
            _log.warning(
                "MLflow refuses what is known of %s: %s", run, first_line(error, self._store.uri)
            )
            self._restored.discard(run)
            return
        self._refused.pop(run, None)
        if self._announced.get(run) != run_id:
            self._announced[run] = run_id
            self._journal.append(RunOpened(time=now(), run=run, run_id=run_id))

    def _attach(self, run_id: str, page: Path) -> None:
        """Copy the study file, the report and what lies beside it to the parent run."""
        paths = [self._folder / STUDY_FILE, *sorted(page.parent.glob("*"))]
        try:
            log_artifacts(self._store, run_id, [path for path in paths if path.exists()])
        except Exception as error:
            # Runs and artifacts may be kept in different places, and only one be away; each
            # artifact store has errors of its own.
            self._refused["artifacts"] += 1
            if self._refused["artifacts"] < _PATIENCE:
                raise
            told = first_line(error, self._store.uri)
            _log.warning("%s; the report lies in %s", told, page.parent)

    def _complain(self, error: Exception) -> None:
        if is_gone(error):
            # Another database answers there, or somebody deleted what it held.
            self._runs = None
        if not self._is_away:
            self._is_away = True
            _log.warning(
                "MLflow at %s: %s. The study goes on; what the store misses is kept for it",
                self._store.shown,
                first_line(error, self._store.uri),
            )

    def _park(self) -> None:
        if self._ledger is not None and self._runs is not None:
            for write in self._ledger.park(now()):
                self._runs.write(write)

    def _save(self) -> None:
        save_cursor(self._folder, self._store.name, self._study_id, self._taken)
        with self._changed:
            self._done = self._taken
            self._changed.notify_all()
