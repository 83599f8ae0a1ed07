"""A trial on disk: weights and optimizer as safetensors, all else as JSON; no pickle.

Random numbers are drawn from seed, worker and epoch, so none of their state is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from study.errors import Problem, StoreError, TrialError
from study.spec import Spec
from study.training.folders import written_whole

SCHEMA_VERSION = 1
FACTS_FILE = "trial.json"
TENSORS_FILE = "trial.safetensors"


@final
class Facts(Spec):
    """``trial.json``: whose checkpoint it is, and how far it came."""

    schema_version: int = SCHEMA_VERSION
    """Version of the folder's layout."""

    trial_digest: str
    """Digest of the trial's spec."""

    dataset_digest: str
    """Digest of the data it learns from."""

    epoch: int
    """Epochs that are done."""

    metrics: dict[str, float]
    """What was measured at that epoch, by ``split/name``."""

    trial: dict[str, Any]
    """The spec itself. Only told, never read."""


def write(folder: Path, tensors: Mapping[str, Tensor], facts: Facts) -> None:
    """Write a checkpoint, whole or not at all; what was in ``folder`` is replaced."""
    with written_whole(folder) as new:
        save_file(
            {n: t.detach().cpu().contiguous() for n, t in tensors.items()}, new / TENSORS_FILE
        )
        (new / FACTS_FILE).write_text(facts.model_dump_json(indent=1) + "\n", "utf-8")


def read(folder: Path) -> tuple[dict[str, Tensor], Facts]:
    """Return the tensors, on the CPU, and the facts of a checkpoint.

    Raises:
        TrialError: If it is missing or damaged.
        StoreError: If a newer version of this package wrote it.
    """
    facts = read_facts(folder)
    try:
        return load_file(folder / TENSORS_FILE), facts
    except (OSError, SafetensorError) as error:
        raise TrialError(Problem(str(folder), "must be a whole checkpoint")) from error


def whole_facts(folder: Path, digest: str = "") -> Facts:
    """Return the facts of a checkpoint that can be resumed from; no tensor is read.

    Args:
        folder: Of the checkpoint.
        digest: Of the trial that it must be of; empty: of any.

    Raises:
        TrialError: If it is missing, damaged, or of another trial.
        StoreError: If a newer version of this package wrote it.
    """
    facts = read_facts(folder)
    try:
        # Opening compares what the file says of itself with its length: a torn one is refused.
        with safe_open(folder / TENSORS_FILE, framework="pt"):
            pass
    except (OSError, SafetensorError) as error:
        raise TrialError(Problem(str(folder), "must be a whole checkpoint")) from error
    if digest and facts.trial_digest != digest:
        rule = f"must be a checkpoint of trial {digest}, not of {facts.trial_digest}"
        raise TrialError(Problem(str(folder), rule))
    return facts


def read_facts(folder: Path) -> Facts:
    """Return the facts of a checkpoint without its tensors.

    Raises:
        TrialError: If it is missing or damaged.
        StoreError: If a newer version of this package wrote it.
    """
    try:
        text = (folder / FACTS_FILE).read_text("utf-8")
        version = json.loads(text)["schema_version"]
        if version > SCHEMA_VERSION:
            rule = f"must have schema_version {SCHEMA_VERSION} or less, not {version}"
            raise StoreError(Problem(str(folder), f"{rule}; use the package that wrote it"))
        return Facts.model_validate_json(text)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise TrialError(Problem(str(folder), "must be a whole checkpoint")) from error


def tensors_of(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return all weights and the optimizer's moments, by name."""
    tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        for key, moment in optimizer.state[parameter].items():
            tensors[f"optimizer.{key}.{name}"] = moment
    return tensors


def restore(
    module: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what :func:`tensors_of` returned, wherever the module now lies."""
    module.load_state_dict(_under("module.", tensors))
    names = {parameter: name for name, parameter in module.named_parameters()}
    state = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state["state"] = {
        place: moments
        for place, parameter in enumerate(parameters)
        if (moments := _moments(names[parameter], tensors))
    }
    optimizer.load_state_dict(state)


def _moments(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removesuffix(f".{name}"): tensor
        for key, tensor in _under("optimizer.", tensors).items()
        if key.endswith(f".{name}")
    }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
