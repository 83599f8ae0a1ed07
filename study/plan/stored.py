"""A study as its journal holds it, read by this version of the package.

Journals outlive versions: a field that a later version adds has its default in every older
study, and one that a later version removed is left out. Identity is therefore compared between
two specs of *this* version: what the journal holds, parsed, and what the user asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from study.data import DATASETS
from study.losses import LOSSES
from study.plan.draw import SHARED, shared_settings
from study.plan.load import parse_study, read_study
from study.plan.removed import without_removed
from study.plan.study import StudySpec
from study.spec import parse

CHANGEABLE = ("budget", "resources", "finalists")
"""Sections that say how a study is worked on, not what it asks: they may change on resume."""


def given_settings(spec: StudySpec) -> tuple[str, ...]:
    """Return which settings of ``trial.loss`` hold for every loss, as the journal keeps them."""
    return tuple(shared_settings(spec.trial.loss))


def study_of(data: Mapping[str, Any], given: Iterable[str] | None) -> StudySpec:
    """Return a stored study.

    Args:
        data: The spec as the journal holds it, with all defaults.
        given: What :func:`given_settings` returned when it was stored.

    Raises:
        ConfigError: If this version cannot run it: with every problem.
    """
    return parse(StudySpec, _without_defaults(data, set(given or ())))


def shown_study(data: Mapping[str, Any], given: Iterable[str] | None = None) -> StudySpec:
    """Return a stored study for display; what this version cannot read has its default."""
    spec, _ = read_study(_without_defaults(data, set(given or ())))
    return spec or parse_study({"name": "unreadable", "dataset": _DATASET, "space": _SPACE})


def changes(stored: StudySpec, asked: StudySpec, *, given_is_known: bool = True) -> dict[str, str]:
    """Return what differs between two studies, by dotted path: ``40, was 24``.

    Args:
        stored: The study as it was.
        asked: The study as it is to be.
        given_is_known: Whether the stored study tells given settings from defaults.
    """
    before, after = leaves(stored.model_dump(mode="json")), leaves(asked.model_dump(mode="json"))
    if given_is_known:
        before |= _given(stored)
        after |= _given(asked)
    return {
        path: f"{_shown(after.get(path))}, was {_shown(before.get(path))}"
        for path in dict.fromkeys([*before, *after])
        if before.get(path) != after.get(path)
    }


def is_changeable(path: str) -> bool:
    """Return whether a study stays the same study if ``path`` differs."""
    return path.partition(".")[0] in CHANGEABLE


def settings_file(spec: StudySpec) -> dict[str, Any]:
    """Return a study as a file that asks the same question: defaults are written out.

    A setting that would hold for every loss if it were written stays out if it was not given.
    """
    data = spec.model_dump(mode="json")
    part = _contrastive(data)
    for name in SHARED:
        if name not in shared_settings(spec.trial.loss):
            part.pop(name, None)
    return data


def leaves(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted path; a domain of the space is a value."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping) and value and prefix != "space.":
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _given(spec: StudySpec) -> dict[str, Any]:
    return {f"trial.loss.{name} for every loss": True for name in given_settings(spec)}


def _without_defaults(data: Mapping[str, Any], given: set[str]) -> dict[str, Any]:
    """Leave out the shared settings that nobody gave, so that they do not count as given."""
    rest = without_removed(data)
    part = _contrastive(rest)
    plugin = LOSSES.get(str(part.get("name")))
    for name in set(SHARED) - given:
        # A default that this version changed must not change a study that exists.
        if plugin and name in part and plugin.model_fields[name].default == part[name]:
            del part[name]
    return rest


def _contrastive(data: dict[str, Any]) -> dict[str, Any]:
    """Return the mapping of the loss that has the shared settings; an empty one if none has."""
    loss: dict[str, Any] = data.get("trial", {}).get("loss", {})
    part: dict[str, Any] = loss.get("contrastive", loss)
    return part


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)


_DATASET = {"name": next(iter(DATASETS))}
_SPACE = {"batch_size": [2, 3]}
