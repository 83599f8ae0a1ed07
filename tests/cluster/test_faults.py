"""Faults inside a study: a trial fails, the study does not."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from real_studies import Studies, train_workers

from study.plan import AnyEvent, LanesPlanned, RungReached, TrialEnded

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_a_loss_that_is_not_finite_fails_its_trials_and_the_rest_goes_on(
    studies: Studies,
) -> None:
    """Half the learning rates are absurd: their trials fail, the others make a winner."""
    code, _ = studies.run(
        *studies.run_words(space__optimizer__learning_rate="[1e30, 0.02]", budget__trials="8")
    )
    assert code == 0, studies.log()
    trials = studies.show()["trials"]
    failed = [trial for trial in trials if trial["state"] == "FAIL"]
    assert failed
    assert all(trial["params"]["optimizer.learning_rate"] == 1e30 for trial in failed)
    assert all("must be finite" in trial["reason"] for trial in failed)
    assert all(trial["value"] is None for trial in failed)


def test_a_study_whose_every_trial_fails_says_so_and_exits_with_1(studies: Studies) -> None:
    code, _ = studies.run(
        *studies.run_words(space__optimizer__learning_rate="[1e30]", budget__trials="3")
    )
    assert code == 1
    assert "every trial failed" in studies.log()
    shown = studies.show()
    assert shown["state"] == "FAILED"
    assert shown["winner"] is None


@pytest.mark.timeout(400)
def test_a_killed_worker_costs_a_retry_and_a_second_kill_the_trial(studies: Studies) -> None:
    words = studies.run_words(
        trial__epochs="400", stop__rule="never", stop__rungs="[1]", budget__trials="1",
        resources__lanes="1", finalists__seeds="1", dataset__train_fraction="1.0",
    )  # fmt: skip
    process = studies.start(*words)
    studies.wait_for(process, lambda events: _reached(events) >= 1)
    killed: set[int] = set()
    end = time.monotonic() + 240
    while not _count(studies.events(), TrialEnded):
        assert time.monotonic() < end, studies.log()
        killed |= kill_new_workers(process.pid, killed)
    process.communicate(timeout=60)
    (trial,) = studies.show()["trials"]
    assert trial["state"] == "FAIL"
    # SIGKILL leaves no word; what it was at stands in the run's own log.
    text = "workers died 2 times in this rung: rank 0 died: killed by a signal, or exited"
    assert trial["reason"].startswith(text)
    code, out = studies.run("logs", "interface", "0", timeout_s=60)
    assert code == 0
    assert out.count("WARNING workers died: rank 0 died") == 2


def kill_new_workers(pid: int, known: set[int]) -> set[int]:
    """Kill the study's Train workers that are not known, some seconds into their work."""
    new = [worker for worker in train_workers(pid) if worker.pid not in known]
    time.sleep(8 if new else 0.2)
    for worker in new:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    return {worker.pid for worker in new}


def _reached(events: list[AnyEvent]) -> int:
    return _count(events, RungReached)


def _count(events: list[AnyEvent], kind: type[AnyEvent]) -> int:
    return sum(isinstance(event, kind) for event in events)


def _burn(seconds: int) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """As many busy processes as cores."""
    context = multiprocessing.get_context("spawn")
    cores = len(os.sched_getaffinity(0))
    busy = [context.Process(target=_burn, args=(400,), daemon=True) for _ in range(cores)]
    for process in busy:
        process.start()
    yield
    for process in busy:
        process.kill()
        process.join()


@pytest.mark.timeout(500)
@pytest.mark.usefixtures("busy_machine")
def test_beside_as_many_busy_processes_as_cores_a_study_goes_on(studies: Studies) -> None:
    code, _ = studies.run(*studies.run_words(budget__trials="4"), timeout_s=450)
    assert code == 0, studies.log()
    assert studies.show()["state"] == "FINISHED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_interrupted_study_says_how_to_resume_and_leaves_nothing(
    studies: Studies, number: signal.Signals
) -> None:
    """Ctrl-C comes again and again, to all processes, as from an impatient terminal."""
    send = os.killpg if number == signal.SIGINT else os.kill
    scratch = set(Path("/tmp").glob("study-*"))
    process = studies.start(*studies.run_words(budget__trials="40"))
    studies.wait_for(process, lambda events: _reached(events) >= 1)
    children = psutil.Process(process.pid).children(recursive=True)
    while process.poll() is None:
        with suppress(ProcessLookupError):
            send(process.pid, number)
        time.sleep(0.2)
    process.communicate(timeout=60)
    assert process.returncode == 1
    log = studies.log()
    hint = f"study resume interface --storage {studies.storage}"
    assert f"interrupted; what was done is kept; `{hint}` resumes it" in log
    assert "stopping: workers and Ray are shut down" in log
    assert "Traceback" not in log
    assert studies.show()["state"] == "INTERRUPTED"
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert set(Path("/tmp").glob("study-*")) <= scratch, "a scratch folder was left"
    code, _ = studies.run("resume", "interface", "--set", "budget.trials=3", timeout_s=200)
    assert code == 0, studies.log()
    assert studies.show()["state"] == "FINISHED"


