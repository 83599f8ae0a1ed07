"""`study logs`: what there is, of whom, and following a run to its end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from study.cli.main import main
from study.plan import Journal, TrialEnded, TrialRun, TrialStarted
from study.plan.events import StudyStarted
from study.plan.load import load
from study.plan.trainlog import EpochLog, TrainingLog
from study.spec import TrialState

Study = Callable[..., tuple[int, str, str]]


@pytest.fixture
def study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Study:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["study", *words, "--storage", str(tmp_path)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study with three trials: one died, one runs, one has no log yet."""
    spec = load(Path("search_spaces/quickstart.yaml"))
    journal = Journal(tmp_path / "quickstart" / "journal.jsonl")
    journal.append(
        StudyStarted(
            time=0.0, name="quickstart", spec=spec.model_dump(mode="json"), spec_digest="",
            dataset_digest="", label_names=(), sizes={}, git_commit=None, package_version="",
        )
    )  # fmt: skip
    for number in range(3):
        journal.append(
            TrialStarted(
                time=1.0, number=number, params={}, digest="", loss="reg", family="contrastive"
            )
        )
    reason = "workers died 2 times in this rung: rank 0 died: Aborted\n  last words"
    journal.append(TrialEnded(time=2.0, number=0, state=TrialState.FAIL, reason=reason))
    journal.close()
    for number in range(2):
        TrainingLog(tmp_path / "quickstart" / "logs", TrialRun(number)).write(line(number + 1))
    return tmp_path / "quickstart"


def line(epoch: int) -> EpochLog:
    return EpochLog(
        epoch=epoch, epochs=9, step=10 * epoch, steps=90, loss=1.5, learning_rate=0.01,
        grad_norm=0.4, grad_norm_max=0.5, samples_per_s=100.0, memory_gb=0.5, seconds=1.0,
        time=time.time() - 60,
    )  # fmt: skip


@pytest.mark.usefixtures("folder")
def test_runs_with_a_log_are_listed(study: Study) -> None:
    code, out, _ = study("logs", "quickstart")
    assert code == 0
    assert out.splitlines() == [
        "trial/0: epoch 1 of 9, loss 1.5, 1 min 00 s ago",
        "trial/1: epoch 2 of 9, loss 1.5, 1 min 00 s ago",
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("run", ["0", "trial/0"])
def test_a_run_that_died_shows_its_last_words(study: Study, run: str) -> None:
    code, out, _ = study("logs", "quickstart", run)
    assert code == 0
    first, second, third = out.splitlines()
    assert "INFO epoch 1 of 9, step 10 of 90: loss 1.5" in first
    assert second == "trial/0 failed: workers died 2 times in this rung: rank 0 died: Aborted"
    assert third == "  last words"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("run", "rule"),
    [
        ("2", "trial/2 has no log in study quickstart; there are trial/0, trial/1"),
        ("finalist/0/1", "finalist/0/1 has no log in study quickstart; there are trial/0, tria"),
        ("best", "must be study, trial/NUMBER or finalist/TRIAL/SEED, not 'best'"),
    ],
)
def test_a_run_without_a_log_is_refused(study: Study, run: str, rule: str) -> None:
    code, out, err = study("logs", "quickstart", run)
    assert (code, out) == (2, "")
    assert f"RUN: {rule}" in err


def test_a_study_that_is_not_there_is_refused(study: Study) -> None:
    code, _, err = study("logs", "nothing")
    assert code == 2
    assert "NAME: there is no study 'nothing'" in err


def test_a_followed_run_is_printed_to_its_end(study: Study, folder: Path) -> None:
    """The lock is held as by a study at work; then the trial ends."""
    import fcntl

    def work() -> None:
        time.sleep(1)
        TrainingLog(folder / "logs", TrialRun(1)).write(line(3))
        time.sleep(1)
        journal = Journal(folder / "journal.jsonl")
        journal.append(TrialEnded(time=3.0, number=1, state=TrialState.PRUNED))
        journal.close()

    worker = threading.Thread(target=work)
    with (folder / "lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        worker.start()
        code, out, _ = study("logs", "quickstart", "1", "--follow")
        worker.join()
    assert code == 0
    assert [one.split("INFO ")[1][:12] for one in out.splitlines()] == [
        "epoch 2 of 9",
        "epoch 3 of 9",
    ]


def test_ctrl_c_ends_following_without_a_word(folder: Path) -> None:
    import fcntl

    words = ["logs", "quickstart", "1", "--follow", "--storage", str(folder.parent)]
    with (folder / "lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "study", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        assert "epoch 2 of 9" in process.stdout.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out.strip(), err) == (0, "", "")
