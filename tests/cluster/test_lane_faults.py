"""Faults inside real lanes: each ends, says what it was, and whose fault it is."""

import time
from pathlib import Path

import pytest
from real_lanes import Lanes, in_workers, make_lanes

# Ray warns of its own futures; what it prints goes to its log.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def lanes(tmp_path: Path) -> Lanes:
    return make_lanes(tmp_path)


def test_a_lane_whose_worker_raises_at_start_ends_with_the_error(lanes: Lanes) -> None:
    began = time.monotonic()
    with in_workers(lanes.folder, "raise ImportError('no module of that name')"):
        [report] = lanes.run(lanes.assignment(0))
    assert report.is_machine_fault
    assert report.failed is not None
    first, *rest = report.failed.splitlines()
    text = "workers failed to start 3 times in a row: rank 0: ImportError: no module of that name"
    assert first == text
    assert any("sitecustomize.py" in line for line in rest), "the traceback's end is missing"
    assert time.monotonic() - began < 150


def test_a_worker_that_dies_at_start_ends_the_lane_too(lanes: Lanes) -> None:
    code = "import os; print('out of luck', flush=True); os.abort()"
    with in_workers(lanes.folder, code):
        [report] = lanes.run(lanes.assignment(0))
    assert report.is_machine_fault
    assert report.failed is not None
    text = "workers failed to start 3 times in a row: rank 0 died: Aborted"
    assert report.failed.splitlines()[0] == text
    assert "\n  out of luck\n" in report.failed


def test_a_worker_that_aborts_leaves_its_last_words(lanes: Lanes) -> None:
    """Only trial 0 does; the lane takes the next run."""
    code = """
        train = worker.Worker._train
        def dies(self, trial, job):
            if job.assignment.run == "trial/0":
                import os, sys
                print("last words of trial 0", file=sys.stderr)
                os.abort()
            return train(self, trial, job)
        worker.Worker._train = dies
    """
    with in_workers(lanes.folder, code):
        failed, *rest = lanes.run(lanes.assignment(0), lanes.assignment(1))
    assert not failed.is_machine_fault
    assert failed.failed is not None
    first, *lines = failed.failed.splitlines()
    assert first == "workers died 2 times in this rung: rank 0 died: Aborted"
    assert lines[0].startswith("the last lines of rank 0's log (worker-")
    assert "  last words of trial 0" in lines
    assert [(r.run, r.epoch, r.failed) for r in rest] == [
        ("trial/1", 1, None),
        ("trial/1", 2, None),
    ]
    said = lanes.logs()["trial-0.log"]
    assert said.count("WARNING workers died: rank 0 died: Aborted") == 2
    assert "last words of trial 0" in said
    assert "epoch 2 of 2" in lanes.logs()["trial-1.log"]
    kept = [text for name, text in lanes.logs().items() if name.startswith("worker-")]
    assert len(kept) == 2, "a log for each of the two that died, and no other"
    assert all("last words of trial 0" in text for text in kept)


def test_two_workers_that_both_fail_with_nan_stay(lanes: Lanes) -> None:
    code = """
        import os
        train = worker.Worker._train
        def notes(self, trial, job):
            with open(os.environ["PIDS"], "a") as file:
                print(job.assignment.run, os.getpid(), file=file)
            return train(self, trial, job)
        worker.Worker._train = notes
    """
    pids = lanes.folder / "pids"
    steep = {"name": "adamw", "learning_rate": 1e30}
    with pytest.MonkeyPatch.context() as patch, in_workers(lanes.folder, code):
        patch.setenv("PIDS", str(pids))
        nan, *rest = lanes.run(
            lanes.assignment(0, optimizer=steep), lanes.assignment(1, (1,)), workers=2
        )
    assert nan.failed is not None
    assert "must be finite" in nan.failed
    assert not nan.is_machine_fault
    assert [report.failed for report in rest] == [None]
    found: dict[str, set[str]] = {"trial/0": set(), "trial/1": set()}
    for line in pids.read_text("utf-8").splitlines():
        run, pid = line.split()
        found[run].add(pid)
    assert len(found["trial/0"]) == 2
    assert found["trial/0"] == found["trial/1"], "the group was started again"


def test_a_cuda_error_is_told_and_its_process_replaced(lanes: Lanes) -> None:
    """What comes of cleaning up after it is another error, which must not hide it."""
    code = """
        import os
        train, drop = worker.Worker._train, worker.Worker._drop
        lost = []
        def fails(self, trial, job):
            with open(os.environ["PIDS"], "a") as file:
                print(os.getpid(), file=file)
            if job.assignment.run == "trial/0":
                lost.append(True)
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            return train(self, trial, job)
        def cannot(self):
            if lost:
                raise RuntimeError("CUDA error: of the clean-up")
            drop(self)
        worker.Worker._train, worker.Worker._drop = fails, cannot
    """
    pids = lanes.folder / "pids"
    with pytest.MonkeyPatch.context() as patch, in_workers(lanes.folder, code):
        patch.setenv("PIDS", str(pids))
        failed, after = lanes.run(lanes.assignment(0), lanes.assignment(1, (1,)))
    assert failed.failed is not None
    first = "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert failed.failed.splitlines()[0] == first
    assert "of the clean-up" not in failed.failed
    assert after.failed is None
    assert len(set(pids.read_text("utf-8").split())) == 2, (
        "a process without a GPU got another job"
    )


def test_a_long_evaluation_is_no_stall_and_is_seen(lanes: Lanes) -> None:
    code = """
        import time, study.training.trial as trial
        evaluate = trial.evaluate_rung
        def slow(*args):
            args[-1].phase("evaluating")
            time.sleep(15)
            return evaluate(*args)
        trial.evaluate_rung = slow
    """
    with in_workers(lanes.folder, code):
        [report] = lanes.run(lanes.assignment(0, (1,)), stall_minutes=0.1)
    assert report.failed is None
    assert "trial/0, evaluating" in {str(status) for status in lanes.seen}


def test_a_training_step_that_hangs_is_found(lanes: Lanes) -> None:
    code = """
        import time, study.training.trial as trial
        step = trial.Trial._step
        def hangs(self, *args):
            if self._steps_done == 1:
                time.sleep(1000)
            self._steps_done = getattr(self, "_steps_done", 0) + 1
            return step(self, *args)
        trial.Trial._steps_done = 0
        trial.Trial._step = hangs
    """
    with in_workers(lanes.folder, code):
        hanging = lanes.assignment(0, (1,), batch_size=32)
        [report] = lanes.run(hanging, stall_minutes=0.1)
    assert report.failed is not None
    assert report.failed.startswith("rank 0: training step 2 of ")
    assert not report.is_machine_fault


def test_a_disk_that_is_full_is_the_machines_fault(lanes: Lanes) -> None:
    """A limit on the size of files, as a quota is: it holds for root too."""
    code = """
        import resource
        train = worker.Worker._train
        def limited(self, trial, job):
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            return train(self, trial, job)
        worker.Worker._train = limited
    """
    with in_workers(lanes.folder, code):
        [report] = lanes.run(lanes.assignment(0))
    assert report.is_machine_fault
    assert report.failed is not None
    assert "File too large" in report.failed
    assert not list((lanes.folder / "checkpoints").glob("*/epoch-*"))


def test_a_file_in_the_place_of_checkpoints_is_the_machines(lanes: Lanes) -> None:
    (lanes.folder / "checkpoints").write_text("in the way", "utf-8")
    [report] = lanes.run(lanes.assignment(0), workers=2)
    assert report.is_machine_fault
