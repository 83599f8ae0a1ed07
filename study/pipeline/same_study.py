"""Whether what is asked for is the study that was begun: the same question, the same data."""

from __future__ import annotations

from collections.abc import Mapping

from study.data import Dataset
from study.errors import ConfigError, Problem
from study.plan import Record, StudySpec, StudyStarted
from study.plan.stored import changes, is_changeable


def require_same_study(record: Record, spec: StudySpec, dataset: Dataset) -> dict[str, str]:
    """Return what differs from a study that was begun before, by dotted path.

    Raises:
        ConfigError: If that is another question, or of other data.
    """
    found = changes_from(record, spec)
    _require_same_data(record.begun, dataset)
    return found


def changes_from(record: Record, spec: StudySpec) -> dict[str, str]:
    """Return which settings of a study that was begun before are to change.

    Raises:
        ConfigError: If ``spec`` asks another question.
    """
    if not record.events:
        return {}
    known = record.begun.given is not None
    found = changes(record.stored(), spec, given_is_known=known)
    fixed = [path for path in found if not is_changeable(path)]
    if fixed:
        shown = "; ".join(f"{path}: {found[path]}" for path in fixed[:5])
        rule = (
            f"another study is called {spec.name!r}, it differs in {shown}: choose another name "
            "with --name, or remove its folder"
        )
        raise ConfigError(Problem("name", rule))
    _require_open_finalists(record, found)
    return found


def _require_open_finalists(record: Record, found: Mapping[str, str]) -> None:
    late = [path for path in found if path.startswith("finalists.")]
    if late and record.chosen is not None and record.chosen.configurations:
        rule = f"cannot change any more, the finalists are chosen ({found[late[0]]})"
        raise ConfigError(Problem(late[0], rule))


def _require_same_data(started: StudyStarted, dataset: Dataset) -> None:
    if started.dataset_digest != dataset.digest:
        rule = (
            f"{dataset.name} is not what the study began with (digest {dataset.digest}, "
            f"not {started.dataset_digest}): start a new study with --name"
        )
        raise ConfigError(Problem("dataset", rule))
