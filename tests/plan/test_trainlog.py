"""The training log of a run: what is written is read, whatever came in between."""

from pathlib import Path

import pytest

from study.plan.runs import FinalistRun, TrialRun
from study.plan.trainlog import EpochLog, TrainingLog, log_files, read_training_log

RUN = TrialRun(7)


def line(epoch: int, step: int | None = None, loss: float | None = 1.234) -> EpochLog:
    return EpochLog(
        epoch=epoch,
        epochs=9,
        step=40 * epoch if step is None else step,
        steps=360,
        loss=loss,
        learning_rate=0.01,
        grad_norm=0.42,
        grad_norm_max=1.0,
        samples_per_s=5210.3,
        memory_gb=0.61,
        seconds=2.0,
        time=3.0,
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_training_log(tmp_path, RUN) == []
    log = TrainingLog(tmp_path / "logs", RUN)
    for epoch in (1, 2, 3):
        log.write(line(epoch))
    TrainingLog(tmp_path / "logs", FinalistRun(7, 1)).write(line(5))
    assert read_training_log(tmp_path / "logs", RUN) == [line(1), line(2), line(3)]
    assert read_training_log(tmp_path / "logs", FinalistRun(7, 1)) == [line(5)]


def test_words_say_the_same(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, RUN)
    log.write(line(3))
    log.write(line(4, loss=None))
    log.say("failed: x", "ERROR")
    found = [
        one.split(" ", 2)[2] for one in log_files(tmp_path, RUN)[1].read_text("utf-8").splitlines()
    ]
    rest = "learning rate 0.01, gradient norm 0.42, 5210 samples/s, 0.61 GB"
    assert found == [
        f"INFO epoch 3 of 9, step 120 of 360: loss 1.234, {rest}",
        f"INFO epoch 4 of 9, step 160 of 360: loss not finite, {rest}",
        "ERROR failed: x",
    ]


def test_a_run_that_goes_back_takes_its_later_lines_back(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, RUN)
    for epoch in (1, 2, 3, 4, 3, 4):
        log.write(line(epoch, loss=float(epoch)))
    log.write(line(2, loss=0.5))
    assert [(one.epoch, one.loss) for one in read_training_log(tmp_path, RUN)] == [
        (1, 1.0),
        (2, 0.5),
    ]


@pytest.mark.parametrize("torn", [b'{"epoch": 2, "ste', b"\xff\xfe", b"null"])
def test_half_a_line_spoils_no_other(tmp_path: Path, torn: bytes) -> None:
    log = TrainingLog(tmp_path, RUN)
    log.write(line(1))
    with log_files(tmp_path, RUN)[0].open("ab") as stream:
        stream.write(torn)
    TrainingLog(tmp_path, RUN).write(line(2))
    assert read_training_log(tmp_path, RUN) == [line(1), line(2)]


def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("in the way", encoding="utf-8")
    log = TrainingLog(tmp_path / "logs", RUN)
    log.write(line(1))
    log.write(line(2))
    assert len(caplog.records) == 1
    assert read_training_log(tmp_path / "logs", RUN) == []


def test_metrics_are_named_as_elsewhere_and_finite() -> None:
    assert line(1, loss=None).metrics == {
        "train/learning_rate": 0.01,
        "train/grad_norm": 0.42,
        "train/grad_norm_max": 1.0,
        "perf/samples_per_s": 5210.3,
        "perf/memory_gb": 0.61,
    }
    assert line(1).metrics["train/loss"] == 1.234
    assert line(2).ends_epoch
    assert not line(2, step=60).ends_epoch
