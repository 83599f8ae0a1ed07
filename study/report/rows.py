"""The trials as rows of values: the page's script makes table pages and hover texts of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from study.plan.events import Value
from study.plan.in_force import in_force
from study.plan.result import StudyResult, TrialResult
from study.report.facts import columns, losses, paths
from study.report.formats import places, state_names

PAGE = 50
"""Trials on one page of the table."""


def settings_shown(result: StudyResult) -> dict[str, str]:
    """Return the settings that the rows hold: name by path.

    What was searched, and what is asked about first if a trial has it.
    """
    searched = set(paths(result))
    return {
        path: name
        for path, name in columns(result).items()
        if path in searched or any(in_force(one, path) is not None for one in result.trials)
    }


def numeric(result: StudyResult, paths: Iterable[str]) -> set[str]:
    """Return the paths at which every trial has a number or nothing."""
    return {
        path
        for path in paths
        if not any(isinstance(in_force(one, path), str | bool) for one in result.trials)
    }


def rows_data(result: StudyResult) -> dict[str, Any]:
    """Return the trials as JSON holds them.

    A row is number, index of loss, index of state, value, epoch, seconds, index of reason, and
    its settings; one that was not drawn but is fixed is a list of one value.
    """
    names, states = losses(result), state_names(result)
    order = list(states)
    reasons = {text: n for n, text in enumerate(dict.fromkeys(["", *_reasons(result)]))}
    index = {loss: n for n, loss in enumerate(names)}
    shown, digits = settings_shown(result), places(result)
    numbers = numeric(result, shown)
    return {
        "objective": result.objective,
        "decimals": digits,
        "page": PAGE,
        "losses": names,
        "states": list(states.values()),
        "reasons": list(reasons),
        "settings": [
            {"path": path, "number": path in numbers, "name": name} for path, name in shown.items()
        ],
        "rows": [
            [
                trial.number,
                index[trial.loss],
                order.index(trial.state),
                None if trial.value is None else round(trial.value, digits + 3),
                trial.epoch,
                round(trial.seconds, 1),
                reasons[trial.reason],
                *(_setting(trial, path) for path in shown),
            ]
            for trial in result.trials
        ],
    }


def _reasons(result: StudyResult) -> list[str]:
    return [trial.reason for trial in result.trials]


def _setting(trial: TrialResult, path: str) -> Value | list[Value] | None:
    value = in_force(trial, path)
    if value is None:
        return None
    # More digits than anybody reads only make the page larger; trials.csv has them all.
    short = float(f"{value:.6g}") if isinstance(value, float) else value
    return short if path in trial.params else [short]
