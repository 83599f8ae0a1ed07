"""Everything that can be wrong before anything is started, told at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, final

from study.data import Dataset
from study.errors import CannotRunError, ConfigError, Problem, StudyError
from study.pipeline.disks import Disks, local_disks, storage_notes, store_problems
from study.pipeline.home import Home
from study.pipeline.space import disk_need, space_line, space_problems
from study.plan import (
    AnyEvent,
    LanePlan,
    SessionStarted,
    StudySpec,
    StudyStarted,
    digest_of,
    load,
    plan_lanes,
)
from study.search import Choice
from study.spec import parse
from study.tracking import check_store, shown

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Place:
    """Where a study is kept, tracked and run."""

    storage: Path = Path("studies")
    tracking_uri: str | None = None
    address: str | None = None
    """``local``, ``auto`` or the address of a Ray cluster.

    None for either: as when the study was last worked on; of a new one the storage folder's
    own store, and ``local``.
    """


@final
@dataclass(frozen=True)
class Checked:
    """What was found to be in order."""

    spec: StudySpec
    dataset: Dataset
    place: Place
    """With store and address filled in."""

    lanes: LanePlan | None
    """None if only the cluster can tell."""

    unchecked: tuple[str, ...]
    """What could not be looked at, a line each."""

    disk: tuple[str, ...] = ()
    """What the study will write, and what to know of the disk it writes to, a line each."""


def preflight_file(
    place: Place,
    file: Path,
    overrides: Sequence[str] = (),
    name: str | None = None,
    disks: Disks | None = None,
) -> Checked:
    """Check a study file against itself, its data, this machine and the stores.

    Nothing is started or written, and neither Ray nor MLflow is imported.

    Args:
        place: Where the study is kept, tracked and run.
        file: The study file.
        overrides: ``PATH=VALUE`` each.
        name: Replaces the name in the file.
        disks: The machine's; None to look.

    Raises:
        CannotRunError: With every problem found.
    """
    return _preflight(place, lambda: load(file, overrides, name), disks)


def preflight_resume(place: Place, name: str, disks: Disks | None = None) -> Checked:
    """Check that a study can be gone on with.

    Raises:
        CannotRunError: With every problem found.
    """
    home = Home(place.storage)
    home.find(name)
    started = _started(home.events(name))
    checked = _preflight(place, lambda: parse(StudySpec, started.spec if started else {}), disks)
    if started is not None:
        require_same_study(started, checked)
    return checked


def _preflight(place: Place, load_spec: Callable[[], StudySpec], disks: Disks | None) -> Checked:
    disks = disks or local_disks()
    home = Home(place.storage)
    problems: list[Problem] = list(home.problems())
    spec = _collect(problems, load_spec)
    dataset = _collect(problems, spec.dataset.open) if spec else None
    lanes = None
    if spec is not None:
        events = _collect(problems, lambda: home.events(spec.name)) or []
        place = _collect(problems, lambda: _as_before(place, events)) or place
        _collect(problems, lambda: _require_same_question(_started(events), spec))
        problems += _batch_sizes(spec, dataset)
        if place.address in {None, "local"}:
            lanes = _collect(problems, lambda: local_lanes(spec))
    problems += check_store(place.tracking_uri, home.storage)
    problems += store_problems(place.tracking_uri, home.storage, disks)
    disk = list(storage_notes(home.storage, disks))
    if spec is not None and dataset is not None:
        need = disk_need(spec, dataset, lanes, home)
        problems += space_problems(need, home, disks)
        disk.append(space_line(need, home, disks))
    if problems or spec is None or dataset is None:
        raise CannotRunError(dict.fromkeys(problems))
    return Checked(spec, dataset, place, lanes, tuple(_unchecked(place)), tuple(disk))


def _started(events: Sequence[AnyEvent]) -> StudyStarted | None:
    return next((one for one in events if isinstance(one, StudyStarted)), None)


def _as_before(place: Place, events: Sequence[AnyEvent]) -> Place:
    """Return ``place`` with what the user left out as the study's last session had it."""
    last = next((one for one in reversed(events) if isinstance(one, SessionStarted)), None)
    uri, address = place.tracking_uri, place.address
    if last is not None:
        uri = uri or (last.tracking_uri if last.tracking_given else None)
        address = address or last.address
    if last is not None and last.tracking_secret and place.tracking_uri is None:
        rule = f"must be given again: the password of {uri} was not kept"
        raise ConfigError(Problem("--tracking-uri", rule))
    return replace(place, tracking_uri=uri, address=address or "local")


def local_lanes(spec: StudySpec) -> LanePlan:
    """Return how many lanes this machine has room for.

    Raises:
        ResourceError: If it has room for none.
    """
    return plan_lanes(spec.resources, local_cpus(), local_gpus(), spec.budget.trials)


def local_cpus() -> int:
    """Return the CPU cores that this process may use."""
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def local_gpus() -> int:
    """Return the GPUs that torch sees."""
    import torch

    return torch.cuda.device_count()


def _collect(problems: list[Problem], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except StudyError as error:
        problems += error.problems
        return None


def require_same_study(started: StudyStarted, checked: Checked) -> None:
    """Refuse a journal that is of another question or of other data.

    Raises:
        ConfigError: If it is.
    """
    _require_same_question(started, checked.spec)
    _require_same_data(started, checked.dataset)


def _require_same_question(started: StudyStarted | None, spec: StudySpec) -> None:
    asked = digest_of(spec)
    if started is not None and started.spec_digest != asked:
        rule = (
            f"another study is called {spec.name!r} (digest {started.spec_digest}, this one "
            f"{asked}): choose another with --name, or remove its folder"
        )
        raise ConfigError(Problem("name", rule))


def _require_same_data(started: StudyStarted, dataset: Dataset) -> None:
    if started.dataset_digest != dataset.digest:
        rule = (
            f"{dataset.name} is not what the study began with (digest {dataset.digest}, "
            f"not {started.dataset_digest}): start a new study with --name"
        )
        raise ConfigError(Problem("dataset", rule))


def _batch_sizes(spec: StudySpec, dataset: Dataset | None) -> Iterator[Problem]:
    drawn, always = _drawn_batch_sizes(spec)
    path = "space.batch_size" if drawn else "trial.batch_size"
    sizes = drawn if always else [*drawn, spec.trial.batch_size]
    train = len(dataset.splits["train"].ids) if dataset else max(sizes)
    if max(sizes) > train:
        rule = f"must be at most {train}, the train split of {spec.dataset.name}, not {max(sizes)}"
        yield Problem(path, rule)
    if min(sizes) < spec.resources.workers:
        rule = f"must be at least resources.workers ({spec.resources.workers}), not {min(sizes)}"
        yield Problem(path, rule)


def _drawn_batch_sizes(spec: StudySpec) -> tuple[list[int], bool]:
    """Return the batch sizes that can be drawn, or the ends of their range; and if always."""
    for parameter in spec.search_space().parameters:
        domain = parameter.domain
        if parameter.path == "batch_size":
            found = domain.values if isinstance(domain, Choice) else (domain.low, domain.high)
            return [int(size) for size in found], not parameter.when
    return [], False


def _unchecked(place: Place) -> Iterator[str]:
    if place.address != "local":
        yield f"whether the Ray cluster at {place.address} has room for a trial"
    if place.tracking_uri and not place.tracking_uri.startswith("sqlite:"):
        yield f"whether the tracking store at {shown(place.tracking_uri)} can be reached"
