"""Journals of earlier versions, as this version reads them: plain data in, plain data out.

Version 2 names finalists by the number of their trial where version 1 named them by their index
among the finalists, so that a second choice of finalists cannot reuse a name. It also keeps the
whole trial with every ``trial_started``; of a trial of version 1 only what was drawn is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

Line: TypeAlias = dict[str, Any]


def migrated(lines: Iterable[Line], version: int) -> Iterator[Line]:
    """Yield a journal's events as the current version writes them.

    Args:
        lines: The events, the first to the last.
        version: Of the journal.
    """
    if version < 2:
        lines = _from_1_to_2(lines)
    yield from lines


def _from_1_to_2(lines: Iterable[Line]) -> Iterator[Line]:
    trials: dict[int, int] = {}
    """Number of the trial, by the index of a finalist."""
    for line in lines:
        match line.get("event"):
            case "study_started":
                yield line | {"schema_version": 2}
            case "finalists_chosen":
                trials = {one["place"]: one["trial"] for one in line["configurations"]}
                yield line
            case "finalists_ranked":
                rankings = [_by_trial(one, trials) for one in line["rankings"]]
                winner = _renamed(line["winner"], trials)
                yield line | {"rankings": rankings, "winner": winner}
            case _:
                yield line | ({"run": _renamed(line["run"], trials)} if "run" in line else {})


def _by_trial(ranking: Line, trials: Mapping[int, int]) -> Line:
    return {key: value for key, value in ranking.items() if key != "place"} | {
        "trial": trials[ranking["place"]]
    }


def _renamed(run: str, trials: Mapping[int, int]) -> str:
    kind, *rest = run.split("/")
    return run if kind != "finalist" else f"finalist/{trials[int(rest[0])]}/{rest[1]}"
