"""A Ray Train run that outlives trials, inside the placement group that Tune reserved.

Private parts of Ray Train V2 are used here and nowhere else; Ray is pinned to one minor
version and :func:`check_ray` says so loudly on another. What they buy:

- The worker group borrows the trial's placement group, so Tune knows what fits and Train
  has nothing of its own to leak. A nested ``TorchTrainer`` keeps its group when Tune stops
  the trial, and the next one waits for ever.
- The controller runs in a thread of the Tune actor: one process less, and it dies with it.
- Reports go through a mailbox, not through Train's one report per controller tick.
- Of every group that ends, the failure policy is told why: the one place that also hears of
  processes which die before they run a line of this package.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import uuid
from collections.abc import Callable
from typing import Any, final

import ray
import ray.exceptions
import ray.train
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import (
    PlacementGroupCleanerCallback,
)
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
)
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2._internal.execution.failure_handling import FailureDecision, FailurePolicy
from ray.train.v2._internal.execution.worker_group import WorkerGroup
from ray.train.v2._internal.execution.worker_group.placement_group_handle import (
    DefaultPlacementGroupHandle,
)

from study.errors import ResourceError
from study.execution.group_failure import GroupFailure

RAY_MINOR = "2.60."
"""The only minor version whose private parts are known."""

COLLECTIVE_S = 24 * 3600
"""How long workers wait for each other in a collective. While rank zero fits a probe the others
do: it may take hours. That a training step hangs is noticed by its heartbeats much earlier."""

OnFailure = Callable[[GroupFailure], bool]
"""Is told why a worker group ended; returns whether another one shall be started."""


def check_ray() -> None:
    """Refuse any other minor version of Ray.

    Raises:
        ResourceError: If another one is installed.
    """
    if not ray.__version__.startswith(RAY_MINOR):
        raise ResourceError(f"ray: must be {RAY_MINOR}x, not {ray.__version__}")


@final
class _Borrowed(DefaultPlacementGroupHandle):  # type: ignore[misc]
    """A placement group that Tune owns: Train must not remove it."""

    def shutdown(self) -> None:
        """Leave the group alone."""


@final
class _LaneGroup(WorkerGroup):  # type: ignore[misc]
    def _create_placement_group(self, *_args: Any, **_named: Any) -> _Borrowed:
        return _Borrowed(ray.util.get_current_placement_group())


@final
class _LaneController(TrainController):  # type: ignore[misc]
    worker_group_cls = _LaneGroup


@final
class _TellingPolicy(FailurePolicy):  # type: ignore[misc]
    """Leaves to somebody else whether a group is started again."""

    def __init__(self, on_failure: OnFailure) -> None:
        super().__init__(ray.train.FailureConfig())
        self._on_failure = on_failure

    def make_decision(self, training_failed_error: Exception) -> FailureDecision:
        goes_on = self._on_failure(failure_of(training_failed_error))
        return FailureDecision.RETRY if goes_on else FailureDecision.RAISE


def failure_of(error: Exception) -> GroupFailure:
    """Return what an error of Train's controller says of the workers."""
    raised: dict[int, str] = {}
    dead: list[int] = []
    causes: list[BaseException] = _chain(error)
    for rank, one in getattr(error, "worker_failures", {}).items():
        cause = getattr(one, "health_check_failure", one)
        causes += _chain(cause)
        if isinstance(one, WorkerHealthCheckFailedError | ray.exceptions.RayActorError):
            dead.append(rank)
        else:
            raised[rank] = f"{type(cause).__name__}: {cause}"
    return GroupFailure(
        error=str(causes[-1] if not (raised or dead) else error),
        raised=raised,
        dead=tuple(dead),
        counts=not any(map(_is_nobodys, causes)),
    )


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error, what Train's controller wrapped in it, and what led to that."""
    inner = getattr(error, "controller_failure", None) or error.__cause__
    return [error, *(_chain(inner) if isinstance(inner, BaseException) else [])]


def _is_nobodys(error: BaseException) -> bool:
    """Return whether a machine was lost, or its resources were not there in time."""
    if isinstance(error, WorkerGroupStartupTimeoutError):
        return True
    if not isinstance(error, ray.exceptions.RayActorError):
        return False
    # Ray says in words alone that it was the node and not the process.
    return bool(error.preempted) or "its node has died" in str(error)


@final
class _LaneTrainer(TorchTrainer):  # type: ignore[misc]
    def __init__(self, work: functools.partial[None], on_failure: OnFailure, **named: Any) -> None:
        super().__init__(work, **named)
        self._on_failure = on_failure

    def _create_default_callbacks(self) -> list[Any]:
        """Drop the cleaner, which needs a dashboard and has nothing to clean, and data sets."""
        unwanted = (PlacementGroupCleanerCallback, DatasetsCallback)
        return [
            callback
            for callback in super()._create_default_callbacks()
            if not isinstance(callback, unwanted)
        ]

    def _initialize_and_run_controller(self, **named: Any) -> Any:
        named["failure_policy"] = _TellingPolicy(self._on_failure)
        controller = _LaneController(**named)
        asyncio.run(controller.run())
        return controller.get_result()


@final
class TrainRun:
    """A worker group at work in a thread of this process."""

    def __init__(
        self,
        work: functools.partial[None],
        *,
        workers: int,
        resources: dict[str, float],
        folder: str,
        on_failure: OnFailure,
    ) -> None:
        check_ray()
        self._trainer = _LaneTrainer(
            work,
            on_failure,
            torch_config=TorchConfig(timeout_s=COLLECTIVE_S),
            scaling_config=ray.train.ScalingConfig(
                num_workers=workers,
                resources_per_worker=resources,
                use_gpu=resources.get("GPU", 0) > 0,
            ),
            run_config=ray.train.RunConfig(
                name=f"lane-{uuid.uuid4().hex[:8]}", storage_path=folder
            ),
        )
        self.ended: BaseException | None = None
        self._thread = threading.Thread(target=self._fit, name="ray-train", daemon=True)
        self._thread.start()

    def _fit(self) -> None:
        try:
            self._trainer.fit()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for a job
            self.ended = error

    @property
    def alive(self) -> bool:
        """Whether the worker group is, or is being started again."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the workers to leave."""
        self._thread.join(timeout_s)
