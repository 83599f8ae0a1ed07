"""What of a trial can be searched: every field, by its dotted path.

A path is a field of ``trial`` (``batch_size``), of a plug-in in it (``loss.temperature``), or of
a plug-in that a plug-in holds (``loss.contrastive.temperature``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

from study.losses import CLASSIFIERS, CONTRASTIVE, LOSSES
from study.models import ENCODERS, PROJECTIONS, PrototypesSpec
from study.plan.trial import OptimizerSpec, ScheduleSpec, TrialSettings
from study.spec import Spec

PLUGINS: Mapping[str, Mapping[str, type[Spec]]] = {
    "encoder": ENCODERS,
    "loss": LOSSES,
    "loss.classifier": CLASSIFIERS,
    "loss.contrastive": CONTRASTIVE,
    "projection": PROJECTIONS,
}
"""Paths that hold one plug-in of a table, a holder before what it holds.

A combination that cannot be is blamed on the last of them that is drawn: a classifier's loss
goes with everything.
"""

SECTIONS: Mapping[str, type[Spec]] = {
    "optimizer": OptimizerSpec,
    "prototypes": PrototypesSpec,
    "schedule": ScheduleSpec,
}
"""Fields of a trial that hold one fixed spec."""

NOT_SEARCHED: Mapping[str, str] = {
    "count_repelled": "changes no outcome; set it in `trial`",
    "epochs": "is the length of every trial; stop weak ones by `stop` instead",
    "log_every": "changes no outcome; set it in `trial`",
    "seed": "is not searched: finalists are repeated with `finalists.seeds`",
}

Needs: TypeAlias = Mapping[str, tuple[str, ...]]
"""The plug-ins that have a field, by the path of their name: ``{"loss.name": ("msc",)}``."""


def searchable_paths() -> dict[str, Needs]:
    """Return every path that can be searched, with what a trial must be to have the field.

    A field of a plug-in in a plug-in needs both: ``loss.contrastive.beta`` needs ``loss.name``
    and ``loss.contrastive.name``. Fields that every trial has need nothing.
    """
    paths: dict[str, Needs] = {}
    for name in TrialSettings.model_fields:
        if name in PLUGINS:
            paths |= _paths_of_plugins(name, {})
        elif name in SECTIONS:
            paths |= {f"{name}.{field}": {} for field in SECTIONS[name].model_fields}
        elif name not in NOT_SEARCHED:
            paths[name] = {}
    return paths


def _paths_of_plugins(group: str, needs: Needs) -> dict[str, Needs]:
    table = PLUGINS[group]
    paths: dict[str, Needs] = {f"{group}.name": needs}
    for field in dict.fromkeys(field for spec in table.values() for field in spec.model_fields):
        path = f"{group}.{field}"
        having = tuple(name for name in table if field in table[name].model_fields)
        if path in PLUGINS:
            paths |= _paths_of_plugins(path, {**needs, f"{group}.name": having})
        elif path not in paths:
            paths[path] = {**needs, f"{group}.name": having}
    return paths


def is_integer(path: str) -> bool:
    """Return whether every field at a path that can be searched takes whole numbers only."""
    kinds = [_scalars(annotation) for annotation in _annotations(path)]
    return bool(kinds) and all(int in kind and float not in kind for kind in kinds)


def _annotations(path: str) -> list[Any]:
    group, _, field = path.rpartition(".")
    if not group:
        specs: list[type[Spec]] = [TrialSettings]
    else:
        specs = list(PLUGINS[group].values()) if group in PLUGINS else [SECTIONS[group]]
    return [spec.model_fields[field].annotation for spec in specs if field in spec.model_fields]


def _scalars(annotation: Any) -> set[Any]:
    parts = get_args(annotation)
    return {annotation} if not parts else set().union(*(_scalars(part) for part in parts))
