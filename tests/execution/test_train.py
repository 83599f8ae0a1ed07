"""The private parts of Ray Train that lanes lean on are those that were tried."""

import inspect

import pytest
import ray
import ray.exceptions
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
)
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

from study.errors import ResourceError
from study.execution import train
from study.execution.watch import LaneStatus


def test_the_installed_ray_is_the_one_whose_private_parts_are_known() -> None:
    train.check_ray()


def test_another_minor_version_is_refused_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "__version__", "2.61.0")
    with pytest.raises(ResourceError) as caught:
        train.check_ray()
    assert str(caught.value) == "ray: must be 2.60.x, not 2.61.0"


def test_the_private_parts_have_the_shape_that_is_overridden() -> None:
    from ray.train.torch import TorchTrainer
    from ray.train.v2._internal.execution.controller import TrainController
    from ray.train.v2._internal.execution.worker_group import WorkerGroup
    from ray.train.v2._internal.execution.worker_group.placement_group_handle import (
        DefaultPlacementGroupHandle,
    )

    assert TrainController.worker_group_cls is WorkerGroup
    assert inspect.iscoroutinefunction(TrainController.run)
    assert callable(TrainController.get_result)
    assert list(inspect.signature(DefaultPlacementGroupHandle.shutdown).parameters) == ["self"]
    assert "_create_placement_group" in vars(WorkerGroup)
    for name in ("_create_default_callbacks", "_initialize_and_run_controller"):
        assert callable(getattr(TorchTrainer, name))


def test_tune_keeps_idle_actors_up_to_a_limit_that_can_be_raised() -> None:
    from ray.tune.utils.object_cache import _ObjectCache

    cache: _ObjectCache = _ObjectCache(may_keep_one=True)
    cache.increase_max("lane", 2)
    assert [cache.cache_object("lane", actor) for actor in "abc"] == [True, True, False]


def died(text: str) -> WorkerHealthCheckFailedError:
    return WorkerHealthCheckFailedError("ping", ray.exceptions.RayActorError(error_msg=text))


@pytest.mark.parametrize(
    ("error", "raised", "dead", "counts"),
    [
        (WorkerGroupError("x", {0: died("its worker process has died")}), {}, (0,), True),
        (
            WorkerGroupError("x", {0: ValueError("boom"), 1: died("killed")}),
            {0: "ValueError: boom"},
            (1,),
            True,
        ),
        (
            WorkerGroupError("x", {1: died("The actor died because its node has died.")}),
            {},
            (1,),
            False,
        ),
        (ControllerError(WorkerGroupStartupTimeoutError(2)), {}, (), False),
        (ControllerError(ImportError("no such module")), {}, (), True),
    ],
    ids=["died", "raised and died", "node lost", "no resources in time", "controller"],
)
def test_why_a_group_ended_is_taken_from_trains_error(
    error: Exception, raised: dict[int, str], dead: tuple[int, ...], counts: bool
) -> None:
    failure = train.failure_of(error)
    assert (failure.raised, failure.dead, failure.counts) == (raised, dead, counts)
    if isinstance(error, ControllerError):
        assert failure.error == str(error.controller_failure)


def test_train_asks_the_policy_that_it_is_given() -> None:
    """The one place where every end of a group is heard of."""
    from ray.train.v2._internal.execution.controller import TrainController
    from ray.train.v2._internal.execution.failure_handling import FailurePolicy

    assert "failure_policy" in inspect.signature(TrainController).parameters
    parameters = inspect.signature(FailurePolicy.make_decision).parameters
    assert list(parameters) == ["self", "training_failed_error"]
    assert "failure_policy=" in inspect.getsource(TorchTrainer.fit)


def test_a_start_that_failed_is_seen_in_the_live_view() -> None:
    status = LaneStatus(
        lane="a", run="trial/0", phase="starting", ready=0, workers=1, step=0, steps=0,
        silent_s=1.0, trouble="rank 0: ImportError: x",
    )  # fmt: skip
    text = "lane starting, 0 of 1 workers are up (the last start failed: rank 0: ImportError: x)"
    assert str(status) == text


@pytest.mark.parametrize(
    ("phase", "text"),
    [("training", "trial/3, step 5 of 9"), ("evaluating", "trial/3, evaluating")],
)
def test_a_lane_shows_its_phase(phase: str, text: str) -> None:
    status = LaneStatus(
        lane="a", run="trial/3", phase=phase, ready=1, workers=1, step=5, steps=9, silent_s=1.0
    )
    assert str(status) == text
