"""From the name of a run to all that a lane must know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from study.execution.job import Assignment
from study.plan import FinalistRun, Record, StudySpec, TrainedRun, digest_of, digest_of_data


@final
@dataclass(frozen=True)
class Places:
    """Folders of one study; the same paths on every node."""

    study: Path
    data: Path
    """Of the prepared data."""

    def checkpoints(self, run: TrainedRun) -> Path:
        """Return where a run's checkpoints lie."""
        return self.study / "checkpoints" / run.folder

    def finalist(self, run: FinalistRun) -> Path:
        """Return where a finalist run leaves its model and scores."""
        return self.study / "finalists" / run.folder


@final
class Assigner:
    """Makes assignments of the runs that a record knows."""

    def __init__(self, spec: StudySpec, record: Record, places: Places, metric: str) -> None:
        self._spec = spec
        self._record = record
        self._places = places
        self._metric = metric

    def assign(self, run: TrainedRun) -> Assignment:
        """Return a run as a lane takes it."""
        if isinstance(run, FinalistRun):
            return self._finalist(run)
        start = self._record.started[run.number]
        return self._assignment(run, self._record.settings(run.number), start.digest)

    def _finalist(self, run: FinalistRun) -> Assignment:
        settings = self._record.settings(run.trial) | {"seed": run.seed}
        digest = digest_of_data(settings)
        provenance = {
            "study": self._spec.name,
            "study_digest": digest_of(self._spec),
            "run": str(run),
            "trial": run.trial,
            "trial_digest": digest,
            "spec": settings,
        }
        found = self._assignment(run, settings, digest)
        return replace(found, finish=str(self._places.finalist(run)), provenance=provenance)

    def _assignment(self, run: TrainedRun, settings: dict[str, Any], digest: str) -> Assignment:
        return Assignment(
            run=str(run),
            spec=settings,
            digest=digest,
            rungs=self._spec.rungs,
            data=str(self._places.data),
            checkpoints=str(self._places.checkpoints(run)),
            metric=self._metric,
        )
