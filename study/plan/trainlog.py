"""What a run wrote of its training: one line per epoch, for people and for programs.

STUDY/logs/RUN.jsonl    an EpochLog per line
STUDY/logs/RUN.log      the same in words, and what else happened to the run

``RUN`` is the run's folder name (``trial-7``, ``finalist-7-seed-1``). Rank zero appends to
both. A run that is resumed, or run again, appends to what is there: of lines about the same
step the last one counts, and a line about an earlier step takes all later ones back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import final

from pydantic import ValidationError

from study.plan.runs import TrainedRun
from study.spec import Spec

LOGS_FOLDER = "logs"
"""Folder of a study's logs, in the study's own."""

_log = logging.getLogger(__name__)


@final
class EpochLog(Spec):
    """How training went in an epoch, up to a step of it: all means are of these steps."""

    epoch: int
    """The epoch, counted from 1."""

    epochs: int
    """Epochs of the whole run."""

    step: int
    """Steps done of the whole run."""

    steps: int
    """Steps of the whole run."""

    loss: float | None
    """Mean loss; None if it is not finite."""

    learning_rate: float
    """Of the last step."""

    grad_norm: float | None
    """Mean length of the gradient before it was clipped; None if it is not finite."""

    grad_norm_max: float | None
    """Length of the longest."""

    samples_per_s: float
    """Samples trained on per second, over all workers."""

    memory_gb: float
    """Peak memory of rank zero: of its GPU, or the process's own on a CPU."""

    seconds: float
    """Wall time of the steps."""

    time: float
    """When this was written, in seconds since the epoch of clocks."""

    @property
    def ends_epoch(self) -> bool:
        """Whether it is about the whole of its epoch."""
        return self.step * self.epochs == self.epoch * self.steps

    @property
    def metrics(self) -> dict[str, float]:
        """Return what is finite, by the names that metrics have elsewhere."""
        found = {
            "train/loss": self.loss,
            "train/learning_rate": self.learning_rate,
            "train/grad_norm": self.grad_norm,
            "train/grad_norm_max": self.grad_norm_max,
            "perf/samples_per_s": self.samples_per_s,
            "perf/memory_gb": self.memory_gb,
        }
        return {name: value for name, value in found.items() if value is not None}

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch} of {self.epochs}, step {self.step} of {self.steps}: "
            f"loss {_short(self.loss)}, learning rate {_short(self.learning_rate)}, "
            f"gradient norm {_short(self.grad_norm)}, {self.samples_per_s:.0f} samples/s, "
            f"{self.memory_gb:.2f} GB"
        )


def _short(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"


@final
class TrainingLog:
    """Writes the two files of one run. What cannot be written is left out, and said once."""

    def __init__(self, folder: Path, run: TrainedRun) -> None:
        self._lines, self._text = log_files(folder, run)
        self._is_broken = False

    def write(self, line: EpochLog) -> None:
        """Append what is known of an epoch to both files."""
        self._append(self._lines, line.model_dump_json())
        self.say(str(line))

    def say(self, text: str, level: str = "INFO") -> None:
        """Append a line of words."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._append(self._text, f"{stamp} {level} {text}")

    def _append(self, file: Path, line: str) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a+b") as stream:
                # A kill may have left half a line: it must not spoil the next one.
                start = b"" if _ends_whole(file) else b"\n"
                stream.write(start + line.encode() + b"\n")
        except OSError as error:
            # Nothing of it is needed to resume, and a full disk is told of by checkpoints.
            if not self._is_broken:
                self._is_broken = True
                _log.warning("%s cannot be written: %s", file, error.strerror)


def _ends_whole(file: Path) -> bool:
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 1, 0))
        return stream.read() in {b"", b"\n"}


def log_files(folder: Path, run: TrainedRun) -> tuple[Path, Path]:
    """Return the files of a run, with lines for programs and in words, that may not be there.

    Args:
        folder: The study's logs.
        run: The run.
    """
    return folder / f"{run.folder}.jsonl", folder / f"{run.folder}.log"


def read_training_log(folder: Path, run: TrainedRun) -> list[EpochLog]:
    """Return what a run wrote, in order of its steps; nothing if it wrote nothing yet.

    Args:
        folder: The study's logs.
        run: The run.
    """
    with suppress(OSError):
        text = log_files(folder, run)[0].read_text("utf-8", errors="replace")
        return _latest(_parsed(text.splitlines()))
    return []


def _parsed(lines: Iterable[str]) -> Iterator[EpochLog]:
    for line in lines:
        # What a kill tore, or a later version wrote otherwise, is left out.
        with suppress(ValidationError):
            yield EpochLog.model_validate_json(line)


def _latest(lines: Iterable[EpochLog]) -> list[EpochLog]:
    kept: list[EpochLog] = []
    for line in lines:
        while kept and kept[-1].step >= line.step:
            kept.pop()
        kept.append(line)
    return kept
