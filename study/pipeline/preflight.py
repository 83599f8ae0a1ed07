"""Everything that can be wrong before anything is started, told at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, final

from study.data import Dataset
from study.errors import CannotRunError, ConfigError, Problem, StudyError
from study.pipeline.disks import Disks, local_disks, storage_notes, store_problems
from study.pipeline.home import Home
from study.pipeline.same_study import changes_from
from study.pipeline.space import disk_need, space_line, space_problems
from study.plan import (
    AnyEvent,
    LanePlan,
    Node,
    Record,
    SessionStarted,
    StudySpec,
    load,
    plan_lanes,
    record_of,
)
from study.plan.load import apply_override, parse_study
from study.plan.stored import settings_file
from study.search import Choice
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

    changes: Mapping[str, str]
    """What differs from a study that was begun before, by dotted path; it may."""

    source: Path | None
    """Folder of the study file; None if the study is resumed by its name."""

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
    return _preflight(
        place, lambda: load(file, overrides, name), source=file.absolute().parent, disks=disks
    )


def preflight_resume(
    place: Place, name: str, overrides: Sequence[str] = (), disks: Disks | None = None
) -> Checked:
    """Check that a study can be resumed, with other settings if there are ``overrides``.

    Raises:
        CannotRunError: With every problem found.
    """
    home = Home(place.storage)
    home.find(name)
    record = record_of(home.events(name))
    return _preflight(place, lambda: _changed(record, overrides), disks=disks)


def _changed(record: Record, overrides: Sequence[str]) -> StudySpec:
    """Return a stored study with some settings changed.

    Raises:
        ConfigError: If a setting may not change, or this version cannot run the study.
    """
    stored = record.stored()
    if not overrides:
        return stored
    data = settings_file(stored)
    for override in overrides:
        apply_override(data, override)
    return parse_study(data)


def _preflight(
    place: Place,
    load_spec: Callable[[], StudySpec],
    *,
    source: Path | None = None,
    disks: Disks | None = None,
) -> Checked:
    disks = disks or local_disks()
    home = Home(place.storage)
    problems: list[Problem] = list(home.problems())
    spec = _collect(problems, load_spec)
    dataset = _collect(problems, spec.dataset.open) if spec else None
    lanes, changes = None, None
    if spec is not None:
        events = _collect(problems, lambda: home.events(spec.name)) or []
        place = _collect(problems, lambda: _as_before(place, events)) or place
        record = record_of(events)
        changes = _collect(problems, lambda: changes_from(record, spec))
        problems += _batch_sizes(spec, dataset)
        # A finished study is only printed, on whatever machine.
        if place.address in {None, "local"} and record.state(running=False) != "FINISHED":
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
    return Checked(
        spec=spec,
        dataset=dataset,
        place=place,
        lanes=lanes,
        unchecked=tuple(_unchecked(place)),
        disk=tuple(disk),
        changes=changes or {},
        source=source,
    )


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
    nodes = (Node(local_cpus(), local_gpus()),)
    return plan_lanes(spec.resources, nodes, spec.budget.trials)


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
