"""A study's search and finalists in this process: the conductor, real trials, no Ray."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.data import Dataset, PreparedData
from study.errors import StudyError
from study.execution.assign import Places
from study.execution.conductor import Conductor, Nothing
from study.execution.job import Assignment, Report
from study.execution.prepare import PreparedFolders
from study.plan import Journal, StudyResult, StudySpec, StudyStarted, digest_of, fold, now
from study.spec import parse
from study.training import Trial

SMALL: Mapping[str, Any] = {
    "name": "small",
    "dataset": {"name": "debtags", "label_set": "interface", "train_fraction": 0.05},
    "trial": {"encoder": {"name": "bow", "dim": 8}, "batch_size": 64, "epochs": 1},
    "budget": {"trials": 8},
    "finalists": {"top": 1, "seeds": 1},
}


def study_of(space: Mapping[str, Any], **sections: Any) -> StudySpec:
    """A small study over a space; sections replace those of SMALL."""
    return parse(StudySpec, {**SMALL, "space": space, **sections})


@dataclass
class Work:
    """What one session did."""

    spec: StudySpec
    journal: Journal
    assignments: list[Assignment] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def result(self) -> StudyResult:
        return fold(self.journal.events, running=False)


@contextmanager
def worked_on(spec: StudySpec, storage: Path, most: int | None = None) -> Iterator[Work]:
    """Work on a study until nothing is left to do, or until ``most`` runs ended."""
    folder = storage / spec.name
    folder.mkdir(parents=True, exist_ok=True)
    with closing(Journal(folder / "journal.jsonl")) as journal:
        work = Work(spec, journal)
        dataset = spec.dataset.open()
        if not journal.events:
            journal.append(_beginning(spec, dataset))
        prepared = PreparedFolders(dataset, storage / "cache", work.notices.append)
        _drive(Conductor(spec, journal, Places(folder, prepared.folder_for)), work, most)
        yield work


def _beginning(spec: StudySpec, dataset: Dataset) -> StudyStarted:
    return StudyStarted(
        time=now(),
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_digest=digest_of(spec),
        dataset_digest=dataset.digest,
        label_names=dataset.label_names,
        sizes={},
        git_commit=None,
        package_version="0",
    )


def _drive(conductor: Conductor, work: Work, most: int | None) -> None:
    while len(work.assignments) != most:
        assignment = conductor.next()
        if not isinstance(assignment, Assignment):
            assert assignment is Nothing.EVER
            return
        work.assignments.append(assignment)
        for report in _reports(assignment):
            if not conductor.hear(report):
                break


def _reports(assignment: Assignment) -> Iterator[Report]:
    """What a lane reports of a run from its first epoch on."""
    epoch = 0
    try:
        data = PreparedData(Path(assignment.data))
        trial = Trial(assignment.trial_spec(), data, metric=assignment.metric)
        for epoch in assignment.rungs:
            metrics, outcome = trial.advance(epoch), None
            if assignment.finish and epoch == assignment.rungs[-1]:
                found = trial.finish(Path(assignment.finish), assignment.provenance or {})
                names = {"val", "test", "scorer", "threshold", "seconds"}
                outcome = found.model_dump(include=names)
            yield Report(assignment.run, epoch, metrics, outcome=outcome)
    except StudyError as error:
        yield Report(assignment.run, epoch, {}, failed=str(error))
