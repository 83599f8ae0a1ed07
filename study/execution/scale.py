"""Lanes follow the nodes of a cluster: waited for, and planned again as nodes join and leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, final

from study.errors import MachineError, Problem, ResourceError
from study.plan import LanePlan, LaneShape, Node, Record, StudySpec, plan_lanes
from study.plan.resources import said, shape_of

PERIOD_S = 5.0
"""Nodes are read again so often, never per decision."""


class Nodes(Protocol):
    """What is asked of a cluster; see :class:`study.execution.cluster.Cluster`."""

    @property
    def where(self) -> str:
        """What the cluster is called."""
        ...

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are there now."""
        ...

    def cpus_in_use(self) -> int:
        """Return the CPUs that somebody uses now."""
        ...

    def ask(self, bundles: list[dict[str, float]]) -> None:
        """Ask for nodes with room for ``bundles``."""
        ...


@final
class Scale:
    """How many lanes a study has on a cluster, at any moment; :meth:`close` it at the end."""

    def __init__(
        self, cluster: Nodes, spec: StudySpec, planned: Callable[[LanePlan], None]
    ) -> None:
        """Take the cluster to plan for.

        Args:
            cluster: Where the lanes are to run.
            spec: The study.
            planned: Is given every plan that differs from the one before: of 0 lanes, with what
                is waited for, while no lane fits.
        """
        self._cluster = cluster
        self._resources = spec.resources
        self._trials = spec.budget.trials
        self._planned = planned
        self._lanes = 0
        self._awaited = ""
        self._is_fixed = False
        self._read_at = self._fitted_at = time.monotonic()

    def begin(self, known: LanePlan | None) -> LanePlan:
        """Return the first plan.

        Args:
            known: The plan of a machine that cannot grow; None to wait until a lane fits.

        Raises:
            MachineError: If there is room for none after ``resources.wait_minutes``.
        """
        self._is_fixed = known is not None
        plan = known or self._wait()
        self._take(plan)
        return plan

    def _wait(self) -> LanePlan:
        while True:
            nodes = self._cluster.nodes()
            plan = self._plan(nodes)
            if plan is not None:
                break
            self._wait_for(shape_of(self._resources, nodes), nodes)
            time.sleep(min(PERIOD_S, self._patience_s()))
        # Where nodes with GPUs leave, `auto` must not become another number.
        gpus = plan.shape.gpus
        self._resources = self._resources.model_copy(update={"gpus_per_worker": gpus})
        return replace(plan, arithmetic=plan.arithmetic + self._in_use())

    def count(self, record: Record) -> int:
        """Return how many lanes there are room for now; 0 if a node is waited for.

        Args:
            record: What is known of the study: the cluster is asked to grow for what is left.

        Raises:
            MachineError: If there was room for none for ``resources.wait_minutes``.
        """
        if not self._is_fixed and time.monotonic() - self._read_at >= PERIOD_S:
            self._read_at = time.monotonic()
            self._read_again(runs_left(record, self._trials))
        return self._lanes

    def close(self) -> None:
        """Let the cluster shrink again."""
        if not self._is_fixed:
            # It may be the cluster's end that ended the study.
            with suppress(Exception):
                self._cluster.ask([])

    def _read_again(self, left: int) -> None:
        nodes = self._cluster.nodes()
        shape = shape_of(self._resources, nodes)
        plan = self._plan(nodes)
        if plan is None:
            self._wait_for(shape, nodes)
            return
        most = self._resources.lanes
        wanted = left if most == "auto" else min(left, most)
        self._cluster.ask(shape.bundles * wanted)
        self._take(plan)

    def _plan(self, nodes: Sequence[Node]) -> LanePlan | None:
        where = self._cluster.where
        try:
            plan = plan_lanes(self._resources, nodes, self._trials, where, may_grow=True)
        except ResourceError:
            return None
        self._fitted_at, self._awaited = time.monotonic(), ""
        return plan

    def _take(self, plan: LanePlan) -> None:
        if plan.lanes != self._lanes:
            self._lanes = plan.lanes
            self._planned(plan)

    def _wait_for(self, shape: LaneShape, nodes: Sequence[Node]) -> None:
        has = said(nodes, self._cluster.where)
        if self._patience_s() <= 0:
            minutes = self._resources.wait_minutes
            rule = f"no node came in {minutes:g} minutes: a lane takes {shape}, {has}"
            raise MachineError(Problem("resources.wait_minutes", rule))
        self._cluster.ask(shape.bundles)
        asked = f"asked the autoscaler for {_shown(shape)}"
        awaited = f"waiting for a node: a lane takes {shape}, {has}; {asked}"
        if awaited != self._awaited:
            self._lanes, self._awaited = 0, awaited
            self._planned(LanePlan(0, shape, awaited))

    def _patience_s(self) -> float:
        waited = time.monotonic() - self._fitted_at
        return max(self._resources.wait_minutes * 60 - waited, 0.0)

    def _in_use(self) -> str:
        cpus = self._cluster.cpus_in_use()
        return f"; {cpus} CPUs are in use by others now" if cpus > 0 else ""


def runs_left(record: Record, trials: int) -> int:
    """Return how many runs of the phase at hand have not ended.

    Args:
        record: What is known of the study.
        trials: Trials of the whole search.
    """
    chosen = record.chosen
    if chosen is None:
        return max(trials - len(record.ended), 0)
    return max(len(chosen.seeds) * len(chosen.configurations) - len(record.finished), 0)


def _shown(shape: LaneShape) -> str:
    bundle: dict[str, Any] = shape.bundles[0]
    text = "{" + ", ".join(f"{name}: {value}" for name, value in bundle.items()) + "}"
    return text if shape.workers == 1 else f"{shape.workers} x {text}"
