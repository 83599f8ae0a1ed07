"""What is seen while a study runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.cli.lines import line_of
from study.cli.progress import Progress, clock, progress_of
from study.cli.tally import ROWS, Tally
from study.plan import AnyEvent, FinalistEnded, Journal, TrialResult, in_force

_log = logging.getLogger(__name__)

SILENT_S = 30.0
"""After so long without news a line says what is waited for; lines are never taken back."""

QUIET_S = 5.0
"""In the live table it is said so soon."""

PERIOD_S = 0.5
"""Between two pictures."""

STYLES = {"COMPLETE": "green", "PRUNED": "dim", "FAIL": "red", "INFEASIBLE": "red"}


@final
class LiveView:
    """A context manager; :meth:`follow` is given the journal when work begins.

    The journal's listener only queues events: one thread of the view's own takes them.
    """

    def __init__(self) -> None:
        # Reasons of failures hold brackets of their own: nothing is markup.
        self.console = Console(stderr=True, markup=False)
        self.study: str | None = None
        """Name of the study at work; None until it has begun."""
        self._news: SimpleQueue[AnyEvent | None] = SimpleQueue()
        self._tally = Tally()
        self._live: Live | None = None
        self._done = threading.Event()
        self._last_news = time.monotonic()
        self._lanes: tuple[str, ...] = ()
        self._thread: threading.Thread | None = None

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
        self._news.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._live is not None:
            self._live.stop()

    def follow(self, journal: Journal) -> None:
        """Show what the journal holds, and every event from now on."""
        self.study = journal.file.parent.name
        self._tally = Tally(journal.file.parent)
        for event in journal.events:
            self._tally.add(event)
        journal.listen(lambda _, event: self._news.put(event))
        if self.console.is_terminal:
            self._live = Live(self._picture(), console=self.console, refresh_per_second=4)
            self._live.start()
        self._thread = threading.Thread(target=self._work, name="view", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            while not self._done.is_set():
                self._take(PERIOD_S)
                self._show()
            # The last picture is of the last state.
            self._take(0)
            self._show()
        except Exception:  # noqa: BLE001 - whatever it is
            # An onlooker that stumbles must not stop the study.
            _log.exception("the live view has stopped")

    def _take(self, wait_s: float) -> None:
        """Take the news there is, after waiting for some."""
        end = time.monotonic() + wait_s
        while True:
            try:
                # In lines every event counts at once, in a table the next picture does.
                event = self._news.get(timeout=max(end - time.monotonic(), 0.001))
            except Empty:
                return
            if event is None:
                return
            self._tally.add(event)
            self._last_news = time.monotonic()
            line = line_of(event, self._tally) if self._live is None else None
            if line:
                self.notice(line)

    def _show(self) -> None:
        silent = time.monotonic() - self._last_news
        if self._live is not None:
            self._live.update(self._picture())
        elif silent > SILENT_S:
            self._last_news = time.monotonic()
            self.notice(self._waiting_for(silent))

    def _picture(self) -> RenderableType:
        silent = time.monotonic() - self._last_news
        parts: list[RenderableType] = [trial_table(self._tally), _bar(progress_of(self._tally))]
        if self._tally.record.chosen is not None:
            parts.insert(1, finalist_lines(self._tally))
        if self._lanes:
            parts.append(Text("\n".join(self._lanes), style="dim"))
        if silent > QUIET_S:
            parts.append(Text(self._waiting_for(silent), style="yellow"))
        return Group(*parts)

    def _waiting_for(self, silent: float) -> str:
        lanes = f" ({'; '.join(self._lanes)})" if self._lanes else ""
        return f"no news for {clock(silent)}, waiting for {what_is_awaited(self._tally)}{lanes}"


def what_is_awaited(tally: Tally) -> str:
    """Return what a silent study is waiting for."""
    if tally.planned is not None and not tally.planned.lanes:
        return tally.planned.arithmetic.removeprefix("waiting for ")
    if tally.record.chosen is not None:
        open_ = [
            f"{one.loss} seed {seed}"
            for one in tally.configurations()
            for seed, end in tally.seeds(one)
            if end is None
        ]
        return f"finalists {', '.join(open_[:4])}" if open_ else "ranking, registry and report"
    running = tally.running
    if not running:
        return "the stores and Ray to start"
    if tally.record.paces.median is None:
        return "the first lanes to start and train; a busy machine is slow, not stuck"
    more = f" and {len(running) - ROWS} more" if len(running) > ROWS else ""
    return f"trials {', '.join(map(str, running[:ROWS]))}{more}"


def trial_table(tally: Tally) -> Table:
    """Return the trials that run, and the latest that ended, as a table."""
    record, running = tally.record, len(tally.running)
    asked = tally.ended if record.chosen is not None else record.study.budget.trials
    title = f"{record.begun.name}: {tally.ended} of {asked} trials ended, {running} running"
    table = Table(title=title)
    for name in ("trial", "loss", "temperature", "batch size", "epoch", tally.objective, "state"):
        table.add_column(name, justify="left" if name in {"loss", "state"} else "right")
    best = tally.best.number if tally.best else None
    for trial in tally.rows():
        mark = "bold" if trial.number == best else STYLES.get(trial.state, "")
        table.add_row(*_cells(trial), style=mark)
    return table


def _cells(trial: TrialResult) -> list[str]:
    temperature, batch_size = (in_force(trial, x) for x in ("loss.temperature", "batch_size"))
    return [
        str(trial.number),
        trial.loss,
        f"{temperature:.3f}" if isinstance(temperature, float) else "",
        "" if batch_size is None else str(batch_size),
        str(trial.epoch or ""),
        "" if trial.value is None else f"{trial.value:.4f}",
        trial.state.lower(),
    ]


def finalist_lines(tally: Tally) -> Text:
    """Return how far the finalists are, in a line each."""
    metric = tally.objective.partition("/")[2]
    lines = [
        f"finalist of trial {one.trial}, {one.loss}: "
        + ", ".join(_seed(end, metric) for _, end in tally.seeds(one))
        for one in tally.configurations()
    ]
    return Text("\n".join(lines))


def _seed(end: FinalistEnded | None, metric: str) -> str:
    if end is None:
        return "..."
    return f"{end.val[metric]:.4f}" if metric in end.val else end.state.lower()


def _bar(progress: Progress) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=progress.total, completed=progress.done, width=40)
    grid.add_row(bar, str(progress))
    return grid
