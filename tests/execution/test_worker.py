"""A worker's answers, without a cluster: what went wrong is told as it was."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import TrialError
from study.execution.entry import WorkerSpec
from study.execution.heartbeat import Heartbeat
from study.execution.job import Assignment, Job
from study.execution.worker import Worker
from study.plan import TrialRun
from study.plan.trainlog import read_training_log
from study.training import OTHER_FAILED, Alone

CUDA = RuntimeError("CUDA error: an illegal memory access was encountered")


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    heartbeat = Heartbeat(lambda beat: None)
    heartbeat.stop()
    return Worker(Alone(), heartbeat, WorkerSpec(1, str(tmp_path / "logs"), "lane"))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    assignment = Assignment(
        run="trial/7", spec={}, rungs=(1,), data="", checkpoints=str(tmp_path), metric="f1_macro"
    )
    return Job(assignment, done=0, until=1, fresh=True)


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_args: object, **_named: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "marks"),
    [
        (TrialError("train/loss: must be finite"), {"is_expected"}),
        (TrialError(OTHER_FAILED), {"is_expected", "is_collateral"}),
        (ValueError("odd"), set()),
        (OSError(errno.ENOSPC, "No space left on device"), {"is_machine_fault"}),
        (CUDA, {"is_sick"}),
    ],
    ids=["expected", "of another rank", "odd", "full disk", "CUDA"],
)
def test_an_answer_says_whose_fault_it_was(
    worker: Worker, job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception, marks: set[str]
) -> None:
    monkeypatch.setattr(Worker, "_do", raising(error))
    answer = worker.answer(job)
    assert not answer.ok
    assert str(error) in answer.value
    assert {name for name, value in vars(answer).items() if value is True} == marks


def test_an_error_of_the_clean_up_hides_nothing(
    worker: Worker, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "_do", raising(ValueError("the trial's own")))
    monkeypatch.setattr(Worker, "_drop", raising(RuntimeError("of the clean-up")))
    answer = worker.answer(job)
    assert answer.value.startswith("ValueError: the trial's own\n")
    assert "of the clean-up" not in answer.value
    assert answer.is_sick, "who knows what is left in the process"


def test_what_failed_stands_in_the_runs_log(worker: Worker, job: Job, tmp_path: Path) -> None:
    """The data is missing: a real error of a real job."""
    answer = worker.answer(job)
    assert answer.is_machine_fault
    text = (tmp_path / "logs" / "trial-7.log").read_text("utf-8")
    assert "ERROR failed: " in text
    assert "must hold a whole prepared dataset" in text
    assert read_training_log(tmp_path / "logs", TrialRun(7)) == []
