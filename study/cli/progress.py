"""How far a study is, and how long it may yet take: arithmetic on what is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from study.cli.tally import Tally
from study.search import seconds_of_runs


@final
@dataclass(frozen=True)
class Progress:
    """Runs done and to do; seconds to go, or None while nothing is known of the pace."""

    done: int
    total: int
    eta_s: float | None

    def __str__(self) -> str:
        eta = "" if self.eta_s is None else f", about {clock(self.eta_s)} to go"
        return f"{self.done} of {self.total} runs{eta}"


def progress_of(tally: Tally) -> Progress:
    """Return how far a study is."""
    study, is_search = tally.record.study, tally.record.chosen is None
    finished = len(tally.record.finished)
    done = tally.ended + finished
    to_search = max(study.budget.trials - tally.ended, 0) if is_search else 0
    left = _finalist_runs(tally) - finished
    pace, a_trial = tally.record.paces.median, tally.seconds_per_trial
    total = done + to_search + left
    if pace is None or a_trial is None:
        return Progress(done, total, None)
    lanes = max(tally.lanes, 1)
    finalists = seconds_of_runs(pace, study.trial.epochs, left, lanes)
    return Progress(done, total, to_search * a_trial / lanes + finalists)


def _finalist_runs(tally: Tally) -> int:
    chosen = tally.record.chosen
    if chosen is not None:
        return len(chosen.configurations) * len(chosen.seeds)
    finalists = tally.record.study.finalists
    return finalists.most * finalists.seeds


def clock(seconds: float) -> str:
    """Return seconds as a person would say them: ``2 min 05 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
