"""The mailbox's rules, on a plain event loop: workers come, answer, die and come again."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import ray.exceptions

from study.execution import mailbox as rules
from study.execution.beat import Beat
from study.execution.group_failure import GroupFailure
from study.execution.job import Assignment, Job
from study.execution.mailbox import Mailbox
from study.execution.verdict import Answer, Verdict


def job(run: str = "trial/0") -> Job:
    assignment = Assignment(
        run=run, spec={}, rungs=(1, 3), data="", checkpoints=str(Path("/x")), metric="f1_macro"
    )
    return Job(assignment, done=0, until=1, fresh=True)


class Handle:
    """Stands for a worker's actor handle: answers a ping, never, or with its death."""

    def __init__(self, *, dead: bool = False) -> None:
        self.dead = dead

    @property
    def __ray_ready__(self) -> "Handle":
        return self

    async def remote(self) -> None:
        if self.dead:
            raise ray.exceptions.RayActorError


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


async def take(box: Mailbox, rank: int, attempt: str, seen: int = 0, *, dead: bool = False) -> Any:
    handle = Handle(dead=dead)
    return await box.next(rank, attempt, handle, pid=100 + rank, seen=seen)


DEAD = GroupFailure(error="the actor died", dead=(0,))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SILENT_S", 0.1)


def test_a_job_is_handed_to_every_rank_and_rank_zeros_answer_comes_back() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        (sequence, one), (_, two) = await asyncio.gather(take(box, 0, "a"), take(box, 1, "b"))
        assert one == two == job()
        await box.post(sequence, 1, "b", Answer(ok=True, value="of rank 1"))
        await settle()
        assert not call.done()
        await box.post(sequence, 0, "a", Answer(ok=True, value="of rank 0"))
        assert await call == Verdict(ok=True, value="of rank 0")

    run(scenario())


def test_no_rank_starts_before_all_are_there() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        first = asyncio.ensure_future(take(box, 0, "a"))
        await settle()
        assert not first.done()
        await take(box, 1, "b")
        await first
        call.cancel()

    run(scenario())


def test_the_next_job_is_not_the_last_one_again() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        sequence = 0
        for run_name in ("trial/0", "trial/1"):
            call = asyncio.ensure_future(box.call(job(run_name)))
            sequence, given = await take(box, 0, "a", sequence)
            assert given.assignment.run == run_name
            await box.post(sequence, 0, "a", Answer(ok=True, value=None))
            await call

    run(scenario())


