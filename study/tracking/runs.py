"""One study's runs in MLflow: found by their tags, made where they are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from study.plan import RunId, parse_run
from study.tracking.openings import STUDY, Opening
from study.tracking.store import Store
from study.tracking.writes import Write

NOTHING: Mapping[str, RunId] = {}
_PAGE = 1000
_LONGEST_TAG = 5000
"""Characters; every kind of store takes so many."""


@final
@dataclass(frozen=True)
class FoundRun:
    """A run as the store has it."""

    run_id: str
    experiment: str
    status: str
    metrics: frozenset[str]
    is_in_bin: bool

    def has(self, write: Write) -> bool:
        """Return whether the run has the metrics of ``write``, and its status if that is final.

        A run that the user threw away has what it needs: nothing.
        """
        is_ended = write.status in {None, "RUNNING", self.status}
        return self.is_in_bin or (
            is_ended and self.metrics.issuperset(point.name for point in write.points)
        )


@final
class Runs:
    """Looks once for all runs of a study, then writes to them.

    A run is made although the answer may be lost: where that happened, the store is asked for
    the run before it is made again.
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
        self._study_id = study_id
        named = store.client.get_experiment_by_name(name)
        self.found = self._find([named.experiment_id]) if named is not None else {}
        """What the store had when it was looked at."""
        if STUDY not in self.found:
            # An experiment that was renamed is still the study's.
            self.found |= self._find(self._all_experiments())
        if STUDY in self.found:
            self._experiment = self.found[STUDY].experiment
            if store.take_out_of_bin(self._experiment):
                self.found = self._find([self._experiment])
        else:
            self._experiment = store.experiment(name)
        self.ids = {run: one.run_id for run, one in self.found.items()}
        self._doubtful: set[RunId] = set()
        """Runs that may have been made although the store did not say so."""

    def has(self, write: Write) -> bool:
        """Return whether the store had what ``write`` says when it was looked at."""
        found = self.found.get(write.opening.run)
        return found is not None and found.has(write)

    def write(self, write: Write) -> str:
        """Make ``write`` true and return the run's id."""
        opening, tags = write.opening, dict(write.tags)
        run_id = self.ids.get(opening.run)
        is_new = write.opens or run_id is None
        if is_new and opening.run != STUDY and STUDY in self.ids:
            tags["mlflow.parentRunId"] = self.ids[STUDY]
        if run_id is None:
            run_id = self._lost_answer(opening.run)
        if run_id is None:
            run_id, tags = self._create(opening, tags), {}
        self.ids[opening.run] = run_id
        self._log(run_id, write, tags, with_params=is_new)
        match write.status:
            case None:
                pass
            case "RUNNING":
                self._client.update_run(run_id, status="RUNNING")
            case ended:
                self._client.set_terminated(run_id, ended, _milliseconds(write.time))
        return run_id

    def _all_experiments(self) -> list[str]:
        from mlflow.entities import ViewType

        pages = _pages(
            lambda token: self._client.search_experiments(
                view_type=ViewType.ALL, max_results=_PAGE, page_token=token
            )
        )
        return [str(one.experiment_id) for one in pages]

    def _find(self, experiments: Sequence[str], run: RunId | None = None) -> dict[RunId, FoundRun]:
        from mlflow.entities import ViewType

        words = f"tags.`study.id` = '{self._study_id}'"
        if run is not None:
            words += f" AND tags.`study.run` = '{run}'"
        pages = _pages(
            lambda token: self._client.search_runs(
                list(experiments),
                words,
                # A run that the user threw away is not made again.
                run_view_type=ViewType.ALL,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        )
        found: dict[RunId, FoundRun] = {}
        for one in pages:
            named = self._known.get(one.info.run_id) or parse_run(one.data.tags["study.run"])
            found.setdefault(named, _found(one))
        return found

    def _lost_answer(self, run: RunId) -> str | None:
        if run not in self._doubtful:
            return None
        found = self._find([self._experiment], run).get(run)
        return found.run_id if found is not None else None

    def _create(self, opening: Opening, tags: dict[str, str]) -> str:
        self._doubtful.add(opening.run)
        run = self._client.create_run(
            self._experiment,
            _milliseconds(opening.time),
            _fitting({**opening.tags, **tags}),
            opening.name,
        )
        self._doubtful.discard(opening.run)
        return str(run.info.run_id)

    def _log(self, run_id: str, write: Write, tags: dict[str, str], *, with_params: bool) -> None:
        """Write all in one call, which MLflow divides if it is too long."""
        from mlflow.entities import Metric, Param, RunTag

        params = write.opening.params if with_params else {}
        self._client.log_batch(
            run_id,
            metrics=[
                Metric(point.name, point.value, _milliseconds(point.time), point.step)
                for point in write.points
            ],
            params=[Param(*item) for item in params.items()],
            tags=[RunTag(*item) for item in _fitting(tags).items()],
            synchronous=True,
        )


def _found(run: Any) -> FoundRun:
    return FoundRun(
        run_id=str(run.info.run_id),
        experiment=str(run.info.experiment_id),
        status=str(run.info.status),
        metrics=frozenset(run.data.metrics),
        is_in_bin=run.info.lifecycle_stage == "deleted",
    )


def _pages(search: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def _fitting(tags: dict[str, str]) -> dict[str, str]:
    return {name: value[:_LONGEST_TAG] for name, value in tags.items()}


def _milliseconds(time: float) -> int:
    return round(time * 1000)
