"""The method: sides take turns, medians count, memory is measured in a fresh process."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.losses.inputs import Case, Step

FEWEST_REPEATS, MOST_REPEATS = 3, 50


@dataclass(frozen=True)
class Alone:
    """What one side took in a process of its own."""

    seconds: float
    """Of one step, after a warm-up on a small batch."""

    extra_bytes: int
    """Peak memory beyond what the process held with the inputs loaded."""


class SideError(RuntimeError):
    """A side did not finish in a process of its own."""


def seconds_of(step: Step, device: str) -> float:
    """Return the wall time of one step."""
    _wait(device)
    began = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - began


def take_turns(sides: Mapping[str, Step], device: str, budget_s: float = 5) -> dict[str, float]:
    """Return the median seconds of each side; all of them run once in every round.

    Args:
        sides: Steps by name; each is warmed up once.
        device: Where they compute.
        budget_s: Rounds go on until this is spent, but there are at least three.
    """
    for step in sides.values():
        step()
    spent: dict[str, list[float]] = {name: [] for name in sides}
    until = time.perf_counter() + budget_s
    for repeat in range(MOST_REPEATS):
        if repeat >= FEWEST_REPEATS and time.perf_counter() > until:
            break
        for name, step in sides.items():
            spent[name].append(seconds_of(step, device))
    return {name: statistics.median(values) for name, values in spent.items()}


def alone(side: str, case: Case) -> Alone:
    """Return what a side takes in a process of its own, on as many threads as here.

    Raises:
        SideError: If the process fails, or is killed for the memory it takes.
    """
    given = [side, json.dumps(dataclasses.asdict(case)), str(torch.get_num_threads())]
    command = [sys.executable, "-m", "benchmarks.losses.process", *given]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        told = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise SideError(f"{side}: {told[0]}")
    return Alone(**json.loads(done.stdout))


def deviation(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the largest difference of any loss or gradient, relative to its largest entry."""
    found = 0.0
    for one, other in zip(ours, theirs, strict=True):
        scale = other.abs().max().clamp_min(torch.finfo(other.dtype).tiny)
        gap = ((one - other).abs().max() / scale).item()
        # A comparison with NaN would let it pass.
        found = math.inf if math.isnan(gap) else max(found, gap)
    return found


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the exponent of the power law that fits best: least squares in log and log."""
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    return statistics.linear_regression(x, y).slope


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
