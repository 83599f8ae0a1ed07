"""`study logs`: what the runs of a study wrote of their training."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import typer

from study.cli.progress import clock
from study.errors import ConfigError, Problem
from study.pipeline.home import Home
from study.plan import FinalistRun, StudyResult, TrainedRun, TrialRun
from study.plan.runs import parse_trained
from study.plan.trainlog import LOGS_FOLDER, log_files, read_training_log
from study.spec import TrialState

_NAMED = 12
"""Runs that an error names of those there are."""

_POLL_S = 0.5
"""Seconds between two looks at a log that is followed."""


@final
@dataclass(frozen=True)
class _End:
    """How a run stands."""

    state: TrialState
    reason: str


def print_runs(home: Home, name: str) -> None:
    """Print a line for every run of a study that has a log.

    Raises:
        ConfigError: If there is no such study.
    """
    runs, folder = _logged(home, name), home.folder(name) / LOGS_FOLDER
    if not runs:
        typer.echo(f"no run of {name} has a log yet")
    for run in runs:
        typer.echo(_summary(folder, run))


def print_log(home: Home, name: str, text: str, *, follow: bool) -> None:
    """Print the log of a run, and why it failed if the log itself does not tell.

    Args:
        home: The storage folder.
        name: Of the study.
        text: The run: ``7``, ``trial/7`` or ``finalist/7/1``.
        follow: Whether to go on until the run has ended, or the user stops it.

    Raises:
        ConfigError: If there is no such study, or no log of such a run.
    """
    run = _found(home, name, text)
    file = log_files(home.folder(name) / LOGS_FOLDER, run)[1]
    shown = _copy(file, 0)
    if follow:
        with _stopped_quietly():
            shown = _follow(file, shown, lambda: _is_over(home, name, run))
    end = _end_of(home.result(name), run)
    if end.state is TrialState.FAIL and end.reason.splitlines()[0] not in _text(file):
        typer.echo(f"{run} failed: {end.reason}")


def _follow(file: Path, shown: int, is_over: Callable[[], bool]) -> int:
    while True:
        # Asked first: what is written up to the end is printed still.
        over = is_over()
        shown += _copy(file, shown)
        if over:
            return shown
        time.sleep(_POLL_S)


@contextmanager
def _stopped_quietly() -> Iterator[None]:
    """Take Ctrl-C as the wish to look no longer: nothing runs here that must be shut down."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo()
    finally:
        signal.signal(signal.SIGINT, before)


def _copy(file: Path, start: int) -> int:
    """Print a file from a place on; return how many bytes that were."""
    try:
        with file.open("rb") as stream:
            stream.seek(start)
            found = stream.read()
    except OSError:
        return 0
    # Only whole lines: the next look finds the rest.
    whole = found[: found.rfind(b"\n") + 1]
    typer.echo(whole.decode("utf-8", errors="replace"), nl=False)
    return len(whole)


def _text(file: Path) -> str:
    return file.read_text("utf-8", errors="replace") if file.exists() else ""


def _is_over(home: Home, name: str, run: TrainedRun) -> bool:
    return not home.is_running(name) or _end_of(home.result(name), run).state.ended


def _end_of(result: StudyResult, run: TrainedRun) -> _End:
    if isinstance(run, TrialRun):
        trials = (one for one in result.trials if one.number == run.number)
        return next((_End(one.state, one.reason) for one in trials), _UNKNOWN)
    seeds = (s for o in result.finalists if o.trial == run.trial for s in o.seeds)
    return next((_End(s.state, s.reason) for s in seeds if s.seed == run.seed), _UNKNOWN)


_UNKNOWN = _End(TrialState.RUNNING, "")


def _logged(home: Home, name: str) -> list[TrainedRun]:
    result, folder = home.result(name), home.folder(name) / LOGS_FOLDER
    runs: list[TrainedRun] = [TrialRun(trial.number) for trial in result.trials]
    runs += [FinalistRun(one.trial, s.seed) for one in result.finalists for s in one.seeds]
    return [run for run in runs if any(file.exists() for file in log_files(folder, run))]


def _summary(folder: Path, run: TrainedRun) -> str:
    lines = read_training_log(folder, run)
    if not lines:
        return f"{run}: no epoch yet"
    last = lines[-1]
    loss = "not finite" if last.loss is None else f"{last.loss:.4g}"
    age = clock(max(time.time() - last.time, 0.0))
    return f"{run}: epoch {last.epoch} of {last.epochs}, loss {loss}, {age} ago"


def _found(home: Home, name: str, text: str) -> TrainedRun:
    runs = _logged(home, name)
    try:
        run = TrialRun(int(text)) if text.isdecimal() else parse_trained(text)
    except ValueError as error:
        raise ConfigError(Problem("RUN", str(error))) from None
    if run not in runs:
        more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
        there = ", ".join(map(str, runs[:_NAMED])) + more
        rule = f"{run} has no log in study {name}; there are {there or 'none yet'}"
        raise ConfigError(Problem("RUN", rule))
    return run
