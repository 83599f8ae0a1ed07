"""A study of 5,000 trials has a page that a browser opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study.plan.result import StudyResult
from study.report import write_report
from study.report.figures import figures
from study.report.sections import sections
from study.report.thin import LIMIT
from study.spec import TrialState
from tests.report.conftest import searched

TRIALS = 5_000


@pytest.fixture(scope="module")
def many() -> StudyResult:
    return searched(TRIALS).result()


@pytest.fixture(scope="module")
def drawn(many: StudyResult) -> dict[str, Any]:
    return figures(many)


def shown(figure: Any) -> set[int]:
    return {number for trace in figure.data for number in trace.customdata or ()}


def test_the_page_is_small_and_holds_every_trial(many: StudyResult, tmp_path: Path) -> None:
    page = write_report(many, tmp_path)
    assert page.stat().st_size < 8e6
    text = page.read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert [row[0] for row in data["trials"]["rows"]] == list(range(TRIALS))
    assert text.count("<tr") < 200
    assert len((tmp_path / "trials.csv").read_text(encoding="utf-8").splitlines()) == TRIALS + 1


def test_no_figure_draws_more_than_can_be_seen(drawn: dict[str, Any]) -> None:
    for figure in drawn.values():
        marks = sum(len(trace.customdata or ()) for trace in figure.data)
        assert marks <= 2 * LIMIT
    for name in ("losses", "history", "curves", "by_loss.temperature"):
        assert len(shown(drawn[name])) == drawn[name].layout.meta["drawn"] < TRIALS


def test_best_and_finalists_are_always_drawn(many: StudyResult, drawn: dict[str, Any]) -> None:
    finalists = {one.trial for one in many.finalists}
    for name in ("losses", "history", "curves", "by_batch_size"):
        assert finalists <= shown(drawn[name])
    complete = [trial for trial in many.trials if trial.state is TrialState.COMPLETE]
    best = max(complete, key=lambda trial: trial.value or 0)
    assert best.number in shown(drawn["losses"])


def test_the_notes_say_how_many_are_drawn(many: StudyResult, drawn: dict[str, Any]) -> None:
    text = sections(many, drawn)
    failed = sum(trial.state is TrialState.FAIL for trial in many.trials)
    assert f"Crosses at the foot: {failed} trials without a value. " in text
    counts = drawn["history"].layout.meta
    assert counts["of"] == TRIALS
    assert f"{counts['drawn']:,} of 5,000 trials are drawn: where several would cover" in text


def test_a_small_study_says_nothing_of_it(quick: StudyResult) -> None:
    assert "are drawn" not in sections(quick, figures(quick))
