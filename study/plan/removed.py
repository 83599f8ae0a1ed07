"""Fields that earlier versions had: a study file is told so, a stored study is read without."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from study.errors import Problem


@final
@dataclass(frozen=True)
class Removed:
    """A field that there was."""

    default: Any
    """Its default then: a file that says this asks for what holds anyway, as do the study files
    that earlier versions wrote with all defaults."""

    now: str
    """What holds now."""


REMOVED = {"resources.isolated": Removed(False, "worker groups are always kept warm")}
"""By dotted path."""


def with_hint(problem: Problem) -> Problem:
    """Return a problem of a study file; if its field was removed, with what holds now."""
    removed = REMOVED.get(problem.path)
    if removed is None:
        return problem
    return Problem(problem.path, f"is not a field here: it was removed, {removed.now}")


def without_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study file's data without the removed fields that had their default."""
    return _without(data, lambda path, value: value == REMOVED[path].default)


def without_removed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored study without the fields that were removed."""
    return _without(data, lambda _path, _value: True)


def _without(data: Mapping[str, Any], goes: Callable[[str, Any], bool]) -> dict[str, Any]:
    rest = copy.deepcopy(dict(data))
    for path in REMOVED:
        *parents, key = path.split(".")
        section: Any = rest
        for parent in parents:
            section = section.get(parent) if isinstance(section, dict) else None
        if isinstance(section, dict) and key in section and goes(path, section[key]):
            del section[key]
    return rest
