"""One side in a process of its own: `python -m benchmarks.losses.process SIDE CASE THREADS`.

Prints what it took as JSON.
"""

from __future__ import annotations

import ctypes
import gc
import json
import resource
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.losses.inputs import Case, inputs
from benchmarks.losses.measure import Alone, seconds_of
from benchmarks.losses.sides import SIDES

WARM_UP = 32
"""Samples of the first step, which loads code and starts threads."""


def measured(side: str, case: Case) -> Alone:
    """Return time and peak memory of one step beyond the inputs."""
    small = replace(case, batch=WARM_UP)
    SIDES[side](small, inputs(small))()
    given = inputs(case)
    before = _start(case.device)
    seconds = seconds_of(SIDES[side](case, given), case.device)
    return Alone(seconds, _peak_bytes(case.device) - before)


def _start(device: str) -> int:
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        _forget_peak()
    return _peak_bytes(device)


def _forget_peak() -> None:
    """Return freed memory to the system and make the present size the peak, on Linux."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", "utf-8")
    except (AttributeError, OSError):
        # Then the peak so far is what the step is measured against.
        return


def _peak_bytes(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its peak would be that of the parent, if the parent was larger.
        line = next(
            line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM")
        )
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    print(json.dumps(asdict(measured(sys.argv[1], Case(**json.loads(sys.argv[2]))))))
