"""Real lanes on a real local Ray, given runs one after another by a script."""

from __future__ import annotations

import os
import textwrap
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from study.data import prepare
from study.errors import StudyError
from study.execution.cluster import start
from study.execution.conductor import Conductor, Nothing
from study.execution.job import Assignment, Report
from study.execution.run import run_lanes
from study.execution.watch import LaneStatus, watching
from study.plan import ResourcesSpec, StudySpec, TrialRun, TrialSpec, digest_of, load, plan_lanes

LOAD = """
import sys
from importlib.machinery import PathFinder

class After:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "study.execution.worker":
            return None
        sys.meta_path.remove(After)
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        def run(module):
            load(module)
            patch(module)
        spec.loader.exec_module = run
        return spec

sys.meta_path.insert(0, After)

def patch(worker):
"""
"""Runs ``patch`` in every process that has imported the worker's module."""


@dataclass
class Script:
    """Takes the conductor's place: given runs, one after another, each to its end."""

    waiting: deque[Assignment]
    reports: list[Report] = field(default_factory=list)
    interrupted: StudyError | None = None
    lost: list[str] = field(default_factory=list)
    live: Assignment | None = None

    def expire(self) -> list[TrialRun]:
        return []

    def next(self) -> Assignment | Nothing:
        if self.live is not None:
            return Nothing.YET
        self.live = self.waiting.popleft() if self.waiting else None
        return self.live or Nothing.EVER

    def hear(self, report: Report) -> bool:
        self.reports.append(report)
        if report.failed is not None or (self.live and report.epoch == self.live.rungs[-1]):
            self.live = None
        return report.failed is None

    def lose(self, run: str, reason: str) -> None:
        self.lost.append(run)


@dataclass
class Lanes:
    """A study's folder, and what came of its runs."""

    folder: Path
    spec: StudySpec
    data: Path
    reports: list[Report] = field(default_factory=list)
    seen: list[LaneStatus] = field(default_factory=list)

    def assignment(
        self, number: int, rungs: Sequence[int] = (1, 2), **trial: object
    ) -> Assignment:
        settings = self.spec.trial.model_dump(mode="json") | dict(trial)
        dataset = self.spec.dataset.model_dump(mode="json")
        given: Mapping[str, object] = settings | {"dataset": dataset, "epochs": rungs[-1]}
        spec = TrialSpec.model_validate_json(_json(given))
        return Assignment(
            run=f"trial/{number}",
            spec=spec.model_dump(mode="json"),
            digest=digest_of(spec),
            rungs=tuple(rungs),
            data=str(self.data),
            checkpoints=str(self.folder / "checkpoints" / f"trial-{number}"),
            metric="f1_macro",
        )

    def run(self, *assignments: Assignment, **resources: object) -> list[Report]:
        """Run them on one lane; return all reports."""
        script = Script(deque(assignments))
        given = ResourcesSpec.model_validate({"lanes": 1, **resources})
        conductor, logs = cast("Conductor", script), self.folder / "logs"
        with (
            start("local", self.folder / "ray.log", cpus=2) as cluster,
            watching(self.seen.extend),
        ):
            plan = plan_lanes(given, cluster.nodes(), trials=1)
            stall_s = 60 * given.stall_minutes
            run_lanes(conductor, plan.shape, cluster, lambda: 1, logs=logs, stall_s=stall_s)
        assert not script.lost
        self.reports += script.reports
        return script.reports

    def logs(self) -> dict[str, str]:
        return {path.name: path.read_text("utf-8") for path in (self.folder / "logs").iterdir()}


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def make_lanes(folder: Path) -> Lanes:
    spec = load(Path("search_spaces/interface.yaml"), ["dataset.train_fraction=0.1"])
    encoder, dataset = spec.trial.encoder, spec.dataset.open()
    data = prepare(dataset, encoder.preprocess(), encoder.preprocess_key(), folder / "cache")
    return Lanes(folder, spec, data)


@contextmanager
def in_workers(folder: Path, code: str) -> Iterator[None]:
    """Have every worker process run ``code`` once it has imported its module, ``worker``."""
    place = folder / "injected"
    place.mkdir()
    body = textwrap.indent(textwrap.dedent(code), "    ")
    (place / "sitecustomize.py").write_text(LOAD + body, encoding="utf-8")
    path = os.pathsep.join([str(place), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        yield
