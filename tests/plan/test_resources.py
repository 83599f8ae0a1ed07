"""Lanes and the arithmetic behind them, node by node."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import ResourceError
from study.plan import LanePlan, LaneShape, Node, ResourcesSpec, plan_lanes
from study.plan.resources import count_lanes, shape_of
from study.spec import parse

BIG, SMALL, HEAD = Node(8), Node(2), Node(0)
GPU = Node(16, 4)


def plan(resources: dict[str, Any], *nodes: Node, trials: int = 24, **named: Any) -> LanePlan:
    return plan_lanes(parse(ResourcesSpec, resources), nodes, trials, **named)


@pytest.mark.parametrize(
    ("resources", "nodes", "lanes"),
    [
        ({}, [SMALL], 2),
        ({"workers": 2}, [SMALL], 1),
        ({"workers": 2}, [Node(7)], 3),
        ({"cpus_per_worker": 3}, [BIG], 2),
        ({"gpus_per_worker": 1}, [GPU], 4),
        ({"gpus_per_worker": 1, "workers": 2, "cpus_per_worker": 4}, [Node(16, 8)], 2),
        ({"lanes": 1}, [BIG], 1),
        # A worker needs one node, the workers of a lane may be on several.
        ({"cpus_per_worker": 5}, [BIG, BIG], 2),
        ({"cpus_per_worker": 2, "workers": 2}, [SMALL] * 5, 2),
        ({"cpus_per_worker": 3, "workers": 3}, [BIG, Node(4), SMALL], 1),
        ({"gpus_per_worker": 1}, [GPU, Node(64)], 4),
        ({"cpus_per_worker": 4}, [HEAD, BIG], 2),
    ],
)
def test_the_scarce_resource_of_each_node_decides(
    resources: dict[str, Any], nodes: Sequence[Node], lanes: int
) -> None:
    assert plan(resources, *nodes).lanes == lanes


def test_no_more_lanes_than_trials() -> None:
    assert plan({}, BIG, trials=3).lanes == 3


NODES = st.lists(st.builds(Node, st.integers(0, 9), st.integers(0, 3)), max_size=5)
SHAPES = st.builds(LaneShape, st.integers(1, 3), st.integers(1, 4), st.integers(0, 1))


@given(NODES, SHAPES)
def test_every_lane_that_is_counted_can_be_placed(nodes: list[Node], shape: LaneShape) -> None:
    free = [[node.cpus, node.gpus] for node in nodes]
    for _ in range(count_lanes(shape, nodes) * shape.workers):
        host = next(one for one in free if one[0] >= shape.cpus and one[1] >= shape.gpus)
        host[0] -= shape.cpus
        host[1] -= shape.gpus


@pytest.mark.parametrize(
    ("nodes", "asked", "gpus"),
    [([BIG], "auto", 0), ([HEAD, GPU], "auto", 1), ([GPU], 0, 0), ([BIG], 1, 1)],
)
def test_auto_takes_gpus_where_there_are_some(
    nodes: list[Node], asked: int | str, gpus: int
) -> None:
    resources = parse(ResourcesSpec, {"gpus_per_worker": asked})
    assert shape_of(resources, nodes).gpus == gpus


@pytest.mark.parametrize(
    ("resources", "nodes", "arithmetic"),
    [
        (
            {"workers": 2},
            [Node(5)],
            "this machine has 5 CPUs; a trial takes 2 worker(s) x 1 CPU: 2 trial(s) at a time",
        ),
        (
            {"lanes": 2},
            [BIG],
            "this machine has 8 CPUs; a trial takes 1 worker(s) x 1 CPU: 8 would fit, "
            "2 trial(s) at a time",
        ),
        (
            {},
            [GPU],
            "this machine has 16 CPUs and 4 GPUs; a trial takes 1 worker(s) x 1 CPU and 1 GPU: "
            "4 trial(s) at a time",
        ),
        (
            {"cpus_per_worker": 3, "workers": 2},
            [HEAD, BIG, BIG, Node(4)],
            "this machine has 4 nodes, 1 with 0 CPUs, 2 with 8 CPUs, 1 with 4 CPUs; a trial takes "
            "2 worker(s) x 3 CPU: room for 0 + 2 x 2 + 1 = 5 workers, 2 trial(s) at a time",
        ),
    ],
)
def test_the_arithmetic_is_said(
    resources: dict[str, Any], nodes: list[Node], arithmetic: str
) -> None:
    assert plan(resources, *nodes).arithmetic == arithmetic


@pytest.mark.parametrize(
    ("resources", "nodes", "message"),
    [
        (
            {"workers": 3},
            [SMALL],
            "resources.workers: must be at most 2, not 3: this machine has 2 CPUs, "
            "a worker takes 1 CPU",
        ),
        (
            {"cpus_per_worker": 4},
            [SMALL],
            "resources.cpus_per_worker: 4 cpus are needed for a worker, this machine has 2",
        ),
        (
            {"cpus_per_worker": 4},
            [SMALL] * 4,
            "resources.cpus_per_worker: 4 cpus are needed on one node for a worker, "
            "the largest of 4 nodes has 2",
        ),
        (
            {"gpus_per_worker": 1},
            [SMALL],
            "resources.gpus_per_worker: 1 gpus are needed for a worker, this machine has 0",
        ),
        (
            {"cpus_per_worker": 8},
            [BIG, Node(4, 1)],
            "resources: 8 cpus and 1 gpus are needed on one node for a worker, this machine has "
            "2 nodes, 1 with 8 CPUs, 1 with 4 CPUs and 1 GPUs",
        ),
        (
            {"workers": 2},
            [Node(8, 1)],
            "resources.workers: must be at most 1, not 2: this machine has 8 CPUs and 1 GPUs, a "
            "worker takes 1 CPU and 1 GPU (resources.gpus_per_worker: 0 trains on CPUs)",
        ),
        (
            {"lanes": 3},
            [SMALL],
            "resources.lanes: must be auto or at most 2, what this machine has room for, not 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_arithmetic(
    resources: dict[str, Any], nodes: list[Node], message: str
) -> None:
    with pytest.raises(ResourceError) as caught:
        plan(resources, *nodes)
    assert str(caught.value) == message


def test_a_cluster_that_may_grow_starts_with_what_fits() -> None:
    assert plan({"lanes": 9}, SMALL, may_grow=True).lanes == 2
    with pytest.raises(ResourceError):
        plan({"cpus_per_worker": 4}, HEAD, may_grow=True)


@pytest.mark.parametrize(
    ("resources", "nodes", "warnings"),
    [
        ({}, [BIG], ()),
        ({}, [GPU], ()),
        (
            {"gpus_per_worker": 0},
            [GPU],
            ("this machine has 4 GPUs, the study uses none: resources.gpus_per_worker is 0",),
        ),
        (
            {"lanes": 1, "workers": 2},
            [GPU],
            (
                "this machine has 4 GPUs, the study uses 2: 1 lane(s) of "
                "2 worker(s) x 1 CPU and 1 GPU",
            ),
        ),
    ],
)
def test_gpus_that_stay_idle_are_a_warning(
    resources: dict[str, Any], nodes: list[Node], warnings: tuple[str, ...]
) -> None:
    assert plan(resources, *nodes).warnings == warnings
