"""What the steps of an epoch came to, added up where they are computed: no step waits for it."""

from __future__ import annotations

import math
import resource
import time
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from study.training.world import World


@final
@dataclass(frozen=True)
class Reading:
    """Means over the steps of an epoch so far."""

    loss: float
    """The same on every worker."""

    grad_norm: float
    """Length of the gradient before it was clipped."""

    grad_norm_max: float
    """Length of the longest."""

    steps: int
    seconds: float
    """Wall time of the steps."""


@final
class Meter:
    """Adds up the steps of one epoch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loss = torch.zeros((), dtype=torch.float64, device=world.device)
        self._norm, self._norm_max = self._loss.clone(), self._loss.clone()
        self._steps = 0
        self._start_s = time.perf_counter()

    def add(self, loss: Tensor, grad_norm: Tensor) -> None:
        """Add a step: this worker's part of the loss, and the length of the gradient."""
        self._loss += loss
        self._norm += grad_norm
        self._norm_max = torch.maximum(self._norm_max, grad_norm.double())
        self._steps += 1

    def read(self) -> Reading:
        """Return the means so far; every worker must ask at the same step."""
        loss = self._world.mean(self._loss.item() / self._steps)
        return Reading(
            loss=loss,
            grad_norm=self._norm.item() / self._steps,
            grad_norm_max=self._norm_max.item(),
            steps=self._steps,
            seconds=time.perf_counter() - self._start_s,
        )


def finite(value: float) -> float | None:
    """Return a value, or None if it is infinite or not a number."""
    return value if math.isfinite(value) else None


def peak_memory_gb(device: torch.device) -> float:
    """Return the peak memory of this process: of its GPU, or resident on a CPU; 1 GB = 1e9 B."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
