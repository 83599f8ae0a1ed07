"""A study's result as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from study.cli.list_view import table_console
from study.cli.progress import clock
from study.cli.stop import command
from study.plan import (
    FinalistResult,
    IntervalValue,
    StudyResult,
    TrialResult,
    best_trials,
    fixed,
)
from study.plan.failures import failures
from study.report.formats import count, count_states, seeds_of

SHOWN = 8
"""Runs that are named of those that have not ended."""


def print_result(result: StudyResult, storage: Path) -> None:
    """Print the winner, the leaderboard, and where to find what was left."""
    console = table_console()
    console.print(f"study {result.name}: {result.state}{_reason(result)}", soft_wrap=True)
    console.print(_counts(result), soft_wrap=True)
    for line in (*failures(result), *(() if result.winner else _unfinished(result))):
        console.print(line, soft_wrap=True)
    if result.finalists:
        console.print(_leaderboard(result))
    if result.winner is not None:
        console.print(f"winner: {_words(result.winner)}", soft_wrap=True)
    for line in _left(result, storage):
        console.print(line, soft_wrap=True)


def _reason(result: StudyResult) -> str:
    return f" ({'; '.join(result.reason.splitlines())})" if result.reason else ""


def _counts(result: StudyResult) -> str:
    return f"{count(len(result.trials), 'trial')}: {count_states(result) or 'none yet'}"


def _unfinished(result: StudyResult) -> Iterator[str]:
    """Yield what a study without a winner has so far."""
    best = next(iter(best_trials(result.trials, result.direction)), None)
    if best is not None:
        reached = f"{result.objective} {best.value:.4f} at epoch {best.epoch}"
        settings = _settings(best)
        shown = f" ({settings})" if settings else ""
        yield f"best so far: trial {best.number}, {best.loss}{shown}: {reached}"
    open_ = [_open_trial(trial) for trial in result.trials if not trial.state.ended]
    open_ += [
        f"finalist of trial {one.trial}, seed {seed.seed}"
        for one in result.finalists
        for seed in one.seeds
        if not seed.state.ended and seed.rungs
    ]
    if open_:
        how = "running" if result.state == "RUNNING" else "unfinished"
        more = f" and {len(open_) - SHOWN} more" if len(open_) > SHOWN else ""
        yield f"{how}: {', '.join(open_[:SHOWN])}{more}"


def _open_trial(trial: TrialResult) -> str:
    where = f" at epoch {trial.epoch}" if trial.epoch else ""
    return f"trial {trial.number}{where}"


def _leaderboard(result: StudyResult) -> Table:
    metric = result.metric
    table = Table(box=None, pad_edge=False)
    for name in ("rank", "loss", "settings", f"val/{metric}", f"test/{metric}", "seeds", ""):
        table.add_column(name, overflow="fold")
    for one in result.finalists:
        table.add_row(
            "" if one.rank is None else str(one.rank),
            one.loss,
            _settings(one),
            _interval(one.val),
            _interval(one.test),
            seeds_of(one),
            "baseline" if one.is_baseline else "",
        )
    return table


def _settings(one: FinalistResult | TrialResult) -> str:
    """Return what was drawn, and what the study asks about first although it is fixed."""
    drawn = {path: value for path, value in one.params.items() if path != "loss.name"}
    return ", ".join(
        [
            *(f"{_name(path)} {_short(value)}" for path, value in drawn.items()),
            *(f"{_name(path)} {_short(value)} (fixed)" for path, value in fixed(one).items()),
        ]
    )


def _name(path: str) -> str:
    return path.removeprefix("loss.").removeprefix("optimizer.")


def _words(one: FinalistResult) -> str:
    test = f", test {_interval(one.test)}" if one.test else ""
    settings = _settings(one)
    return f"{one.loss}{f' ({settings})' if settings else ''}{test}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _interval(value: IntervalValue | None) -> str:
    return "" if value is None else f"{value.mean:.4f} [{value.low:.4f}, {value.high:.4f}]"


def _left(result: StudyResult, storage: Path) -> list[str]:
    """Return where to find what the study left, and how it is resumed."""
    lines = []
    if result.model is not None:
        aliases = ", ".join(result.model.aliases) or "no alias"
        lines.append(f"model: {result.model.name} version {result.model.version} ({aliases})")
        store = f"mlflow.set_tracking_uri({result.tracking_uri!r})"
        lines.append(f"  load it with {store}; mlflow.pyfunc.load_model({result.model.uri!r})")
    if result.trials:
        lines.append(f"report: {_page(result, storage)}")
    if result.tracking_uri is not None:
        lines.append(f"tracking: {result.tracking_uri}")
    seconds = result.seconds
    lines.append(
        f"took: search {clock(seconds.search)}, finalists {clock(seconds.finalists)}, "
        f"report {clock(seconds.report)}"
    )
    return [*lines, *_next_step(result, storage)]


def _page(result: StudyResult, storage: Path) -> str:
    if result.report is not None and Path(result.report).is_file():
        return result.report
    return f"none yet; {command(storage, 'report', result.name)} writes it"


def _next_step(result: StudyResult, storage: Path) -> list[str]:
    """Return how a study that is not finished is resumed."""
    if result.state == "INTERRUPTED":
        return [f"{command(storage, 'resume', result.name)} resumes it where it stopped"]
    if result.state != "FAILED":
        return []
    if result.winner is None and failures(result):
        again = command(storage, "resume", result.name, "--retry", "failed")
        return [f"{again} runs again what failed"]
    return [f"{command(storage, 'resume', result.name)} tries again what is left to do"]
