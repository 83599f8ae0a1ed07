"""The first thing that runs in a worker's process: its log, and word of a failing start.

Nothing here imports torch or this package's training when it is loaded: what is missing on a
node is then said by an error that the mailbox gets, not by a process that dies in silence.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import ray
import ray.train

from study.execution.group_failure import told
from study.execution.worker_log import WorkerLog

_PATIENCE_S = 10.0
"""How long a failing worker waits for its mailbox to take its error."""


@final
@dataclass(frozen=True)
class WorkerSpec:
    """What every worker of a lane is told."""

    threads: int
    """Torch threads."""
    logs: str
    """Folder of the study's logs; the same path on every node. Empty: no log is kept."""
    lane: str
    """Name of the lane in the names of logs."""


@final
@dataclass(frozen=True)
class Member:
    """This process in its worker group."""

    rank: int
    attempt: str
    """Unique per process."""
    log: WorkerLog | None


def enter(mailbox: Any, spec: WorkerSpec) -> None:
    """Work for the lane until its mailbox closes; Ray Train calls this on every worker.

    Args:
        mailbox: Handle of the lane's :class:`study.execution.mailbox.Mailbox` actor.
        spec: What the worker is told.
    """
    rank, attempt = ray.train.get_context().get_world_rank(), uuid.uuid4().hex
    try:
        log = None
        if spec.logs:
            log = WorkerLog(Path(spec.logs), f"worker-{spec.lane}-{rank}-{attempt[:8]}")
        file = str(log.file) if log else ""
        ray.get(mailbox.arrive.remote(rank, attempt, os.getpid(), file))
        from study.execution.worker import work

        work(mailbox, spec, Member(rank, attempt, log))
    except BaseException as error:
        with suppress(Exception):
            ray.get(mailbox.raised.remote(rank, attempt, told(error)), timeout=_PATIENCE_S)
        raise
    if log is not None:
        log.leave()
