"""One study's runs in MLflow: found by their tags, made where they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, final

from study.plan import RunId, parse_run
from study.tracking.openings import STUDY, Opening
from study.tracking.store import Store
from study.tracking.writes import Write

NOTHING: Mapping[str, RunId] = {}
_PAGE = 1000
_BATCH = 100
"""MLflow takes at most so many parameters or tags at a time."""


@final
class Runs:
    """Looks once for all runs of a study, then writes to them.

    Whoever got an error must look again with a new one: a run may have been made although
    the answer was lost.
    """

    def __init__(
        self, store: Store, name: str, study_id: str, known: Mapping[str, RunId] = NOTHING
    ) -> None:
        """Look for the runs.

        Args:
            store: Where to look.
            name: Of the experiment.
            study_id: Their tag.
            known: Runs by their MLflow ids, as the journal has them. Tags of version 1 name
                finalists otherwise.
        """
        self._known = known
        self._client = store.client
        self._experiment = store.experiment(name)
        self.ids = self._find(study_id)
        """MLflow's ids of the runs there are."""

    def write(self, write: Write) -> str:
        """Make ``write`` true and return the run's id."""
        opening = write.opening
        run_id = self.ids.get(opening.run)
        is_missing = run_id is None
        if run_id is None:
            run_id = self.ids[opening.run] = self._create(opening)
        params = opening.params if write.opens or is_missing else {}
        self._log(run_id, write, params)
        match write.status:
            case None:
                pass
            case "RUNNING":
                self._client.update_run(run_id, status="RUNNING")
            case ended:
                self._client.set_terminated(run_id, ended, _milliseconds(write.time))
        return run_id

    def _find(self, study_id: str) -> dict[RunId, str]:
        from mlflow.entities import ViewType

        found: dict[RunId, str] = {}
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"tags.`study.id` = '{study_id}'",
                # A run that the user threw away is not made again.
                run_view_type=ViewType.ALL,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            for run in page:
                run_id = run.info.run_id
                named = self._known.get(run_id) or parse_run(run.data.tags["study.run"])
                found.setdefault(named, run_id)
            token = page.token
            if not token:
                return found

    def _create(self, opening: Opening) -> str:
        tags = dict(opening.tags)
        if opening.run != STUDY and STUDY in self.ids:
            tags["mlflow.parentRunId"] = self.ids[STUDY]
        run = self._client.create_run(
            self._experiment, _milliseconds(opening.time), tags, opening.name
        )
        return str(run.info.run_id)

    def _log(self, run_id: str, write: Write, params: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [
            Metric(point.name, point.value, _milliseconds(point.time), point.step)
            for point in write.points
        ]
        for part in _parts(metrics, _PAGE):
            self._client.log_batch(run_id, metrics=part, synchronous=True)
        for part in _parts([Param(*item) for item in params.items()], _BATCH):
            self._client.log_batch(run_id, params=part, synchronous=True)
        for part in _parts([RunTag(*item) for item in write.tags.items()], _BATCH):
            self._client.log_batch(run_id, tags=part, synchronous=True)


def _parts(values: list[Any], size: int) -> list[list[Any]]:
    rest = iter(values)
    return list(iter(lambda: list(islice(rest, size)), []))


def _milliseconds(time: float) -> int:
    return round(time * 1000)