def test_a_group_started_anew_gets_the_unfinished_job_and_the_dead_are_not_heard() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        sequence, _ = await take(box, 0, "first")
        assert await box.group_failed(DEAD)
        again, given = await take(box, 0, "second")
        assert (again, given) == (sequence, job())
        await box.post(sequence, 0, "first", Answer(ok=True, value="of the dead"))
        await settle()
        assert not call.done()
        await box.post(sequence, 0, "second", Answer(ok=True, value="of the living"))
        assert await call == Verdict(ok=True, value="of the living")

    run(scenario())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_whose_workers_die_twice_fails_and_the_group_is_healthy(workers: int) -> None:
    async def scenario() -> None:
        box = Mailbox(workers, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        for attempt in range(2):
            names = [f"{attempt}-{rank}" for rank in range(workers)]
            await asyncio.gather(*(take(box, rank, name) for rank, name in enumerate(names)))
            assert await box.group_failed(DEAD)
        third = asyncio.ensure_future(take(box, 0, "third"))
        verdict = await call
        assert not verdict.ok
        assert verdict.healthy
        assert not verdict.is_machine_fault
        text = "workers died 2 times in this rung: rank 0 died: killed, or gone without a word"
        assert verdict.value.splitlines()[0] == f"{text}; its log is empty"
        assert not third.done(), "the poisonous job was handed out a third time"
        third.cancel()

    run(scenario())


def test_a_death_between_jobs_counts_for_none() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        for attempt in range(4):
            waiting = asyncio.ensure_future(take(box, 0, f"idle {attempt}"))
            await settle()
            waiting.cancel()
            box._has_worked = True
            assert await box.group_failed(DEAD)
        call = asyncio.ensure_future(box.call(job()))
        sequence, _ = await take(box, 0, "alive")
        await box.post(sequence, 0, "alive", Answer(ok=True, value=1))
        assert (await call).ok

    run(scenario())


def test_an_error_of_one_rank_while_the_other_lives_and_waits_fails_the_job() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        (sequence, _), _ = await asyncio.gather(take(box, 0, "a"), take(box, 1, "b"))
        await box.post(sequence, 1, "b", Answer(ok=False, value="boom"))
        assert await call == Verdict(ok=False, value="boom", healthy=False)

    run(scenario())


def test_an_error_because_the_other_rank_died_is_not_the_jobs_fault() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        await asyncio.gather(take(box, 0, "a", dead=True), take(box, 1, "b"))
        await box.post(1, 1, "b", Answer(ok=False, value="connection closed by peer"))
        await asyncio.sleep(0.5)
        assert not call.done()
        await box.group_failed(DEAD)
        await asyncio.gather(take(box, 0, "a2"), take(box, 1, "b2"))
        for rank, attempt in enumerate(("a2", "b2")):
            await box.post(1, rank, attempt, Answer(ok=True, value="done"))
        assert await call == Verdict(ok=True, value="done")

    run(scenario())


def test_an_error_of_the_only_rank_leaves_the_group_healthy() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        sequence, _ = await take(box, 0, "a")
        await box.post(sequence, 0, "a", Answer(ok=False, value="boom"))
        assert await call == Verdict(ok=False, value="boom", healthy=True)

    run(scenario())


def test_a_worker_without_heartbeats_fails_but_a_slow_start_does_not() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=0.5)
        call = asyncio.ensure_future(box.call(job()))
        await asyncio.sleep(1.5)
        assert not call.done(), "a slow start was taken for a failure"
        sequence, _ = await take(box, 0, "a")
        for _ in range(4):
            await asyncio.sleep(0.3)
            await box.beat(sequence, 0, "a", Beat("evaluating"))
        assert not call.done(), "a worker that gives signs of life was given up"
        verdict = await call
        assert (verdict.ok, verdict.healthy) == (False, False)
        assert verdict.value == "rank 0: no sign of life for 0 s while evaluating"

    run(scenario())


def test_a_training_step_must_end_though_heartbeats_come() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=0.5)
        call = asyncio.ensure_future(box.call(job()))
        (sequence, _), _ = await asyncio.gather(take(box, 0, "a"), take(box, 1, "b"))
        for step in range(10):
            await asyncio.sleep(0.2)
            # Rank 1 evaluates: however long, that is none of a step's limit.
            await box.beat(sequence, 1, "b", Beat("evaluating"))
            await box.beat(sequence, 0, "a", Beat("training", min(step, 4), 9))
            if call.done():
                break
        assert step > 5
        verdict = await call
        assert (verdict.ok, verdict.healthy) == (False, False)
        assert verdict.value == "rank 0: training step 5 of 9 took over 0 s"

    run(scenario())


def test_a_group_that_never_starts_fails_the_machine_not_the_trial() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        for attempt in range(3):
            await box.arrive(0, str(attempt), 1, "")
            await box.raised(0, str(attempt), f"ImportError: no module {attempt}\nTraceback")
            assert not call.done()
            goes_on = await box.group_failed(GroupFailure("[Rank 0]", raised={0: "wrapped"}))
            assert goes_on == (attempt < 2)
        verdict = await call
        assert (verdict.ok, verdict.is_machine_fault) == (False, True)
        text = "workers failed to start 3 times in a row: rank 0: ImportError: no module 2"
        assert verdict.value.splitlines()[0] == text

    run(scenario())


def test_a_start_that_works_forgives_those_that_failed() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        for attempt in range(5):
            call = asyncio.ensure_future(box.call(job()))
            assert await box.group_failed(GroupFailure("a port was taken"))
            assert await box.group_failed(GroupFailure("a port was taken"))
            sequence, _ = await take(box, 0, str(attempt))
            await box.post(sequence, 0, str(attempt), Answer(ok=True, value=1))
            assert (await call).ok
            assert await box.group_failed(DEAD), "an idle death counts for nothing"

    run(scenario())


