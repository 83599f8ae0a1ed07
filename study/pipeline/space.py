"""How much a study will write, and whether there is room for it.

Letters: N samples of val and test, L labels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from study.data import Dataset
from study.errors import ConfigError, Problem
from study.pipeline.disks import Disks
from study.pipeline.home import Home
from study.plan import LanePlan, StudySpec, draw
from study.plan.trial import TrialSpec
from study.search import Choice
from study.training.network import build_network

_FLOAT = 4
_ADAMW = 3
"""A weight and its two moments."""
_UNITS = ("B", "kB", "MB", "GB", "TB")
_SCRATCH = 200_000_000
"""Bytes of Ray's logs and sockets."""


@final
@dataclass(frozen=True)
class DiskNeed:
    """Bytes that a study writes at most."""

    lanes: int
    checkpoints: int
    """Of one run: one per rung, until it ends."""

    parameters: int | None
    """Of the largest network; None if only the prepared data can tell."""

    finalists: int
    """Finalist runs; each leaves a model and its scores."""

    scores: int
    """N x L, of one run."""

    data: int
    """Bytes of prepared data."""

    written: int = 0
    """Bytes that are there already."""

    @property
    def bytes(self) -> int:
        """What is still to be written; checkpoints and models of unknown size not counted."""
        weights = (self.parameters or 0) * _FLOAT
        live = self.lanes * self.checkpoints * weights * _ADAMW
        # The winner's model is copied to the registry.
        models = (self.finalists + 1) * weights
        scores = self.finalists * self.scores * _FLOAT
        return max(live + models + scores + self.data - self.written, 0)

    @property
    def arithmetic(self) -> str:
        """One sentence that a person can check by hand."""
        scores = f"{self.finalists} finalist runs x {size(self.scores * _FLOAT)} of scores"
        data = f"{size(self.data)} of prepared data"
        if self.written:
            data += f" - {size(self.written)} that are there"
        if self.parameters is None:
            return f"{scores} + {data}; checkpoints and models not counted, their size is unknown"
        weights = self.parameters * _FLOAT
        return (
            f"{self.lanes} lanes x {self.checkpoints} checkpoints x {size(weights * _ADAMW)} "
            f"+ {self.finalists + 1} models x {size(weights)} + {scores} + {data}"
        )


def disk_need(spec: StudySpec, dataset: Dataset, lanes: LanePlan | None, home: Home) -> DiskNeed:
    """Return what a study will write at most, less what it has written.

    Args:
        spec: The study.
        dataset: Its data.
        lanes: How many trials run at a time; None if only the cluster can tell: one is counted.
        home: The storage folder.
    """
    num_scored = sum(len(dataset.splits[split]) for split in ("val", "test"))
    labels = len(dataset.label_names)
    prepared = sum(raw.y_NL.nbytes + _held_bytes(raw.inputs) for raw in dataset.splits.values())
    return DiskNeed(
        lanes=lanes.lanes if lanes else 1,
        checkpoints=len(spec.rungs),
        parameters=_parameters(_largest(spec), labels),
        finalists=spec.finalists.most * spec.finalists.seeds,
        scores=num_scored * labels,
        # Data is prepared before a study begins.
        data=0 if home.exists(spec.name) else prepared,
        written=_folder_bytes(home.folder(spec.name)),
    )


def space_problems(need: DiskNeed, home: Home, disks: Disks) -> Iterator[Problem]:
    """Yield a problem for every disk that has too little room."""
    place = _existing(home.storage)
    free = disks.free_bytes(place)
    if free < need.bytes:
        rule = f"must have {size(need.bytes)} free, {place} has {size(free)}"
        yield Problem("--storage", f"{rule} ({need.arithmetic})")
    scratch = Path(tempfile.gettempdir())
    free = disks.free_bytes(scratch)
    if free < _SCRATCH:
        yield Problem(str(scratch), f"must have {size(_SCRATCH)} free for Ray, not {size(free)}")


def space_line(need: DiskNeed, home: Home, disks: Disks) -> str:
    """Return the estimate as one line of the plan."""
    free = size(disks.free_bytes(_existing(home.storage)))
    return f"about {size(need.bytes)} ({need.arithmetic}); {free} are free"


def _existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())


def _folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def size(number: int) -> str:
    """Return a number of bytes as a person says it: 61.4 MB."""
    power = min(max(len(str(abs(number))) - 1, 0) // 3, len(_UNITS) - 1)
    return f"{number / 1000**power:.{1 if power else 0}f} {_UNITS[power]}"


def _largest(spec: StudySpec) -> TrialSpec:
    """Return the trial with the largest encoder and projection that can be drawn."""
    values: dict[str, Any] = {}
    for parameter in spec.search_space().parameters:
        domain = parameter.domain
        ends = domain.values if isinstance(domain, Choice) else (domain.high,)
        numbers = [one for one in ends if isinstance(one, int | float)]
        if parameter.path.startswith(("encoder.", "projection.")) and numbers:
            values[parameter.path] = max(numbers)
    try:
        return draw(spec.trial, spec.dataset, values)
    except ConfigError:
        return draw(spec.trial, spec.dataset, {})


def _parameters(trial: TrialSpec, num_labels: int) -> int | None:
    """Count parameters of a network that is built without its numbers."""
    import torch

    state = trial.encoder.largest_state()
    if state is None:
        return None
    with torch.device("meta"):
        network = build_network(trial, state, num_labels)
    return sum(parameter.numel() for parameter in network.parameters())


def _held_bytes(inputs: object) -> int:
    """Return about how many bytes raw inputs take: their arrays and texts."""
    total = 0
    for value in vars(inputs).values():
        if isinstance(value, np.ndarray):
            total += value.nbytes
        elif isinstance(value, tuple):
            total += sum(len(one) for one in value if isinstance(one, str | bytes))
    return total
