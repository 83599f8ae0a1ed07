"""From a study file and ``--set`` options to a StudySpec, with every mistake told at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, final

import yaml

from study.data import DATASETS
from study.errors import ConfigError, Problem
from study.plan.removed import with_hint, without_defaults
from study.plan.study import StudySpec
from study.spec import parse

Data = dict[str, Any]

_FLAT = {"space", "floors"}
"""Mappings whose keys are themselves dotted paths or hold slashes."""


def load(file: Path, overrides: Sequence[str] = (), name: str | None = None) -> StudySpec:
    """Return the study that a file describes.

    Args:
        file: A YAML file.
        overrides: ``path=value`` each, the value in YAML; ``null`` removes a key.
        name: Replaces the study's name.

    Raises:
        ConfigError: If the file or an override cannot be read, or says something wrong.
    """
    data = read_yaml(file)
    for override in overrides:
        apply_override(data, override)
    if name is not None:
        data["name"] = name
    return parse_study(without_defaults(data))


def parse_study(data: Data) -> StudySpec:
    """Return the study that plain data describes.

    Rules between fields are only looked at once every field is right by itself. So that
    nobody has to correct a file twice, what is wrong is left out and the rest looked at again.

    Raises:
        ConfigError: With every problem.
    """
    spec, problems = read_study(data)
    if spec is None or problems:
        raise ConfigError(problems)
    return spec


def read_study(data: Data) -> tuple[StudySpec | None, tuple[Problem, ...]]:
    """Return a study without what is wrong in ``data``, and every problem.

    The study is None if even so there is none.
    """
    found: dict[str, Problem] = {}
    rest = data
    while True:
        try:
            return parse(StudySpec, rest), tuple(found.values())
        except ConfigError as error:
            new = {one.path: with_hint(one) for one in error.problems if one.path not in found}
            found |= new
            if not new:
                return None, tuple(found.values())
            rest = _without_paths(rest, list(new))


def _without_paths(data: Data, paths: Iterable[str]) -> Data:
    rest = copy.deepcopy(data)
    for path in paths:
        _leave_out(rest, _steps(path))
    # What a study cannot do without is stood in for.
    return {"name": "x", "dataset": {"name": next(iter(DATASETS))}, "space": _SPACE} | rest


def _leave_out(data: Any, steps: Sequence[str]) -> None:
    first, *deeper = steps
    if not isinstance(data, dict) or first not in data:
        return
    if first == "space" and deeper:
        # A space's keys hold dots themselves, and so may what is wrong below them.
        for key in [key for key in data[first] if ".".join(deeper).startswith(key)]:
            del data[first][key]
    elif not deeper or deeper in (["name"], ["rule"]) or not isinstance(data[first], dict):
        del data[first]
    else:
        _leave_out(data[first], deeper)


_SPACE = {"batch_size": [2, 3]}


def read_yaml(file: Path) -> Data:
    """Return the mapping in a YAML file.

    Raises:
        ConfigError: If there is no such file, or it holds anything but a mapping.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(Problem(str(file), "does not exist" + _similar(file))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(file), f"cannot be read: {error}")) from None
    data = _parse_yaml(text, str(file))
    if not isinstance(data, dict):
        raise ConfigError(Problem(str(file), "must hold a mapping of fields, as in `name: ...`"))
    return data


def apply_override(data: Data, override: str) -> None:
    """Put one ``path=value`` into ``data``.

    Raises:
        ConfigError: If it is not of that form or leads through something without fields.
    """
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(Problem("--set", f"must be path=value, not {override!r}"))
    value = _parse_yaml(text, f"--set {path}")
    *parents, key = _steps(path)
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise ConfigError(Problem(f"--set {path}", f"{parent} is a value, it has no fields"))
    if value is None:
        data.pop(key, None)
    else:
        data[key] = value


def _steps(path: str) -> list[str]:
    """Cut a dotted path; what follows ``space`` or ``floors`` is one key."""
    steps = path.split(".")
    for index, step in enumerate(steps[:-1]):
        if step in _FLAT:
            return [*steps[: index + 1], ".".join(steps[index + 1 :])]
    return steps


def _similar(file: Path) -> str:
    found = sorted(file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
    return f"; there are {', '.join(path.name for path in found[:8])}" if found else ""


def _parse_yaml(text: str, where: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigError(Problem(where, f"is not YAML: {error.problem}{place}")) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(Problem(where, f"is not YAML: {error}")) from None


@final
class _Loader(yaml.SafeLoader):
    """YAML 1.1 without its traps: 1e-4 is a number, dates, 010 and 1:30 are text.

    A key counts once, and nothing refers to itself.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node; refuse an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not taken",
                problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; refuse a key that is given twice."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _without(resolvers: dict[str, Any], tags: Iterable[str]) -> dict[str, Any]:
    return {
        first: [(tag, pattern) for tag, pattern in rules if tag not in tags]
        for first, rules in resolvers.items()
    }


_FLOAT, _BOOL = "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_Loader.yaml_implicit_resolvers = _without(
    yaml.SafeLoader.yaml_implicit_resolvers, {"tag:yaml.org,2002:timestamp", _FLOAT, _BOOL, _INT}
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$|[-+]?\.(?:inf|Inf|nan|NaN)$"
    ),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9]\d*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(_BOOL, re.compile(r"(?:true|True|false|False)$"), list("tTfF"))
