"""What every Ray Train worker of a lane does, from the lane's first job to its last."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import Any, final

import ray
import ray.train
import torch
import torch.distributed as dist
from ray.train.torch import get_device

from study.data import PreparedData
from study.errors import StudyError
from study.execution.beat import Beat
from study.execution.entry import Member, WorkerSpec
from study.execution.faults import is_device_fault, is_machine_fault
from study.execution.group_failure import told
from study.execution.heartbeat import Heartbeat
from study.execution.job import Job
from study.execution.verdict import Answer
from study.plan.runs import parse_trained
from study.plan.trainlog import EpochLog, TrainingLog
from study.training import OTHER_FAILED, Alone, Trial, Workers, World


def work(mailbox: Any, spec: WorkerSpec, member: Member) -> None:
    """Take jobs from the mailbox until it closes.

    Args:
        mailbox: Handle of the lane's :class:`study.execution.mailbox.Mailbox` actor.
        spec: What the worker is told.
        member: This process in its group.
    """
    torch.set_num_threads(spec.threads)
    rank, attempt, sequence = member.rank, member.attempt, 0

    def send(beat: Beat) -> None:
        if member.log is not None:
            member.log.trim()
        mailbox.beat.remote(sequence, rank, attempt, beat)

    heartbeat = Heartbeat(send)
    worker = Worker(_world(), heartbeat, spec)
    actor = ray.get_runtime_context().current_actor
    try:
        while True:
            asked = mailbox.next.remote(rank, attempt, actor, os.getpid(), sequence)
            sequence, job = ray.get(asked)
            if job is None:
                return
            ray.get(mailbox.post.remote(sequence, rank, attempt, worker.answer(job)))
    finally:
        heartbeat.stop()


def _world() -> World:
    device = get_device()
    return Workers(device) if dist.get_world_size() > 1 else Alone(device)


@final
class Worker:
    """Does jobs, and holds the trial of the last one."""

    def __init__(self, world: World, heartbeat: Heartbeat, spec: WorkerSpec) -> None:
        self._world = world
        self._heartbeat = heartbeat
        self._spec = spec
        self._log: TrainingLog | None = None
        """Of the run at hand, on rank zero."""
        self._trial: Trial | None = None
        self._held: tuple[str, int] | None = None
        """Run and epochs done of the trial that this process holds."""

    def answer(self, job: Job) -> Answer:
        """Do one job. An error of any kind is an answer, not the end of the worker."""
        self._heartbeat.begin()
        self._log = self._log_of(job)
        try:
            return Answer(ok=True, value=self._do(job))
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            # Put into words first: after a CUDA error cleaning up raises another one.
            text, is_expected = told(error), isinstance(error, StudyError)
            is_machine, is_sick = is_machine_fault(error), is_device_fault(error)
        self._say(f"failed: {text}", "ERROR")
        return Answer(
            ok=False,
            value=text,
            is_expected=is_expected,
            is_machine_fault=is_machine,
            is_collateral=text == OTHER_FAILED,
            is_sick=not self._cleaned_up() or is_sick,
        )

    def _log_of(self, job: Job) -> TrainingLog | None:
        if self._world.rank > 0 or not self._spec.logs:
            return None
        return TrainingLog(Path(self._spec.logs), parse_trained(job.assignment.run))

    def _say(self, text: str, level: str = "INFO") -> None:
        if self._log is not None:
            self._log.say(text, level)

    def _do(self, job: Job) -> dict[str, Any]:
        """Train to the job's rung, write its checkpoint, and finish a finalist."""
        data = PreparedData(Path(job.assignment.data))
        metrics = self._take_up(job, data)
        trial = self._trial
        if trial is None:
            raise RuntimeError("no trial was built")
        self._held = None
        if job.until > job.done:
            metrics = self._train(trial, job)
        outcome = self._finish(trial, job) if job.finishes else None
        self._held = (job.assignment.run, job.until)
        return {"metrics": metrics, "outcome": outcome}

    def _take_up(self, job: Job, data: PreparedData) -> dict[str, float]:
        """Hold the job's trial at the job's epoch: kept from the last job, or built and loaded."""
        if not job.fresh and self._held == (job.assignment.run, job.done):
            return {}
        self._drop()
        assignment = job.assignment
        self._say(f"{assignment.run} begins after epoch {job.done} on {self._world.size} workers")
        self._trial = Trial(
            assignment.trial_spec(),
            data,
            self._world,
            metric=assignment.metric,
            digest=assignment.digest or None,
            progress=self._heartbeat,
            note_epoch=self._note_epoch,
        )
        return self._trial.load(assignment.checkpoint(job.done)) if job.done else {}

    def _note_epoch(self, line: EpochLog) -> None:
        if self._log is not None:
            self._log.write(line)

    def _train(self, trial: Trial, job: Job) -> dict[str, float]:
        start = time.monotonic()
        metrics = trial.advance(job.until)
        metrics["perf/seconds"] = time.monotonic() - start
        # On disk before it is reported: what was reported can always be resumed from.
        trial.save(job.assignment.checkpoint(job.until), metrics)
        value = metrics[f"val/{job.assignment.metric}"]
        self._say(f"evaluated after epoch {job.until}: val/{job.assignment.metric} {value:.4f}")
        return metrics

    def _finish(self, trial: Trial, job: Job) -> dict[str, Any]:
        assignment = job.assignment
        outcome = trial.finish(Path(assignment.finish or ""), assignment.provenance or {})
        return outcome.model_dump(include={"val", "test", "scorer", "threshold", "seconds"})

    def _cleaned_up(self) -> bool:
        """Return whether what a failed job left behind is gone."""
        try:
            self._drop()
        except Exception:  # noqa: BLE001 - the process is replaced, whatever it is
            return False
        return True

    def _drop(self) -> None:
        """Forget the trial and whatever it may have left behind in this process."""
        self._trial = self._held = None
        gc.collect()
        torch.set_num_threads(self._spec.threads)
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
