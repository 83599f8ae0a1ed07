"""What is seen while a study runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.cli.progress import Progress, clock, progress_of
from study.plan import (
    AnyEvent,
    FinalistEnded,
    FinalistsChosen,
    Journal,
    LanesPlanned,
    ModelRegistered,
    Record,
    ReportWritten,
    StudyResult,
    TrialEnded,
    TrialResult,
)
from study.spec import sort_key

ROWS = 14
"""Trials in the live table: those that run and the latest that ended."""

SILENT_S = 30.0
"""After so long without news a line says what is waited for; lines are never taken back."""

QUIET_S = 5.0
"""In the live table it is said so soon."""

STYLES = {"COMPLETE": "green", "PRUNED": "dim", "FAIL": "red", "INFEASIBLE": "red"}


@final
class LiveView:
    """A context manager; :meth:`follow` is given the journal when work begins."""

    def __init__(self) -> None:
        # Reasons of failures hold brackets of their own: nothing is markup.
        self.console = Console(stderr=True, markup=False)
        self.study: str | None = None
        """Name of the study at work; None until it has begun."""
        self._record = Record()
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._done = threading.Event()
        self._last_news = time.monotonic()
        self._lanes: tuple[str, ...] = ()
        self._ticker: threading.Thread | None = None

    def see_lanes(self, lanes: Sequence[object]) -> None:
        """Take what the lanes are doing; each is shown as its text."""
        self._lanes = tuple(map(str, lanes))

    def notice(self, line: str) -> None:
        """Print one line, above the live table if there is one."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def __enter__(self) -> LiveView:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._ticker is not None:
            self._ticker.join()
        if self._live is not None:
            self._live.update(self._picture())
            self._live.stop()

    def follow(self, journal: Journal) -> None:
        """Show what the journal holds, and every event from now on."""
        self.study = journal.file.parent.name
        for event in journal.events:
            self._record.add(event)
        journal.listen(lambda _, event: self._hear(event))
        if self.console.is_terminal:
            self._live = Live(self._picture(), console=self.console, refresh_per_second=4)
            self._live.start()
        self._ticker = threading.Thread(target=self._tick, name="view", daemon=True)
        self._ticker.start()

    def _hear(self, event: AnyEvent) -> None:
        with self._lock:
            self._record.add(event)
            self._last_news = time.monotonic()
            if self._live is None:
                line = line_of(event, self._record)
                if line:
                    self.console.print(line, highlight=False, soft_wrap=True)

    def _tick(self) -> None:
        while not self._done.wait(0.5):
            silent = time.monotonic() - self._last_news
            if self._live is not None:
                self._live.update(self._picture())
            elif silent > SILENT_S:
                self._last_news = time.monotonic()
                self.console.print(self._waiting_for(silent), highlight=False, soft_wrap=True)

    def _picture(self) -> RenderableType:
        with self._lock:
            result = self._record.result(running=True)
            progress = progress_of(result, self._record.paces.median, _lanes(self._record))
        silent = time.monotonic() - self._last_news
        parts: list[RenderableType] = [trial_table(result), _bar(progress)]
        if result.finalists:
            parts.insert(1, finalist_line(result))
        if self._lanes:
            parts.append(Text("\n".join(self._lanes), style="dim"))
        if silent > QUIET_S:
            parts.append(Text(self._waiting_for(silent), style="yellow"))
        return Group(*parts)

    def _waiting_for(self, silent: float) -> str:
        lanes = f" ({'; '.join(self._lanes)})" if self._lanes else ""
        with self._lock:
            awaited = what_is_awaited(self._record)
        return f"no news for {clock(silent)}, waiting for {awaited}{lanes}"


def what_is_awaited(record: Record) -> str:
    """Return what a silent study is waiting for."""
    result = record.result(running=True)
    planned = _planned(record)
    if planned is not None and not planned.lanes:
        return planned.arithmetic.removeprefix("waiting for ")
    if record.chosen is not None:
        open_ = [
            f"{o.loss} seed {s.seed}"
            for o in result.finalists
            for s in o.seeds
            if not s.state.ended
        ]
        return f"finalists {', '.join(open_[:4])}" if open_ else "ranking, registry and report"
    running = [trial for trial in result.trials if not trial.state.ended]
    if not running:
        return "the stores and Ray to start"
    if not any(trial.rungs for trial in result.trials):
        return "the first lanes to start and train; a busy machine is slow, not stuck"
    return f"trials {', '.join(str(trial.number) for trial in running)}"