def test_a_lost_machine_counts_neither_as_death_nor_start() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        lost = GroupFailure("its node has died", dead=(0,), counts=False)
        for attempt in range(4):
            await take(box, 0, str(attempt))
            assert await box.group_failed(lost)
            assert await box.group_failed(lost)
        sequence, _ = await take(box, 0, "last")
        await box.post(sequence, 0, "last", Answer(ok=True, value=1))
        assert (await call).ok

    run(scenario())


@pytest.mark.parametrize(
    ("kinds", "healthy"),
    [
        ((Answer(ok=False, value="NaN", is_expected=True),) * 2, True),
        ((Answer(ok=True, value=1), Answer(ok=False, value="x", is_expected=True)), True),
        ((Answer(ok=False, value="x", is_expected=True), Answer(ok=False, value="y")), False),
        ((Answer(ok=False, value="x", is_expected=True, is_sick=True),) * 2, False),
    ],
    ids=["all expected", "one expected", "one not expected", "sick"],
)
def test_a_group_stays_if_all_its_ranks_answered_as_expected(
    kinds: tuple[Answer, Answer], healthy: bool
) -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        (sequence, _), _ = await asyncio.gather(take(box, 0, "a"), take(box, 1, "b"))
        for rank, attempt in enumerate("ab"):
            await box.post(sequence, rank, attempt, kinds[rank])
        verdict = await call
        assert (verdict.ok, verdict.healthy) == (False, healthy)

    run(scenario())


def test_a_sick_worker_is_replaced_though_it_is_alone() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        sequence, _ = await take(box, 0, "a")
        error = Answer(ok=False, value="CUDA error", is_sick=True)
        await box.post(sequence, 0, "a", error)
        assert await call == Verdict(ok=False, value="CUDA error", healthy=False)

    run(scenario())


def test_the_most_telling_of_several_errors_speaks() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        for first in (
            Answer(ok=False, value="own", is_expected=True),
            Answer(ok=False, value="full", is_expected=True, is_machine_fault=True),
        ):
            call = asyncio.ensure_future(box.call(job()))
            seen = box._call.sequence
            (sequence, _), _ = await asyncio.gather(
                take(box, 0, "a", seen), take(box, 1, "b", seen)
            )
            other = Answer(ok=False, value="another", is_expected=True, is_collateral=True)
            await box.post(sequence, 0, "a", other)
            await box.post(sequence, 1, "b", first)
            verdict = await call
            assert verdict.value == first.value
            assert verdict.is_machine_fault == first.is_machine_fault

    run(scenario())


def test_closing_sends_the_workers_home() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        waiting = asyncio.ensure_future(take(box, 0, "a"))
        await settle()
        await box.close()
        assert await waiting == (-1, None)

    run(scenario())


def test_status_tells_who_is_there_and_what_is_done() -> None:
    async def scenario() -> None:
        box = Mailbox(2, stall_s=60)
        call = asyncio.ensure_future(box.call(job()))
        waiting = asyncio.ensure_future(take(box, 0, "a"))
        await settle()
        status = await box.status()
        assert (status["run"], status["ready"], status["workers"]) == ("trial/0", 1, 2)
        for task in (waiting, call):
            task.cancel()

    run(scenario())


def test_a_job_that_is_stopped_ends_and_its_workers_with_it() -> None:
    async def scenario() -> None:
        box = Mailbox(1, stall_s=60)
        call = asyncio.ensure_future(box.call(job("trial/3")))
        await take(box, 0, "a")
        await box.stop("trial/4")
        await settle()
        assert not call.done()
        await box.stop("trial/3")
        assert await call == Verdict(ok=False, value="stopped", healthy=False)
        again = asyncio.ensure_future(box.call(job("trial/5")))
        await settle()
        await box.stop("trial/5")
        assert (await again).healthy, "nobody had taken it"

    run(scenario())
