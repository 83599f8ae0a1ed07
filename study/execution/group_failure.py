"""Why a worker group had to be started again, in words that tell what to do about it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from study.errors import StudyError
from study.execution.worker_log import fatal_error, tail

_LINES = 12
"""Lines kept of the end of a traceback."""


@final
@dataclass(frozen=True)
class GroupFailure:
    """What Ray Train knows of the end of a worker group."""

    error: str
    """The whole of it, as Ray Train says it."""

    raised: Mapping[int, str] = field(default_factory=dict)
    """What was raised, by rank."""

    dead: tuple[int, ...] = ()
    """Ranks whose process is gone."""

    counts: bool = True
    """Whether it tells anything of the job or the start; not if a machine was lost, or its
    resources were not there in time."""


def shortened(text: str) -> str:
    """Return an error's own line, then the last lines of its traceback.

    Args:
        text: A traceback, or the error followed by one.
    """
    lines = text.strip().splitlines() or ["no message"]
    is_traceback = lines[0].startswith("Traceback") or "ray::" in lines[0]
    error = lines[-1] if is_traceback else lines[0]
    return "\n".join([error.strip(), *lines[1:][-_LINES:]])


def told(error: BaseException) -> str:
    """Return an error as text: a StudyError's message, or type, message and traceback."""
    if isinstance(error, StudyError):
        return str(error)
    return f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error))}"


def last_words(failure: GroupFailure, logs: Mapping[int, str]) -> str:
    """Return how a group ended: a short first line, then the end of the right worker's log.

    Args:
        failure: What Ray Train knows of it.
        logs: The log file of every rank that came to write one.
    """
    if failure.raised and not failure.dead:
        rank, text = min(failure.raised.items())
        return f"rank {rank}: {shortened(text)}"
    if not failure.dead:
        return shortened(failure.error)
    rank = min(failure.dead)
    file = Path(logs.get(rank, ""))
    lines = tail(file) if rank in logs else []
    how = fatal_error(lines) or "killed, or gone without a word"
    if not lines:
        return f"rank {rank} died: {how}; its log is empty"
    quoted = "\n".join(f"  {line}" for line in lines)
    return f"rank {rank} died: {how}\nthe last lines of rank {rank}'s log ({file.name}):\n{quoted}"
