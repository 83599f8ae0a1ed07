"""A study's result as a person reads it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from study.cli.progress import clock
from study.plan import FinalistResult, IntervalValue, StudyResult
from study.spec import TrialState

SHOWN = 8
"""Runs that are named of those that failed alike."""


def print_result(result: StudyResult) -> None:
    """Print the winner, the leaderboard, and where to find what was left."""
    console = Console(highlight=False, markup=False)
    console.print(f"study {result.name}: {result.state}{_reason(result)}", soft_wrap=True)
    console.print(_counts(result), soft_wrap=True)
    for line in failures(result):
        console.print(line, soft_wrap=True)
    if result.finalists:
        console.print(_leaderboard(result))
    if result.winner is not None:
        console.print(f"winner: {_words(result.winner)}", soft_wrap=True)
    for line in _left(result):
        console.print(line, soft_wrap=True)


def print_list(results: Sequence[StudyResult], storage: Path) -> None:
    """Print one line per study."""
    console = Console(highlight=False, markup=False)
    if not results:
        console.print(f"no studies in {storage}; `study run FILE` starts one", soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("name", "state", "dataset", "trials", "winner", "objective", "model"):
        table.add_column(name, overflow="fold")
    for result in results:
        winner, model = result.winner, result.model
        table.add_row(
            result.name,
            result.state,
            result.dataset,
            f"{sum(t.state.ended for t in result.trials)} of {result.study.budget.trials}",
            winner.loss if winner else "",
            f"{result.objective} {winner.val.mean:.4f}" if winner and winner.val else "",
            f"{model.name} {model.version}" if model else "",
        )
    console.print(table)


def _reason(result: StudyResult) -> str:
    return f" ({result.reason})" if result.reason else ""


def _counts(result: StudyResult) -> str:
    counts = Counter(trial.state.lower() for trial in result.trials)
    states = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
    return f"{len(result.trials)} trials: {states or 'none yet'}"


def failures(result: StudyResult) -> list[str]:
    """Return why runs failed: one line per reason, with the runs that it holds for."""
    groups: dict[str, list[str]] = defaultdict(list)
    for trial in result.trials:
        if trial.reason and trial.state in {TrialState.FAIL, TrialState.INFEASIBLE}:
            groups[_first_line(trial.reason)].append(f"trial {trial.number}")
    for one in result.finalists:
        for seed in one.seeds:
            if seed.reason and seed.state is TrialState.FAIL:
                run = f"finalist of trial {one.trial}, seed {seed.seed}"
                groups[_first_line(seed.reason)].append(run)
    return [f"failed: {_some(runs)}: {reason}" for reason, runs in groups.items()]


def _first_line(reason: str) -> str:
    return reason.strip().splitlines()[0]


def _some(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return ", ".join(runs[:SHOWN]) + more


def _leaderboard(result: StudyResult) -> Table:
    metric = result.metric
    table = Table(box=None, pad_edge=False)
    for name in ("rank", "loss", "settings", f"val/{metric}", f"test/{metric}", ""):
        table.add_column(name, overflow="fold")
    for one in result.finalists:
        table.add_row(
            "" if one.rank is None else str(one.rank),
            one.loss,
            _settings(one),
            _interval(one.val),
            _interval(one.test),
            "baseline" if one.is_baseline else "",
        )
    return table


def _settings(one: FinalistResult) -> str:
    parts = [
        f"{path.removeprefix('loss.').removeprefix('optimizer.')} {_short(value)}"
        for path, value in one.params.items()
        if path != "loss.name"
    ]
    return ", ".join(parts)


def _words(one: FinalistResult) -> str:
    test = f", test {_interval(one.test)}" if one.test else ""
    settings = _settings(one)
    return f"{one.loss}{f' ({settings})' if settings else ''}{test}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _interval(value: IntervalValue | None) -> str:
    return "" if value is None else f"{value.mean:.4f} [{value.low:.4f}, {value.high:.4f}]"


def _left(result: StudyResult) -> list[str]:
    lines = []
    if result.model is not None:
        aliases = ", ".join(result.model.aliases) or "no alias"
        lines.append(f"model: {result.model.name} version {result.model.version} ({aliases})")
        lines.append(f"  load it with mlflow.pyfunc.load_model({result.model.uri!r})")
    if result.report is not None:
        lines.append(f"report: {result.report}")
    if result.tracking_uri is not None:
        lines.append(f"tracking: {result.tracking_uri}")
    seconds = result.seconds
    lines.append(
        f"took: search {clock(seconds.search)}, finalists {clock(seconds.finalists)}, "
        f"report {clock(seconds.report)}"
    )
    if result.state == "INTERRUPTED":
        lines.append(f"`study resume {result.name}` resumes it where it stopped")
    if result.state == "FAILED":
        lines.append(f"`study resume {result.name} --retry failed` runs again what failed")
    return lines
