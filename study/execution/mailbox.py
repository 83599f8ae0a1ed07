"""The mailbox between a lane's Tune actor and its Ray Train workers.

Workers ask for the next job and post their answers; the Tune actor calls with one job and
waits. When Train has started a worker group again, its workers ask again and get the
unfinished job. This module does not import torch, so that the mailbox's process stays small
and starts quickly.

Train's controller says of every group that ended why it did. A group that had taken a job
died of it: after ``MAX_DEATHS`` the job has failed, and the trial with it. A group that never
took one failed to start: after ``MAX_STARTS`` in a row the machine has failed. A slow start
is none of the two, however long it takes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

from study.execution.beat import Beat, Pulse
from study.execution.group_failure import GroupFailure, last_words
from study.execution.verdict import Answer, Verdict, failed

if TYPE_CHECKING:
    from study.execution.job import Job

MAX_DEATHS = 2
"""How often workers may die of one job: it is retried once."""

MAX_STARTS = 3
"""How often in a row a worker group may fail before it takes a job."""

SILENT_S = 2.0
"""How long a silent rank gets after another one failed, before it is asked for a sign of life."""


@final
@dataclass
class _Worker:
    attempt: str
    actor: Any
    pid: int


@final
@dataclass
class _Call:
    """The job at hand and how far it is."""

    sequence: int = 0
    job: Job | None = None
    taken: set[int] = field(default_factory=set)
    answers: dict[int, Answer] = field(default_factory=dict)
    pulses: dict[int, Pulse] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)
    """How groups died of it."""
    is_stopped: bool = False
    """Whether nobody wants its result any more."""


class Mailbox:
    """An asynchronous actor; every method runs on one event loop, so no locks are needed."""

    def __init__(self, workers: int, stall_s: float) -> None:
        self._size = workers
        self._stall_s = stall_s
        self._workers: dict[int, _Worker] = {}
        self._logs: dict[int, str] = {}
        self._raised: dict[int, str] = {}
        self._call = _Call()
        self._has_worked = False
        """Whether the present group ever took a job."""
        self._starts: list[str] = []
        """Why the latest groups failed to start."""
        self._closed = False
        self._heard = time.monotonic()
        self._changed = asyncio.Condition()

    # What workers say.

    async def arrive(self, rank: int, attempt: str, pid: int, log: str) -> None:
        """Take note of a process that has only begun to load what it needs."""
        self._meet(rank, _Worker(attempt, None, pid))
        self._logs[rank] = log
        await self._wake()

    async def raised(self, rank: int, attempt: str, error: str) -> None:
        """Take the error that a worker's process ends with, outside of any job."""
        if self._is_current(rank, attempt):
            self._raised.setdefault(rank, error)
        await self._wake()

    async def next(self, rank: int, attempt: str, actor: Any, pid: int, seen: int) -> Any:
        """Return ``(sequence, job)`` once there is one after ``seen``; job None means: leave.

        Args:
            rank: Of the worker that asks.
            attempt: Unique per worker process; a new one means that Train restarted the group.
            actor: The worker's actor handle.
            pid: Its process, for tests and messages.
            seen: Sequence of the last job it did; a new process has seen none.
        """
        self._meet(rank, _Worker(attempt, actor, pid))
        await self._wake()
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._is_due(seen))
        if self._closed or not self._is_current(rank, attempt):
            return -1, None
        self._take(rank)
        await self._wake()
        return self._call.sequence, self._call.job

    def _meet(self, rank: int, worker: _Worker) -> None:
        known = self._workers.get(rank)
        if known is not None and known.attempt != worker.attempt:
            # Train restarts a group as a whole: nobody of the old one is left.
            self._forget_group()
        self._workers[rank] = worker

    def _take(self, rank: int) -> None:
        now = time.monotonic()
        self._call.taken.add(rank)
        self._call.pulses[rank] = Pulse(Beat("building"), now, now)
        self._has_worked = True
        self._starts.clear()

    def _is_due(self, seen: int) -> bool:
        """Only a whole group starts: a rank that came alone would wait in a collective."""
        call = self._call
        wanted = call.job is not None and call.sequence > seen and len(call.deaths) < MAX_DEATHS
        return wanted and self._ready() == self._size

    def _ready(self) -> int:
        return sum(worker.actor is not None for worker in self._workers.values())

    async def post(self, sequence: int, rank: int, attempt: str, answer: Answer) -> None:
        """Take one rank's answer; an answer to an older job or of a dead process is dropped."""
        if sequence == self._call.sequence and self._is_current(rank, attempt):
            self._call.answers[rank] = answer
            await self._wake()

    def _is_current(self, rank: int, attempt: str) -> bool:
        worker = self._workers.get(rank)
        return worker is not None and worker.attempt == attempt

    async def beat(self, sequence: int, rank: int, attempt: str, beat: Beat) -> None:
        """Take a heartbeat."""
        if not self._is_current(rank, attempt):
            return
        self._heard = time.monotonic()
        pulse = self._call.pulses.get(rank)
        if sequence == self._call.sequence and pulse is not None:
            pulse.hear(beat, self._heard)

    # What Train's controller says.

    async def group_failed(self, failure: GroupFailure) -> bool:
        """Take note that a group ended; return whether another one shall be started."""
        raised = {**failure.raised, **self._raised}
        how = last_words(replace(failure, raised=raised), self._logs)
        if failure.counts and self._call.job is not None and self._call.taken:
            self._call.deaths.append(how)
        elif failure.counts and not self._has_worked:
            self._starts.append(how)
        self._forget_group()
        await self._wake()
        return len(self._starts) < MAX_STARTS

    async def last_death(self) -> str | None:
        """Return how the last group died of the job at hand; None if none did."""
        return self._call.deaths[-1] if self._call.deaths else None

    def _forget_group(self) -> None:
        call = self._call
        for known in (self._workers, self._logs, self._raised, call.taken, call.answers):
            known.clear()
        call.pulses.clear()
        self._has_worked = False

    # What the lane asks.

    async def call(self, job: Job) -> Verdict:
        """Hand out one job and return what all ranks made of it."""
        self._call = _Call(sequence=self._call.sequence + 1, job=job)
        await self._wake()
        try:
            while True:
                verdict = await self._verdict()
                if verdict is not None:
                    return verdict
                await self._wait(1.0)
        finally:
            self._call.job = None

    async def stop(self, run: str) -> None:
        """End the job at hand if it is of ``run``: the study has no time left for it."""
        job = self._call.job
        if job is not None and job.assignment.run == run:
            self._call.is_stopped = True
            await self._wake()

    async def _verdict(self) -> Verdict | None:
        if self._call.is_stopped:
            # Workers in the middle of a step do not listen: they have to be killed.
            return Verdict(ok=False, value="stopped", healthy=not self._call.taken)
        answers = self._call.answers
        has_wrong = not all(answer.ok for answer in answers.values())
        if len(answers) == self._size and not has_wrong:
            return Verdict(ok=True, value=answers[0].value)
        if has_wrong and not await self._a_rank_died():
            return failed(answers, self._size)
        return self._died() or self._stalled()

    def _died(self) -> Verdict | None:
        deaths = self._call.deaths
        if len(deaths) >= MAX_DEATHS:
            text = f"workers died {MAX_DEATHS} times in this rung: {deaths[-1]}"
            return Verdict(ok=False, value=text)
        if len(self._starts) >= MAX_STARTS:
            text = f"workers failed to start {MAX_STARTS} times in a row: {self._starts[-1]}"
            return Verdict(ok=False, value=text, is_machine_fault=True)
        return None

    def _stalled(self) -> Verdict | None:
        call, now = self._call, time.monotonic()
        if len(call.taken) < self._size:
            return None
        for rank, pulse in sorted(call.pulses.items()):
            stall = None if rank in call.answers else pulse.stall(now, self._stall_s)
            if stall is not None:
                return Verdict(ok=False, value=f"rank {rank}: {stall}", healthy=False)
        return None

    async def _a_rank_died(self) -> bool:
        """Return whether a silent rank is dead; then the others' errors are its doing."""
        import ray.exceptions

        end = time.monotonic() + SILENT_S
        while time.monotonic() < end and 0 < len(self._call.answers) < self._size:
            await asyncio.sleep(0.05)
        for rank, worker in list(self._workers.items()):
            if rank in self._call.answers:
                continue
            try:
                await asyncio.wait_for(worker.actor.__ray_ready__.remote(), SILENT_S)
            except TimeoutError:
                continue
            except ray.exceptions.RayActorError:
                self._call.answers.clear()
                return True
        return not self._call.answers

    async def status(self) -> dict[str, Any]:
        """Return what the lane is doing, for whoever watches."""
        call = self._call
        pulse = call.pulses.get(0)
        beat = pulse.beat if pulse else Beat("starting")
        return {
            "run": call.job.assignment.run if call.job else None,
            "phase": beat.phase,
            "step": beat.step,
            "steps": beat.steps,
            "ready": self._ready(),
            "workers": self._size,
            "silent_s": time.monotonic() - self._heard,
        }

    async def pids(self) -> dict[int, int]:
        """Return the process of every rank."""
        return {rank: worker.pid for rank, worker in self._workers.items()}

    async def kill_group(self) -> None:
        """Kill the workers; Train sees that and starts the group again."""
        import ray

        for worker in self._workers.values():
            if worker.actor is not None:
                ray.kill(worker.actor)
        # A job that comes before Train has noticed must wait for the next group.
        self._workers.clear()

    async def close(self) -> None:
        """Send the workers home."""
        self._closed = True
        await self._wake()

    async def _wake(self) -> None:
        self._heard = time.monotonic()
        async with self._changed:
            self._changed.notify_all()

    async def _wait(self, seconds: float) -> None:
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait(), seconds)
            except TimeoutError:
                return
