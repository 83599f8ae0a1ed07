"""From the name of a run to all that a lane must know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from study.execution.job import Assignment
from study.models import EncoderSpec
from study.plan import (
    FinalistRun,
    Record,
    StudySpec,
    TrainedRun,
    TrialSpec,
    digest_of,
    digest_of_data,
)
from study.spec import parse


@final
@dataclass(frozen=True)
class Places:
    """Folders of one study; the same paths on every node."""

    study: Path
    data: Callable[[EncoderSpec], Path]
    """Returns the folder of the data that an encoder reads, prepared if it was not yet; raises
    what :meth:`study.execution.prepare.PreparedFolders.folder_for` raises."""

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
        """Return a run as a lane takes it; its data is prepared if need be.

        Raises:
            ConfigError: If this version of the package cannot run the trial as it was stored.
            DataError: If its encoder cannot prepare the dataset: the trial's own fault.
            StoreError: If a newer version of this package prepared the data.
            MachineError: If the prepared data cannot be written.
        """
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
        encoder = parse(TrialSpec, settings).encoder
        return Assignment(
            run=str(run),
            spec=settings,
            digest=digest,
            rungs=self._spec.rungs,
            data=str(self._places.data(encoder)),
            checkpoints=str(self._places.checkpoints(run)),
            metric=self._metric,
        )
