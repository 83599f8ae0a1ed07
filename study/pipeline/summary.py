"""What a list of studies shows of one, kept next to its journal: a list reads no journals.

The summary is written when a session ends. It counts only while the journal has the size that
it had then; the study of any other is folded from its journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, final

from pydantic import ValidationError

from study.plan import Journal, StudyResult, StudyStarted, fold
from study.plan.result import StudyState
from study.report.write import write_whole
from study.spec import Spec

SUMMARY_FILE = "summary.json"


@final
class Summary(Spec):
    """One study in a list of many."""

    schema_version: Literal[1] = 1
    journal_bytes: int
    """Size of the journal that it is drawn from."""
    name: str
    state: StudyState
    started: float
    """Seconds since the epoch."""
    dataset: str
    ended: int
    """Trials that have ended, of those that the budget allows."""
    trials: int
    objective: str
    winner: str | None
    """The winner's loss."""
    value: float | None
    """The winner's mean of the objective."""
    model: str | None
    """Name and version of the registered model."""


def summary_of(result: StudyResult, journal_bytes: int) -> Summary:
    """Return what a list shows of a study."""
    winner, model = result.winner, result.model
    return Summary(
        journal_bytes=journal_bytes,
        name=result.name,
        state=result.state,
        started=result.started,
        dataset=result.dataset,
        ended=sum(trial.state.ended for trial in result.trials),
        trials=result.study.budget.trials,
        objective=result.objective,
        winner=winner.loss if winner else None,
        value=winner.val.mean if winner and winner.val else None,
        model=f"{model.name} {model.version}" if model else None,
    )


def read_summary(folder: Path, journal_bytes: int) -> Summary | None:
    """Return a study's summary; None if there is none for a journal of this size."""
    try:
        text = (folder / SUMMARY_FILE).read_text(encoding="utf-8")
        found = Summary.model_validate_json(text, strict=True)
    except (OSError, ValueError, ValidationError):
        return None
    return found if found.journal_bytes == journal_bytes else None


@contextmanager
def summarised(journal: Journal) -> Iterator[None]:
    """Write the study's summary at the end of a session, however it ends."""
    try:
        yield
    finally:
        if journal.events and isinstance(journal.events[0], StudyStarted):
            # On a full disk the list folds the journal instead.
            with suppress(OSError):
                result = fold(journal.events, running=False)
                summary = summary_of(result, journal.file.stat().st_size)
                file = journal.file.with_name(SUMMARY_FILE)
                write_whole(file, summary.model_dump_json(indent=2) + "\n")
