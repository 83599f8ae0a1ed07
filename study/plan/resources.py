"""How many lanes fit, node by node, with arithmetic that a person can check by hand.

A lane is a placement group of one bundle per worker. Bundles of a lane may be on different
nodes (strategy PACK), but each bundle needs one node that has its CPUs and GPUs. All bundles of
a study are alike. So a node has room for ``min(cpus // cpus_per_worker, gpus //
gpus_per_worker)`` workers, and the lanes are the sum of these divided by ``workers``, rounded
down. That is exact: it is never more than Ray can place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from study.errors import Problem, ResourceError
from study.plan.study import ResourcesSpec

THIS_MACHINE = "this machine"


@final
@dataclass(frozen=True)
class Node:
    """A machine that is there, with all its cores and GPUs, whoever uses them now."""

    cpus: int
    gpus: int = 0


@final
@dataclass(frozen=True)
class LaneShape:
    """What one lane takes."""

    workers: int
    cpus: int
    """Of each worker."""
    gpus: int
    """Of each worker: 0 or 1."""

    @property
    def bundles(self) -> list[dict[str, float]]:
        """The resources of each worker, as Ray names them."""
        return [{"CPU": self.cpus, "GPU": self.gpus} if self.gpus else {"CPU": self.cpus}] * (
            self.workers
        )

    def room_on(self, node: Node) -> int:
        """Return how many workers fit on a node."""
        fits = node.cpus // self.cpus
        return min(fits, node.gpus // self.gpus) if self.gpus else fits

    def __str__(self) -> str:
        gpus = f" and {self.gpus} GPU" if self.gpus else ""
        return f"{self.workers} worker(s) x {self.cpus} CPU{gpus}"


@final
@dataclass(frozen=True)
class LanePlan:
    """How many trials run at a time, and why."""

    lanes: int
    shape: LaneShape
    arithmetic: str
    """One sentence that a person can check by hand."""

    warnings: tuple[str, ...] = ()
    """What is probably not meant, a line each."""


def shape_of(resources: ResourcesSpec, nodes: Sequence[Node]) -> LaneShape:
    """Return what a lane takes on these nodes: here ``gpus_per_worker: auto`` becomes a number."""
    gpus = resources.gpus_per_worker
    if gpus == "auto":
        gpus = int(any(node.gpus for node in nodes))
    return LaneShape(resources.workers, resources.cpus_per_worker, gpus)


def plan_lanes(
    resources: ResourcesSpec,
    nodes: Sequence[Node],
    trials: int,
    where: str = THIS_MACHINE,
    *,
    may_grow: bool = False,
) -> LanePlan:
    """Return how many lanes a study gets.

    Args:
        resources: What one trial may use.
        nodes: What is there.
        trials: More lanes than trials would idle.
        where: What these nodes are, for the messages.
        may_grow: Whether nodes may be added: fewer lanes than asked for are no error then.

    Raises:
        ResourceError: If not even one lane fits, or fewer than asked for.
    """
    shape = shape_of(resources, nodes)
    problem = _misfit(resources, shape, nodes, where)
    if problem is not None:
        raise ResourceError(problem)
    fits = count_lanes(shape, nodes)
    asked = fits if resources.lanes == "auto" else resources.lanes
    if asked > fits and not may_grow:
        rule = f"must be auto or at most {fits}, what {where} has room for, not {asked}"
        raise ResourceError(Problem("resources.lanes", rule))
    lanes = min(fits, asked, max(trials, 1))
    arithmetic = f"{said(nodes, where)}; a trial takes {shape}: {_room(shape, nodes, lanes)}"
    return LanePlan(lanes, shape, arithmetic, tuple(_idle_gpus(lanes, shape, nodes, where)))


def count_lanes(shape: LaneShape, nodes: Sequence[Node]) -> int:
    """Return how many whole lanes can be placed on ``nodes``."""
    return sum(map(shape.room_on, nodes)) // shape.workers


def said(nodes: Sequence[Node], where: str) -> str:
    """Return what ``where`` has: ``... has 3 nodes, 1 with 0 CPUs, 2 with 8 CPUs and 1 GPUs``."""
    kinds = Counter(map(_kind, nodes))
    match len(nodes):
        case 0:
            has = "no nodes"
        case 1:
            has = ("" if where == THIS_MACHINE else "1 node with ") + _kind(nodes[0])
        case _:
            each = ", ".join(f"{n} with {kind}" for kind, n in kinds.items())
            has = f"{len(nodes)} nodes, {each}"
    return f"{where} has {has}"


def _kind(node: Node) -> str:
    return f"{node.cpus} CPUs" + (f" and {node.gpus} GPUs" if node.gpus else "")


def _room(shape: LaneShape, nodes: Sequence[Node], lanes: int) -> str:
    fits = count_lanes(shape, nodes)
    sum_ = f"room for {_sum_of_rooms(shape, nodes)} workers, " if len(nodes) > 1 else ""
    fewer = f"{fits} would fit, " if lanes < fits else ""
    return f"{sum_}{fewer}{lanes} trial(s) at a time"


def _sum_of_rooms(shape: LaneShape, nodes: Sequence[Node]) -> str:
    rooms = Counter(shape.room_on(node) for node in nodes)
    terms = [f"{n} x {room}" if n > 1 else str(room) for room, n in rooms.items()]
    total = sum(room * n for room, n in rooms.items())
    return f"{' + '.join(terms)} = {total}" if terms != [str(total)] else str(total)


def _misfit(
    resources: ResourcesSpec, shape: LaneShape, nodes: Sequence[Node], where: str
) -> Problem | None:
    """Return why not even one lane fits; None if one does."""
    for kind, each, most in (
        ("cpus", shape.cpus, max((node.cpus for node in nodes), default=0)),
        ("gpus", shape.gpus, max((node.gpus for node in nodes), default=0)),
    ):
        if each > most:
            return Problem(
                f"resources.{kind}_per_worker", _too_few(kind, each, most, nodes, where)
            )
    if not any(map(shape.room_on, nodes)):
        rule = f"{shape.cpus} cpus and {shape.gpus} gpus are needed on one node for a worker"
        return Problem("resources", f"{rule}, {said(nodes, where)}")
    room = sum(map(shape.room_on, nodes))
    if room >= shape.workers:
        return None
    rule = (
        f"must be at most {room}, not {shape.workers}: {said(nodes, where)}, a worker takes "
        f"{str(shape).partition(' x ')[2]}"
    )
    if resources.gpus_per_worker == "auto" and shape.gpus:
        rule += " (resources.gpus_per_worker: 0 trains on CPUs)"
    return Problem("resources.workers", rule)


def _too_few(kind: str, each: int, most: int, nodes: Sequence[Node], where: str) -> str:
    if len(nodes) > 1:
        needed = f"{each} {kind} are needed on one node for a worker"
        return f"{needed}, the largest of {len(nodes)} nodes has {most}"
    return f"{each} {kind} are needed for a worker, {where} has {most}"


def _idle_gpus(lanes: int, shape: LaneShape, nodes: Sequence[Node], where: str) -> list[str]:
    there = sum(node.gpus for node in nodes)
    used = lanes * shape.workers * shape.gpus
    if used >= there:
        return []
    if not used:
        why = "the study uses none: resources.gpus_per_worker is 0"
    else:
        why = f"the study uses {used}: {lanes} lane(s) of {shape}"
    return [f"{where} has {there} GPUs, {why}"]
