"""Why runs failed, grouped by reason, for people to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import final

from study.plan.result import StudyResult

SHOWN = 8
"""Runs that are named of those that failed alike, and reasons that are shown."""


def failures(result: StudyResult) -> list[str]:
    """Return why runs failed: one line per reason, with the runs that it holds for.

    Reasons that differ in numbers only count as one.
    """
    groups: dict[str, _Group] = {}
    for run, reason in _failed(result):
        line = (reason.strip() or "no reason is known").splitlines()[0]
        groups.setdefault(re.sub(r"\d+", "0", line), _Group(line)).add(run, line)
    lines = [group.line() for group in groups.values()]
    more = len(lines) - SHOWN
    return lines[:SHOWN] + ([f"failed for {more} more reasons"] if more > 0 else [])


@final
class _Group:
    """Runs that failed alike."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.runs: list[str] = []
        self.differs = False

    def add(self, run: str, reason: str) -> None:
        self.runs.append(run)
        self.differs |= reason != self.reason

    def line(self) -> str:
        differs = " (the numbers differ)" if self.differs else ""
        return f"failed: {_some(self.runs)}: {self.reason}{differs}"


def _failed(result: StudyResult) -> Iterator[tuple[str, str]]:
    """Yield every run that failed, and why."""
    for trial in result.trials:
        if trial.state.failed:
            yield f"trial {trial.number}", trial.reason
    for one in result.finalists:
        for seed in one.seeds:
            if seed.state.failed:
                yield f"finalist of trial {one.trial}, seed {seed.seed}", seed.reason


def _some(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return ", ".join(runs[:SHOWN]) + more
