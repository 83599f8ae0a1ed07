"""From a point of the search space to a trial, and from the file's domains to the space.

Which plug-ins have a field decides when a parameter is active; nobody writes that down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.losses import ContrastiveSpec, LossSpec
from study.plan.paths import PLUGINS, is_integer, searchable_paths
from study.plan.trial import AnyDataset, TrialSettings, TrialSpec
from study.search import (
    AnyDomain,
    Choice,
    Parameter,
    Space,
    Value,
    conditions_of,
    domain_of,
)
from study.spec import Spec, parse


def draw(settings: TrialSettings, dataset: AnyDataset, values: Mapping[str, Any]) -> TrialSpec:
    """Return the trial at one point of the space.

    A drawn ``loss.name`` other than the settings' drops the other loss's fields and takes
    the new one's defaults, unless they are drawn too. So does a plug-in that a plug-in holds.
    What :func:`shared_settings` returns holds for every loss that has such a field.

    Args:
        settings: What every trial is.
        dataset: What is learnt from.
        values: Drawn values by dotted path.

    Raises:
        ConfigError: If the point is no valid trial.
    """
    data = settings.model_dump(mode="json") | {"dataset": dataset.model_dump(mode="json")}
    for group in PLUGINS:
        chosen = values.get(f"{group}.name")
        if chosen is not None:
            holder, field = _holder(data, group)
            if holder.get(field, {}).get("name") != chosen:
                holder[field] = {"name": chosen}
                if group.partition(".")[0] == "loss":
                    _share(holder[field], PLUGINS[group].get(str(chosen)), settings.loss)
    for path, value in values.items():
        holder, field = _holder(data, path)
        holder[field] = value
    return parse(TrialSpec, data)


SHARED = tuple(name for name in ContrastiveSpec.model_fields if name != "name")
"""Fields of every contrastive loss, also of one that is a part of ``combined``."""


def shared_settings(loss: LossSpec) -> dict[str, Any]:
    """Return the settings of :data:`SHARED` that were given, not left at their defaults.

    Given once in ``trial.loss``, they hold for every loss that the space draws: otherwise one
    loss would be compared at another temperature or accuracy than the others.
    """
    part = getattr(loss, "contrastive", loss)
    given = part.model_fields_set
    return {name: getattr(part, name) for name in SHARED if name in given}


def _share(data: dict[str, Any], plugin: type[Spec] | None, loss: LossSpec) -> None:
    """Put the shared settings into a drawn loss, or into the part of it that has them."""
    shared = shared_settings(loss)
    if plugin is None or not shared:
        return
    if "contrastive" in plugin.model_fields:
        data["contrastive"] = shared
    else:
        data |= {name: value for name, value in shared.items() if name in plugin.model_fields}


def _holder(data: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Return the mapping that holds the field at ``path``, and the field's name in it."""
    *steps, field = path.split(".")
    for step in steps:
        data = data.setdefault(step, {})
    return data, field


def space_of(raw: Mapping[str, AnyDomain], settings: TrialSettings) -> Space:
    """Return the search space, with the conditions that the plug-ins' fields imply.

    Raises:
        ConfigError: If a domain or a condition is wrong.
    """
    having = searchable_paths()
    parameters = [
        Parameter(path, domain_of(domain, integer=is_integer(path)), _conditions(path, raw))
        for path, domain in raw.items()
        if path in having and foreign(path, raw, settings) is None
    ]
    return Space(tuple(parameters))


def names_at(
    name_path: str, raw: Mapping[str, AnyDomain], settings: TrialSettings
) -> tuple[Value, ...]:
    """Return the plug-ins that a trial can have at the path of a plug-in's name."""
    if name_path in raw:
        choices = domain_of(raw[name_path], integer=False)
        if isinstance(choices, Choice):
            return choices.values
    group = name_path.removesuffix(".name")
    held: Any = settings
    for step in group.split("."):
        held = getattr(held, step, None)
    return ((held or _default(group)).name,)


def _default(group: str) -> Any:
    """Return the plug-in that a drawn plug-in holds if nothing is said of it."""
    holder, _, field = group.rpartition(".")
    fields = (spec.model_fields.get(field) for spec in PLUGINS[holder].values())
    return next(found.default for found in fields if found is not None)


def foreign(
    path: str, raw: Mapping[str, AnyDomain], settings: TrialSettings
) -> tuple[str, tuple[str, ...]] | None:
    """Return which plug-ins have a field, and at what path, if no trial can have one of them."""
    for name_path, having in searchable_paths().get(path, {}).items():
        if not set(having) & set(names_at(name_path, raw, settings)):
            return name_path, having
    return None


def _conditions(path: str, raw: Mapping[str, AnyDomain]) -> dict[str, tuple[Value, ...]]:
    conditions = dict(conditions_of(raw[path]))
    for name_path, having in searchable_paths()[path].items():
        if name_path not in raw:
            continue
        choices = domain_of(raw[name_path], integer=False)
        drawn = choices.values if isinstance(choices, Choice) else ()
        stated = conditions.get(name_path, drawn)
        # A stated condition on plug-ins without the field is a mistake that is told elsewhere.
        implied = tuple(one for one in stated if one in having)
        conditions[name_path] = implied or conditions.get(name_path, ())
    return conditions
