"""Fields that earlier versions had: a study file is told so, a stored study is read without."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from study.errors import Problem

REMOVED = {"resources.isolated": "worker groups are always kept warm"}
"""Dotted path of a field that there was, and what holds now."""


def with_hint(problem: Problem) -> Problem:
    """Return a problem of a study file; if its field was removed, with what holds now."""
    now = REMOVED.get(problem.path)
    if now is None:
        return problem
    return Problem(problem.path, f"is not a field here: it was removed, {now}")


def without_removed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored study without the fields that were removed."""
    rest = copy.deepcopy(dict(data))
    for path in REMOVED:
        *parents, key = path.split(".")
        place: Any = rest
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(key, None)
    return rest
