"""A lane: the Tune actor that takes one trial after another into one warm worker group.

Tune calls ``setup`` once per actor, ``reset_config`` once per further trial and ``step``
once per rung. An error of a trial is reported, never raised: Tune gives the actor of a
trial that raised to nobody else, and the lane would have to be started anew.
"""

from __future__ import annotations

import functools
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import ray
import ray.exceptions
from ray import tune
from ray.tune import PlacementGroupFactory

from study.errors import StudyError
from study.execution.entry import WorkerSpec, enter
from study.execution.group_failure import GroupFailure, shortened
from study.execution.job import Assignment, Job, Report
from study.execution.mailbox import Mailbox
from study.execution.names import MAILBOX_PREFIX, PAYLOAD
from study.execution.train import TrainRun
from study.execution.verdict import Verdict


@final
@dataclass(frozen=True)
class LaneSpec:
    """What every lane of a study is."""

    workers: int
    cpus_per_worker: int
    gpus_per_worker: int
    folder: str
    """For Ray Train's own files."""
    logs: str = ""
    """Folder of the workers' logs; the same path on every node. Empty: they keep none."""
    stall_s: float = 1800.0
    """Time limit of a training step, and of the silence of a worker; see beat.py."""

    @property
    def worker_resources(self) -> dict[str, float]:
        """Return what one worker takes, as Ray names it."""
        found: dict[str, float] = {"CPU": self.cpus_per_worker}
        return found | ({"GPU": self.gpus_per_worker} if self.gpus_per_worker else {})

    def placement(self) -> PlacementGroupFactory:
        """Return what Tune reserves: the workers' resources; the actor itself takes none."""
        return PlacementGroupFactory([{}, *([self.worker_resources] * self.workers)])


@final
class Lane(tune.Trainable):  # type: ignore[misc]
    """See the module's docstring; ``config`` holds ``lane`` and ``assignment``."""

    def setup(self, config: dict[str, Any]) -> None:
        """Start the worker group; it takes seconds, on a busy machine many."""
        spec: LaneSpec = config["lane"]
        name = f"{MAILBOX_PREFIX}{self.trial_id}-{ray.get_runtime_context().get_actor_id()}"
        actor = ray.remote(num_cpus=0, max_concurrency=1000)(Mailbox)
        self._mailbox = actor.options(name=name).remote(spec.workers, spec.stall_s)
        self._logs = spec.logs
        told = WorkerSpec(threads=spec.cpus_per_worker, logs=spec.logs, lane=self.trial_id)
        self._run = TrainRun(
            functools.partial(enter, self._mailbox, told),
            workers=spec.workers,
            resources=spec.worker_resources,
            folder=spec.folder,
            on_failure=self._tell_failure,
        )
        self.reset_config(config)

    def _tell_failure(self, failure: GroupFailure) -> bool:
        """Tell the mailbox, from Train's thread, why a group ended."""
        goes_on: bool = ray.get(self._mailbox.group_failed.remote(failure))
        death = ray.get(self._mailbox.last_death.remote())
        if death is not None and self._logs:
            from study.plan.runs import parse_trained
            from study.plan.trainlog import TrainingLog

            run = parse_trained(self._assignment.run)
            TrainingLog(Path(self._logs), run).say(f"workers died: {death}", "WARNING")
        return goes_on

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial; its workers build it with the first job."""
        self._assignment: Assignment = new_config["assignment"]
        self._stored = _last_report(self._assignment)
        self._done = self._stored.epoch if self._stored else 0
        self._fresh = True
        return True

    def step(self) -> dict[str, Any]:
        """Take the trial to its next rung."""
        report = self._stored or self._next()
        self._stored = None
        is_last = report.epoch == self._assignment.rungs[-1]
        waits = self._assignment.finish is not None and report.outcome is None
        done = report.failed is not None or (is_last and not waits)
        return {PAYLOAD: json.dumps(asdict(report)), "done": done, "epoch": report.epoch}

    def _next(self) -> Report:
        until = self._assignment.next_rung(self._done)
        verdict = self._call(Job(self._assignment, self._done, until, fresh=self._fresh))
        if not verdict.ok:
            if not verdict.healthy:
                ray.get(self._mailbox.kill_group.remote())
            return Report(
                self._assignment.run,
                self._done,
                {},
                failed=str(verdict.value),
                is_machine_fault=verdict.is_machine_fault,
            )
        self._done, self._fresh = until, False
        return Report(self._assignment.run, until, **verdict.value)

    def _call(self, job: Job) -> Verdict:
        answer = self._mailbox.call.remote(job)
        is_over = False
        while not ray.wait([answer], timeout=1.0)[0]:
            if is_over:
                text = f"the worker group ended: {shortened(str(self._run.ended))}"
                return Verdict(ok=False, value=text, is_machine_fault=True)
            # Once more round: the mailbox may just be about to say why.
            is_over = not self._run.alive
        verdict: Verdict = ray.get(answer)
        return verdict

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: the workers wrote the checkpoint before they reported."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Do nothing: the latest checkpoint on disk is the one to go on from."""

    def cleanup(self) -> None:
        """Send the workers home; what does not go in time dies with this process."""
        try:
            ray.get(self._mailbox.close.remote(), timeout=3)
            self._run.join(5)
        except (ray.exceptions.RayError, TimeoutError):
            return


def _last_report(assignment: Assignment) -> Report | None:
    """Return the report of the latest checkpoint on disk, which may have been lost on its way.

    One that is torn, or of another trial, is passed over: the run resumes from the one before.
    """
    from study.training import whole_facts

    for rung in reversed(assignment.rungs):
        folder = assignment.checkpoint(rung)
        if folder.is_dir():
            with suppress(StudyError):
                facts = whole_facts(folder, assignment.digest)
                return Report(assignment.run, rung, facts.metrics)
    return None
