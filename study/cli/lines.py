"""A study at work in plain lines, for terminals that are not interactive: one per run."""

from __future__ import annotations

from study.cli.progress import progress_of
from study.cli.tally import Tally
from study.plan import (
    AnyEvent,
    FinalistEnded,
    FinalistsChosen,
    LanesPlanned,
    ModelRegistered,
    ReportWritten,
    TrialEnded,
)
from study.plan.moved import report_page


def line_of(event: AnyEvent, tally: Tally) -> str | None:
    """Return an event as a plain line, or None if it is not worth one.

    Args:
        event: What happened.
        tally: What is known after it.
    """
    match event:
        case LanesPlanned():
            return event.arithmetic
        case TrialEnded():
            return f"{_trial(event, tally)} ({progress_of(tally)})"
        case FinalistEnded():
            return f"{_finalist(event, tally)} ({progress_of(tally)})"
        case FinalistsChosen():
            return f"search over; {len(event.configurations)} configurations go on"
        case ModelRegistered():
            return f"registered {event.name} version {event.version}"
        case ReportWritten():
            return f"report: {report_page(event.path, tally.folder)}"
    return None


def _trial(event: TrialEnded, tally: Tally) -> str:
    trial = tally.trial(event.number)
    reached = "" if trial.value is None else f"{trial.value:.4f} at epoch {trial.epoch}, "
    return f"trial {event.number}, {trial.loss}: {reached}{_ended(event)}"


def _finalist(event: FinalistEnded, tally: Tally) -> str:
    names = (one.loss for one in tally.configurations() if one.trial == event.run.trial)
    value = event.val.get(tally.objective.partition("/")[2])
    reached = "" if value is None else f"{value:.4f}, "
    run = f"finalist of trial {event.run.trial}, {next(names, 'unknown')}, seed {event.run.seed}"
    return f"{run}: {reached}{_ended(event)}"


def _ended(event: TrialEnded | FinalistEnded) -> str:
    state, reason = event.state.lower(), event.reason.strip()
    return f"{state}: {reason.splitlines()[0]}" if reason else state