def trial_table(result: StudyResult) -> Table:
    """Return the trials that run, and the latest that ended, as a table."""
    running = [trial for trial in result.trials if not trial.state.ended]
    ended = [trial for trial in result.trials if trial.state.ended]
    shown = ended[-max(ROWS - len(running), 0) :] + running
    best = _best(result)
    asked = len(ended) if result.finalists else result.study.budget.trials
    table = Table(title=f"{result.name}: {len(ended)} of {asked} trials ended")
    for name in ("trial", "loss", "temperature", "batch size", "epoch", result.objective, "state"):
        table.add_column(name, justify="left" if name in {"loss", "state"} else "right")
    for trial in shown:
        mark = "bold" if trial is best else STYLES.get(trial.state, "")
        table.add_row(*_cells(trial), style=mark)
    return table


def _cells(trial: TrialResult) -> list[str]:
    temperature = trial.params.get("loss.temperature")
    return [
        str(trial.number),
        trial.loss,
        f"{temperature:.3f}" if isinstance(temperature, float) else "",
        str(trial.params.get("batch_size", "")),
        str(trial.epoch or ""),
        "" if trial.value is None else f"{trial.value:.4f}",
        trial.state.lower(),
    ]


def _best(result: StudyResult) -> TrialResult | None:
    from study.metrics import METRICS

    valued = [trial for trial in result.trials if trial.value is not None]
    direction = METRICS[result.metric].direction
    return min(valued, key=lambda trial: sort_key(trial.value, direction), default=None)


def finalist_line(result: StudyResult) -> Text:
    """Return how far the finalists are, in a line each."""
    lines = []
    for one in result.finalists:
        seeds = ", ".join("..." if s.val is None else f"{s.val:.4f}" for s in one.seeds)
        lines.append(f"finalist of trial {one.trial}, {one.loss}: {seeds}")
    return Text("\n".join(lines))


def _bar(progress: Progress) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    eta = "" if progress.eta_s is None else f"about {clock(progress.eta_s)} to go"
    bar = ProgressBar(total=progress.total, completed=progress.done, width=40)
    grid.add_row(bar, f"{progress.done} of {progress.total} runs", eta)
    return grid


def _lanes(record: Record) -> int:
    planned = _planned(record)
    return planned.lanes if planned else 1


def _planned(record: Record) -> LanesPlanned | None:
    events = reversed(record.events)
    return next((event for event in events if isinstance(event, LanesPlanned)), None)


def line_of(event: AnyEvent, record: Record) -> str | None:
    """Return an event as a plain line, or None if it is not worth one."""
    match event:
        case LanesPlanned():
            return event.arithmetic
        case TrialEnded():
            return f"{_trial_line(record, event)}{_to_go(record)}"
        case FinalistEnded():
            return f"{event.run} {_ended(event.state, event.reason)}{_to_go(record)}"
    return _milestone(event)


def _milestone(event: AnyEvent) -> str | None:
    match event:
        case FinalistsChosen():
            return f"search over; {len(event.configurations)} configurations go on"
        case ModelRegistered():
            return f"registered {event.name} version {event.version}"
        case ReportWritten():
            return f"report: {event.path}"
    return None


def _trial_line(record: Record, event: TrialEnded) -> str:
    trial = record.trial(event.number)
    line = f"trial {event.number} {event.state.lower()}: {trial.loss}"
    if trial.value is not None:
        line += f", {record.objective} {trial.value:.4f}"
    if trial.epoch is not None:
        line += f" at epoch {trial.epoch}"
    return f"{line}: {event.reason.splitlines()[0]}" if event.reason else line


def _ended(state: str, reason: str) -> str:
    return f"{state.lower()}: {reason.splitlines()[0]}" if reason else state.lower()


def _to_go(record: Record) -> str:
    result = record.result(running=True)
    progress = progress_of(result, record.paces.median, _lanes(record))
    eta = "" if progress.eta_s is None else f", about {clock(progress.eta_s)} to go"
    return f" ({progress.done} of {progress.total} runs{eta})"
