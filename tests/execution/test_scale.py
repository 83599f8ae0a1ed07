"""Lanes follow the nodes: waited for, counted again, and the cluster asked to grow."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from study.errors import MachineError
from study.execution import scale as module
from study.execution.scale import Scale, runs_left
from study.plan import LanePlan, LaneShape, Node, Record, StudySpec, TrialEnded, load, plan_lanes
from study.plan.study import ResourcesSpec
from study.spec import TrialState

HEAD, NODE, GPU = Node(0), Node(4), Node(4, 1)


@dataclass
class Nodes:
    """A cluster of which nothing is known but its nodes, the last of them for good."""

    steps: list[list[Node]]
    where: str = "the cluster"
    asked: list[list[dict[str, float]]] = field(default_factory=list)

    def nodes(self) -> list[Node]:
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def cpus_in_use(self) -> int:
        return 3

    def ask(self, bundles: list[dict[str, float]]) -> None:
        self.asked.append(bundles)


@dataclass
class Seen:
    """What a study would write down and show."""

    plans: list[LanePlan] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [plan.arithmetic for plan in self.plans if not plan.lanes]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.0)


@pytest.fixture
def seen() -> Seen:
    return Seen()


def spec_of(**resources: Any) -> StudySpec:
    sets = [f"resources.{name}={value}" for name, value in resources.items()]
    return load(Path("search_spaces/quickstart.yaml"), ["budget.trials=5", *sets])


def scale_of(nodes: Nodes, seen: Seen, **resources: Any) -> Scale:
    return Scale(nodes, spec_of(**resources), seen.plans.append)


def test_a_cluster_without_room_is_asked_and_waited_for(seen: Seen) -> None:
    nodes = Nodes([[HEAD], [HEAD], [HEAD, NODE]])
    plan = scale_of(nodes, seen, cpus_per_worker=4).begin(None)
    assert seen.lines == [
        "waiting for a node: a lane takes 1 worker(s) x 4 CPU, the cluster has 1 node with "
        "0 CPUs; asked the autoscaler for {CPU: 4}"
    ]
    assert nodes.asked == [[{"CPU": 4}]] * 2
    assert seen.plans[1:] == [plan]
    assert (plan.lanes, plan.shape) == (1, LaneShape(1, 4, 0))
    assert plan.arithmetic.endswith("1 trial(s) at a time; 3 CPUs are in use by others now")


def test_auto_is_settled_by_the_node_that_came(seen: Seen) -> None:
    nodes = Nodes([[HEAD], [HEAD, GPU], [HEAD], [HEAD, NODE]])
    scale = scale_of(nodes, seen)
    assert scale.begin(None).shape.gpus == 1
    # The GPU left; training on CPUs from now on would be another study.
    assert [scale.count(Record()) for _ in range(2)] == [0, 0]
    assert "a lane takes 1 worker(s) x 1 CPU and 1 GPU" in seen.lines[-1]


def test_waiting_ends_with_the_arithmetic(seen: Seen) -> None:
    scale = scale_of(Nodes([[HEAD]]), seen, cpus_per_worker=4, workers=2, wait_minutes=0)
    with pytest.raises(MachineError) as caught:
        scale.begin(None)
    assert str(caught.value) == (
        "resources.wait_minutes: no node came in 0 minutes: a lane takes 2 worker(s) x 4 CPU, "
        "the cluster has 1 node with 0 CPUs"
    )


def test_lanes_follow_the_nodes_and_changes_are_told(seen: Seen) -> None:
    nodes = Nodes([[NODE], [NODE, NODE], [NODE, NODE, HEAD], [HEAD], [NODE]])
    scale = scale_of(nodes, seen, cpus_per_worker=4)
    scale.begin(None)
    assert [scale.count(Record()) for _ in range(5)] == [2, 2, 0, 1, 1]
    assert [plan.lanes for plan in seen.plans] == [1, 2, 0, 1]
    assert len(seen.lines) == 1


@pytest.mark.parametrize(("lanes", "asked"), [("auto", 5), (2, 2), (9, 5)])
def test_a_cluster_is_asked_for_no_more_than_is_left(
    seen: Seen, lanes: int | str, asked: int
) -> None:
    nodes = Nodes([[NODE]])
    scale = scale_of(nodes, seen, cpus_per_worker=4, lanes=lanes)
    scale.begin(None)
    scale.count(Record())
    assert nodes.asked == [[{"CPU": 4}] * asked]
    scale.close()
    assert nodes.asked[-1] == []


def test_a_machine_that_cannot_grow_is_neither_asked_nor_read(seen: Seen) -> None:
    nodes = Nodes([[HEAD]])
    scale = scale_of(nodes, seen)
    known = plan_lanes(ResourcesSpec(), [NODE], 5)
    assert scale.begin(known) is known
    assert scale.count(Record()) == 4
    scale.close()
    assert (nodes.asked, seen.plans) == ([], [known])


def test_nodes_are_not_read_for_every_decision(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 60.0)
    nodes = Nodes([[NODE], [NODE, NODE]])
    scale = scale_of(nodes, seen)
    scale.begin(None)
    began = time.monotonic()
    assert {scale.count(Record()) for _ in range(1000)} == {4}
    assert time.monotonic() - began < 5


def test_what_is_left_of_the_search_is_counted() -> None:
    record = Record()
    record.add(TrialEnded(time=0.0, number=0, state=TrialState.FAIL))
    assert (runs_left(record, 5), runs_left(record, 1), runs_left(record, 0)) == (4, 0, 0)
