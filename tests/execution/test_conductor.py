"""The study's decisions, and that a kill at any line of the journal changes none of them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.errors import MachineError
from study.execution.assign import Places
from study.execution.conductor import Conductor, Nothing
from study.execution.job import Assignment, Report
from study.losses import LOSSES
from study.plan import (
    AnyEvent,
    Journal,
    StudyResult,
    StudySpec,
    StudyStarted,
    digest_of,
    fold,
    load,
    now,
    read_journal,
)
from study.spec import TrialState

SETS = ["budget.trials=11", "finalists.top=2", "finalists.seeds=2"]


@pytest.fixture(scope="module")
def spec() -> StudySpec:
    return load(Path("search_spaces/quickstart.yaml"), SETS)


OPENED: list[Journal] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def begin(file: Path, spec: StudySpec) -> Journal:
    journal = Journal(file)
    OPENED.append(journal)
    if not journal.events:
        journal.append(
            StudyStarted(
                time=now(),
                name=spec.name,
                spec=spec.model_dump(mode="json"),
                spec_digest=digest_of(spec),
                dataset_digest="d",
                label_names=("a",),
                sizes={"train": 1},
                git_commit=None,
                package_version="0",
            )
        )
    return journal


def conductor_of(journal: Journal, spec: StudySpec, folder: Path, lanes: int = 1) -> Conductor:
    return Conductor(spec, journal, Places(folder, folder / "data"), lanes=lanes)


def value_of(assignment: Assignment, epoch: int) -> float:
    """A made-up but fixed landscape: temperature 0.1 and a high learning rate are good."""
    spec = assignment.trial_spec()
    temperature = getattr(spec.loss, "temperature", 0.05)
    rate = spec.optimizer.learning_rate
    seed = 0.001 * spec.seed
    return 0.4 - 0.1 * abs(math.log(temperature / 0.1)) + rate + 0.01 * epoch + seed


def reports(assignment: Assignment, *, after: int = 0) -> Iterator[Report]:
    """What a lane would report of a run whose rungs up to ``after`` lie on disk.

    The last of them is reported again: its report may have been lost.
    """
    for epoch in assignment.rungs:
        if epoch >= after:
            metrics = {"val/f1_macro": value_of(assignment, epoch), "perf/seconds": 1.0}
            outcome = None
            if assignment.finish and epoch == assignment.rungs[-1]:
                score = {"f1_macro": metrics["val/f1_macro"]}
                outcome = {
                    "val": score,
                    "test": score,
                    "scorer": "probe",
                    "threshold": 0.3,
                    "seconds": 1.0,
                }
            yield Report(assignment.run, epoch, metrics, outcome=outcome)


def drive(conductor: Conductor, on_disk: dict[str, int] | None = None) -> None:
    """One lane at work until the conductor has nothing more."""
    on_disk = on_disk or {}
    while isinstance(assignment := conductor.next(), Assignment):
        for report in reports(assignment, after=on_disk.get(assignment.run, 0)):
            if not conductor.hear(report):
                break
    assert assignment is Nothing.EVER


def facts(events: list[AnyEvent]) -> list[dict[str, Any]]:
    return [event.model_dump(exclude={"time"}) for event in events]


def result_of(journal: Journal) -> StudyResult:
    return fold(journal.events, running=False)


@pytest.fixture(scope="module")
def unbroken(spec: StudySpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    journal = begin(folder / "journal.jsonl", spec)
    drive(conductor_of(journal, spec, folder))
    journal.close()
    return journal.file


def test_the_asked_number_of_trials_ends_and_the_finalists_with_them(
    unbroken: Path, spec: StudySpec
) -> None:
    result = fold(read_journal(unbroken), running=False)
    assert [trial.number for trial in result.trials] == list(range(11))
    assert {trial.state for trial in result.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(seed.state == "COMPLETE" for one in result.finalists for seed in one.seeds)


def test_a_third_are_classifiers_and_no_classifier_is_left_out(unbroken: Path) -> None:
    losses = [trial.loss for trial in fold(read_journal(unbroken), running=False).trials]
    classifiers = [loss for loss in losses if LOSSES[loss].family == "classifier"]
    assert len(classifiers) >= 0.34 * len(losses)
    assert set(classifiers) == {"bce", "asl", "zlpr"}


def test_finalists_are_the_best_complete_trials_and_the_best_classifier(unbroken: Path) -> None:
    result = fold(read_journal(unbroken), running=False)
    complete = [trial for trial in result.trials if trial.state == "COMPLETE"]
    best = sorted(complete, key=lambda trial: -(trial.value or 0))
    assert [one.trial for one in result.finalists[:2]] == [trial.number for trial in best[:2]]
    baseline = next(trial for trial in best if trial.family == "classifier")
    assert result.baseline is not None
    assert result.baseline.trial == baseline.number
    assert [seed.seed for seed in result.finalists[0].seeds] == [1, 2]


@pytest.mark.parametrize("written", [False, True], ids=["reported", "written but not reported"])
def test_a_kill_after_any_line_changes_nothing_but_the_times(
    unbroken: Path, spec: StudySpec, tmp_path: Path, written: bool
) -> None:
    lines = unbroken.read_bytes().splitlines(keepends=True)
    whole = facts(read_journal(unbroken))
    for cut in range(1, len(lines)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:cut]) + b'{"torn')
        journal = begin(folder / "journal.jsonl", spec)
        drive(conductor_of(journal, spec, folder), _disk(whole, cut, written=written))
        assert facts(journal.events) == whole, f"after a kill at line {cut}"
        journal.close()


def _disk(whole: list[dict[str, Any]], cut: int, *, written: bool) -> dict[str, int]:
    """Epochs on disk after a kill: those reported, and maybe one that was not yet."""
    seen = whole[: cut + written]
    return {fact["run"]: fact["epoch"] for fact in seen if fact["event"] == "rung_reached"}


def test_a_failed_trial_fails_alone_and_its_reason_is_kept(
    spec: StudySpec, tmp_path: Path
) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path)
    first = conductor.next()
    assert isinstance(first, Assignment)
    assert not conductor.hear(Report(first.run, 0, {}, failed="train/loss: must be finite"))
    drive(conductor)
    trials = result_of(journal).trials
    assert (trials[0].state, trials[0].reason) == ("FAIL", "train/loss: must be finite")
    assert trials[0].value is None
    assert len(trials) == 11


def test_an_objective_that_is_not_finite_fails_the_trial(spec: StudySpec, tmp_path: Path) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path)
    first = conductor.next()
    assert isinstance(first, Assignment)
    assert not conductor.hear(Report(first.run, 1, {"val/f1_macro": math.nan}))
    assert result_of(journal).trials[0].state == "FAIL"


def test_a_run_that_lost_its_lane_runs_again(spec: StudySpec, tmp_path: Path) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path)
    first = conductor.next()
    assert isinstance(first, Assignment)
    conductor.lose(first.run, "its node is gone")
    conductor.lose(first.run, "said again")
    assert conductor.next() == first
    conductor.lose(first.run, "its node is gone")
    drive(conductor)
    assert "FAIL" not in {str(trial.state) for trial in result_of(journal).trials}
    assert len(result_of(journal).trials) == 11


def test_lanes_that_are_lost_again_and_again_interrupt(spec: StudySpec, tmp_path: Path) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path)
    for _ in range(2):
        conductor.next()
        conductor.lose("trial/0", "its node is gone")
    conductor.next()
    with pytest.raises(MachineError, match="trial/0 lost its lane 3 times in one rung: its node"):
        conductor.lose("trial/0", "its node is gone")
    assert result_of(journal).trials[0].state == "RUNNING"


def test_a_fault_of_the_machine_is_not_the_trials(spec: StudySpec, tmp_path: Path) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path)
    first = conductor.next()
    assert isinstance(first, Assignment)
    full = Report(first.run, 0, {}, failed="No space left on device", is_machine_fault=True)
    with pytest.raises(MachineError, match="No space left"):
        conductor.hear(full)
    assert str(conductor.interrupted) == "No space left on device"
    resumed = conductor_of(journal, spec, tmp_path)
    assert resumed.next() == first
    drive(conductor_of(journal, spec, tmp_path))
    assert "FAIL" not in {str(trial.state) for trial in result_of(journal).trials}


def test_no_more_runs_than_lanes_and_none_while_the_last_trials_run(
    spec: StudySpec, tmp_path: Path
) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path, lanes=2)
    live: list[Assignment] = []
    while (assignment := conductor.next()) is not Nothing.EVER:
        if isinstance(assignment, Assignment):
            live.append(assignment)
            assert len(live) <= 2
            continue
        oldest = live.pop(0)
        for report in reports(oldest):
            if not conductor.hear(report):
                break
    assert not live
    assert len(result_of(journal).trials) == 11


def test_families_are_ranked_apart(spec: StudySpec, tmp_path: Path) -> None:
    """A classifier goes on though every contrastive trial was better."""
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path, lanes=30)
    runs = [conductor.next() for _ in range(11)]
    assignments = [run for run in runs if isinstance(run, Assignment)]
    family = {a.run: LOSSES[a.spec["loss"]["name"]].family for a in assignments}
    for one in assignments:
        if family[one.run] == "contrastive":
            conductor.hear(Report(one.run, 1, {"val/f1_macro": 0.9}))
    first = next(one for one in assignments if family[one.run] == "classifier")
    assert conductor.hear(Report(first.run, 1, {"val/f1_macro": 0.1}))


def test_hours_end_the_search_in_time_for_the_finalists(tmp_path: Path) -> None:
    spec = load(Path("search_spaces/quickstart.yaml"), [*SETS, "budget.hours=0.001"])
    journal = begin(tmp_path / "journal.jsonl", spec)
    drive(conductor_of(journal, spec, tmp_path))
    result = result_of(journal)
    assert len(result.trials) == 1
    assert result.finalists


def test_a_space_without_classifiers_has_no_baseline(tmp_path: Path) -> None:
    spec = load(Path("search_spaces/quickstart.yaml"), [*SETS, "space.loss.name=[reg, msc]"])
    journal = begin(tmp_path / "journal.jsonl", spec)
    drive(conductor_of(journal, spec, tmp_path))
    result = result_of(journal)
    assert result.baseline is None
    assert len(result.finalists) == 2


def test_when_every_trial_fails_there_are_no_finalists(spec: StudySpec, tmp_path: Path) -> None:
    journal = begin(tmp_path / "journal.jsonl", spec)
    conductor = conductor_of(journal, spec, tmp_path)
    while isinstance(assignment := conductor.next(), Assignment):
        conductor.hear(Report(assignment.run, 0, {}, failed="no"))
    assert assignment is Nothing.EVER
    assert result_of(journal).finalists == ()
