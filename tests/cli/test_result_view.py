"""What `study show` and `study list` print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from study.cli.main import app
from study.cli.stop import DEFAULT_STORAGE, command
from study.pipeline.home import Home
from study.plan import Journal
from study.plan.events import FinalistEnded, ReportWritten, StudyInterrupted
from study.plan.runs import FinalistRun
from study.spec import TrialState
from tests.report.conftest import Story, decided, fixed_temperature

Show = Callable[[Story], list[str]]


def keep(story: Story, storage: Path) -> None:
    """Write a story down as a study's journal."""
    journal = Journal(Home(storage).journal(story.spec["name"]))
    for event in story.events:
        journal.append(event)
    journal.close()


@pytest.fixture
def show(tmp_path: Path) -> Show:
    def shown(story: Story) -> list[str]:
        keep(story, tmp_path)
        name = story.spec["name"]
        done = CliRunner().invoke(app, ["show", name, "--storage", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return [line.rstrip() for line in done.output.splitlines()]

    return shown


def test_an_unfinished_study_shows_failures_best_and_what_is_open(
    show: Show, tmp_path: Path
) -> None:
    story = Story(**fixed_temperature())
    story.trial(0, "msc", batch_size=64)
    story.trial(1, "reg", [(1, 0.9)], TrialState.PRUNED, "not among the best third")
    for number in (2, 3):
        reason = f"the loss became NaN in epoch {number}\nTraceback"
        story.trial(number, "reg", [(1, 0.1)], TrialState.FAIL, reason)
    story.trial(4, "msc", [(1, 0.2), (3, 0.3)], TrialState.RUNNING)
    story.trial(5, "msc", [], TrialState.RUNNING)
    story.tell(StudyInterrupted, reason="the disk is full\ntry later")
    where = f"--storage {tmp_path}"
    assert show(story) == [
        "study quickstart: INTERRUPTED (the disk is full; try later)",
        "6 trials: 1 complete, 1 pruned, 2 failed, 2 unfinished",
        "failed: trial 2, trial 3: the loss became NaN in epoch 2 (the numbers differ)",
        "best so far: trial 0, msc (batch_size 64, temperature 0.05 (fixed), "
        "learning_rate 0.01 (fixed)): val/f1_macro 0.4400 at epoch 9",
        "unfinished: trial 4 at epoch 3, trial 5",
        f"report: none yet; `study report quickstart {where}` writes it",
        "took: search 47 s, finalists 0 s, report 0 s",
        f"`study resume quickstart {where}` resumes it where it stopped",
    ]


def test_a_finished_study_shows_its_finalists_and_its_page(show: Show, tmp_path: Path) -> None:
    story = decided((0.44, 0.46), (0.45, 0.447), (0.42, 0.416))
    story.register("challenger")
    page = tmp_path / "quickstart" / "report" / "report.html"
    page.parent.mkdir(parents=True)
    page.write_text("", encoding="utf-8")
    story.tell(ReportWritten, path="report/report.html")
    story.end()
    lines = show(story)
    assert lines[0] == "study quickstart: FINISHED"
    settings = "temperature 0.1, batch_size 64, learning_rate 0.01"
    assert lines[3].startswith(f"1     msc   {settings}  ")
    assert f"winner: msc ({settings}), test 0.4470 [0.4420, 0.4530]" in lines
    assert (
        f"  load it with mlflow.set_tracking_uri('sqlite:///{tmp_path}/mlflow.db'); "
        "mlflow.pyfunc.load_model('models:/debtags/3')"
    ) in lines
    assert f"report: {page}" in lines
    assert not any("so far" in line or "resume" in line for line in lines)


def test_a_finalist_says_how_many_of_its_seeds_failed(show: Show) -> None:
    story = Story()
    story.trial(0, "reg")
    story.choose(0)
    run, reason = FinalistRun(0, 2), "out of memory"
    story.tell(FinalistEnded, run=run, state=TrialState.FAIL, reason=reason)
    story.finish(0, 0, 0.4, 0.4)
    lines = show(story)
    assert "failed: finalist of trial 0, seed 2: out of memory" in lines
    assert next(line for line in lines if line.endswith("1 of 3, 1 failed"))


@pytest.mark.parametrize(
    ("finalist", "step"),
    [
        (False, "`study resume quickstart --retry failed --storage {}` runs again what failed"),
        (True, "`study resume quickstart --storage {}` tries again what is left to do"),
    ],
)
def test_a_failed_study_says_what_helps(
    show: Show, tmp_path: Path, finalist: bool, step: str
) -> None:
    story = Story()
    story.trial(0, "reg")
    story.trial(1, "reg", [], TrialState.FAIL, "NaN")
    if finalist:
        story.choose(0)
        story.rank((0.4, 0.4))
    story.end("FAILED", "the gate is closed")
    assert show(story)[-1] == step.format(tmp_path)


def test_a_command_names_the_storage_only_where_it_matters() -> None:
    assert command(DEFAULT_STORAGE, "resume", "x") == "`study resume x`"
    assert command(Path("my studies"), "show", "x") == "`study show x --storage 'my studies'`"


def test_a_piped_list_wraps_no_name(tmp_path: Path) -> None:
    story = Story(name="a-study-with-a-rather-long-name-of-its-own")
    story.trial(0)
    keep(story, tmp_path)
    keep(decided((0.44, 0.46), (0.45, 0.447), (0.42, 0.416)), tmp_path)
    done = CliRunner().invoke(app, ["list", "--storage", str(tmp_path)])
    heads, first, second = (line.split() for line in done.output.splitlines())
    assert heads == [
        "name", "state", "started", "dataset", "trials", "winner", "objective", "model",
    ]  # fmt: skip
    assert first[:2] == ["a-study-with-a-rather-long-name-of-its-own", "INTERRUPTED"]
    assert first[4:] == ["debtags", "1", "of", "24"]
    assert second[4:] == ["debtags", "3", "of", "24", "msc", "val/f1_macro", "0.4500"]


def test_an_empty_folder_says_how_to_start(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["list", "--storage", str(tmp_path)])
    assert done.output == (
        f"no studies in {tmp_path}; `study run FILE --storage {tmp_path}` starts one\n"
    )
