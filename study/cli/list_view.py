"""The studies of a storage folder as a table."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from study.cli.stop import command
from study.pipeline.summary import Summary

UNLIMITED = 10_000
"""Columns of a line that no terminal wraps."""


def table_console() -> Console:
    """Return a console whose tables fit the terminal; piped, no cell is ever wrapped."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = UNLIMITED
    return console


def print_list(studies: Sequence[Summary], storage: Path) -> None:
    """Print one line per study."""
    console = table_console()
    if not studies:
        starts = command(storage, "run", "FILE")
        console.print(f"no studies in {storage}; {starts} starts one", soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for name in ("state", "started", "dataset", "trials", "winner", "objective", "model"):
        table.add_column(name, overflow="fold")
    for one in studies:
        table.add_row(*_cells(one))
    console.print(table)


def _cells(one: Summary) -> list[str]:
    started = datetime.datetime.fromtimestamp(one.started).astimezone()
    return [
        one.name,
        one.state,
        f"{started:%Y-%m-%d %H:%M}",
        one.dataset,
        f"{one.ended} of {one.trials}",
        one.winner or "",
        "" if one.value is None else f"{one.objective} {one.value:.4f}",
        one.model or "",
    ]
