"""What the lanes are doing right now, asked of their mailboxes from the driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from study.execution.beat import TRAINING
from study.execution.names import MAILBOX_PREFIX

PERIOD_S = 2.0


@final
@dataclass(frozen=True)
class LaneStatus:
    """One lane, at one moment."""

    lane: str
    """Name of its mailbox; a lane that was started anew has another."""

    run: str | None
    """The run at hand; None while it waits for one."""

    phase: str
    """What rank zero is at; see :data:`study.training.progress.Phase`."""

    ready: int
    """Workers that have reported for work."""

    workers: int
    """Workers it is made of."""

    step: int
    steps: int
    """Training steps done, and of the whole run; 0 while nothing is known."""

    silent_s: float
    """Seconds since the last sign of life."""

    def __str__(self) -> str:
        if self.ready < self.workers:
            return f"lane starting, {self.ready} of {self.workers} workers are up"
        if self.run is None:
            return "lane idle"
        if self.phase == TRAINING and self.steps:
            return f"{self.run}, step {self.step} of {self.steps}"
        return f"{self.run}, {self.phase}"


@contextmanager
def watching(tell: Callable[[Sequence[LaneStatus]], None]) -> Iterator[None]:
    """Tell of the lanes every other second, from a thread of this process."""
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(tell, done), name="lane-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(5)
        tell(())


def _watch(tell: Callable[[Sequence[LaneStatus]], None], done: threading.Event) -> None:
    while not done.wait(PERIOD_S):
        tell(_statuses())


def _statuses() -> list[LaneStatus]:
    """Return what the lanes that can be asked say; one that is starting or dying cannot."""
    import ray
    import ray.exceptions

    try:
        asked = {box.status.remote(): name for name, box in _mailboxes().items()}
        ready, _ = ray.wait([*asked], num_returns=len(asked), timeout=1.0) if asked else ([], [])
        return [
            LaneStatus(lane=name, **ray.get(one)) for one, name in asked.items() if one in ready
        ]
    except (ray.exceptions.RayError, ValueError):
        return []


def stop_run(run: str) -> None:
    """Have the lane that works on ``run``, if any does, stop at once."""
    for mailbox in _mailboxes().values():
        mailbox.stop.remote(run)


def _mailboxes() -> dict[str, Any]:
    import ray

    names = sorted(n for n in ray.util.list_named_actors() if n.startswith(MAILBOX_PREFIX))
    return {name: ray.get_actor(name) for name in names}
