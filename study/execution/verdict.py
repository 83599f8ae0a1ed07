"""What a worker, and all workers together, made of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True)
class Answer:
    """What one rank made of a job."""

    ok: bool
    value: Any
    """Whatever the job returns, or the error as text."""

    is_expected: bool = False
    """Whether the error is a StudyError: the process is as good as before."""

    is_machine_fault: bool = False
    """Whether the machine failed and not the trial."""

    is_collateral: bool = False
    """Whether the error only says that another rank has one."""

    is_sick: bool = False
    """Whether the process must not be given another job: its GPU or its memory is lost."""


@final
@dataclass(frozen=True)
class Verdict:
    """What all ranks together made of a job."""

    ok: bool
    value: Any
    healthy: bool = True
    """Whether the group can take the next job; if not it has to be started again."""

    is_machine_fault: bool = False
    """Whether the machine failed and not the trial."""


def failed(answers: Mapping[int, Answer], size: int) -> Verdict:
    """Return the verdict of a job that some ranks answered with an error.

    The most telling error speaks for all: the machine's before the trial's, a rank's own
    before one that only points to it.
    """
    wrong = [answer for answer in answers.values() if not answer.ok]
    worst = min(wrong, key=lambda one: (not one.is_machine_fault, one.is_collateral))
    is_in_step = len(answers) == size and all(one.is_expected for one in wrong)
    return Verdict(
        ok=False,
        value=worst.value,
        healthy=(is_in_step or size == 1) and not any(one.is_sick for one in wrong),
        is_machine_fault=worst.is_machine_fault,
    )