def test_failed_trials_are_run_again_when_asked(studies: Studies) -> None:
    code, _ = studies.run(
        *studies.run_words(space__optimizer__learning_rate="[1e30]", budget__trials="3")
    )
    assert code == 1
    assert f"`study show interface --storage {studies.storage}` says what failed" in studies.log()
    shown = studies.show()
    assert shown["state"] == "FAILED"
    assert Path(shown["report"]).exists(), "a failed study has a report too"
    _, out = studies.run("show", "interface", timeout_s=60)
    assert "failed: trial 0, trial 1, trial 2: train/loss: must be finite" in out
    assert f"--retry failed --storage {studies.storage}` runs again what failed" in out
    code, _ = studies.run("resume", "interface", "--retry", "failed")
    assert code == 1
    kinds = [type(event).__name__ for event in studies.events()]
    assert kinds.count("RunRetried") == 3
    assert kinds.count("TrialEnded") == 6
    assert kinds.count("TrialStarted") == 3


def test_the_hours_end_a_trial_in_the_middle_of_its_training(studies: Studies) -> None:
    """400 epochs without a rung take minutes, the study has 36 s."""
    words = studies.run_words(
        trial__epochs="4000", stop="{rule: never, rungs: [1]}", budget__trials="2",
        budget__hours="0.01", resources__lanes="1", finalists__seeds="1",
        dataset__train_fraction="1.0",
    )  # fmt: skip
    process = studies.start(*words)
    studies.wait_for(process, lambda events: _count(events, TrialEnded) >= 1)
    (trial, *_) = studies.show()["trials"]
    assert (trial["state"], trial["epoch"]) == ("PRUNED", 1)
    assert trial["reason"] == "budget.hours is used up"
    assert trial["value"] is not None
    # Its workers were stopped: the finalists are at work within seconds.
    studies.wait_for(process, lambda events: "finalist" in str(events[-1]), timeout_s=60)


def test_workers_are_not_niced(studies: Studies) -> None:
    process = studies.start(*studies.run_words(budget__trials="2"))
    studies.wait_for(process, lambda events: _count(events, LanesPlanned) == 1)
    studies.wait_for(process, lambda events: _reached(events) >= 1)
    niceness = [worker.nice() for worker in train_workers(process.pid)]
    process.communicate(timeout=120)
    assert niceness
    assert set(niceness) == {0}


def test_a_page_that_cannot_be_written_ends_no_study(studies: Studies) -> None:
    (studies.storage / "interface").mkdir()
    (studies.storage / "interface" / "report").write_text("in the way", encoding="utf-8")
    code, _ = studies.run(*studies.run_words(budget__trials="3"))
    assert code == 0, studies.log()
    assert "no report: " in studies.log()
    assert "`study report interface` writes it" in studies.log()
    shown = studies.show()
    assert (shown["state"], shown["report"]) == ("FINISHED", None)
    assert shown["model"] is not None


def test_the_first_error_is_the_one_that_is_shown(studies: Studies) -> None:
    """Every trial fails, and then the page cannot be written either."""
    (studies.storage / "interface").mkdir()
    (studies.storage / "interface" / "report").write_text("in the way", encoding="utf-8")
    words = studies.run_words(space__optimizer__learning_rate="[1e30]", budget__trials="2")
    code, _ = studies.run(*words)
    assert code == 1
    assert "StudyError\nevery trial failed" in studies.log()
    assert "every trial failed" in studies.show()["reason"]


def test_a_disk_that_fails_interrupts_and_the_study_resumes(studies: Studies) -> None:
    """A file in the place of the checkpoints' folder: no trial can do anything about it."""
    (studies.storage / "interface").mkdir()
    wall = studies.storage / "interface" / "checkpoints"
    wall.write_text("in the way", encoding="utf-8")
    code, _ = studies.run(*studies.run_words(budget__trials="3"))
    assert code == 1
    shown = studies.show()
    assert shown["state"] == "INTERRUPTED"
    assert "Not a directory" in shown["reason"] or "File exists" in shown["reason"]
    assert {trial["state"] for trial in shown["trials"]} == {"RUNNING"}
    assert "`study resume interface --storage" in studies.log()
    wall.unlink()
    code, _ = studies.run("resume", "interface")
    assert code == 0, studies.log()
    states = {trial["state"] for trial in studies.show()["trials"]}
    assert states <= {"COMPLETE", "PRUNED"}
