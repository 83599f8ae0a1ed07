"""Ray Tune drives the conductor: it asks for runs when lanes are free and passes reports on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, final

from ray import tune
from ray.tune import TuneError
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from study.errors import StudyError
from study.execution.cluster import Cluster
from study.execution.conductor import Conductor, Nothing
from study.execution.job import Report
from study.execution.lane import Lane, LaneSpec
from study.execution.names import PAYLOAD
from study.execution.worker_log import prune
from study.plan import ResourcesSpec


def run_lanes(
    conductor: Conductor,
    resources: ResourcesSpec,
    cluster: Cluster,
    *,
    lanes: int,
    logs: Path,
) -> None:
    """Run whatever the conductor asks for until it asks for nothing more.

    Args:
        conductor: Decides; only this thread talks to it.
        resources: What one trial may use.
        cluster: A Ray that is running.
        lanes: Trials at a time.
        logs: Folder of the study's logs; of those of earlier workers the latest are kept.

    Raises:
        MachineError: If the study must be interrupted.
        StudyError: If Tune's own loop fails.
    """
    lane = LaneSpec(
        workers=resources.workers,
        cpus_per_worker=resources.cpus_per_worker,
        gpus_per_worker=resources.gpus_per_worker,
        folder=str(cluster.scratch / "train"),
        logs=str(logs),
        stall_s=60 * resources.stall_minutes,
    )
    prune(logs)
    # A pending trial holds a proposal: no more of them than lanes.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(lanes)
    names: dict[str, str] = {}
    try:
        _tune(conductor, resources, cluster, lane, lanes, names)
    except TuneError as error:
        if conductor.interrupted is not None:
            raise conductor.interrupted from None
        # Tune's text is a whole traceback; its last line is the error.
        raise StudyError(str(error).strip().splitlines()[-1]) from error
    finally:
        prune(logs)


def _tune(
    conductor: Conductor,
    resources: ResourcesSpec,
    cluster: Cluster,
    lane: LaneSpec,
    lanes: int,
    names: dict[str, str],
) -> None:
    tune.run(
        Lane,
        name="study",
        config={"lane": lane},
        resources_per_trial=lane.placement(),
        num_samples=-1,
        storage_path=str(cluster.scratch / "tune"),
        search_alg=_Asking(conductor, names),
        scheduler=_Passing(conductor, names, lane, lanes),
        reuse_actors=not resources.isolated,
        # The Tune actor itself may die once, with its lane; workers' deaths are the lane's.
        max_failures=1,
        raise_on_failed_trial=False,
        verbose=0,
        trial_dirname_creator=lambda trial: trial.trial_id,
    )


@final
class _Asking(Searcher):  # type: ignore[misc]
    """Asks the conductor for runs. Nothing of it is ever saved: the journal is the state."""

    def __init__(self, conductor: Conductor, names: dict[str, str]) -> None:
        super().__init__()
        self._conductor = conductor
        self._names = names

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a run as Tune's config, None to be asked again, or that all is done."""
        assignment = self._conductor.next()
        if assignment is Nothing.YET:
            return None
        if assignment is Nothing.EVER:
            return str(Searcher.FINISHED)
        self._names[trial_id] = assignment.run
        return {"assignment": assignment}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the conductor of a run that Tune gave up."""
        if error:
            self._conductor.lose(self._names[trial_id], "its lane died twice")

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Save nothing."""

    def save(self, checkpoint_path: str) -> None:
        """Save nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


@final
class _Passing(TrialScheduler):  # type: ignore[misc]
    """Passes reports to the conductor and its decisions back to Tune."""

    def __init__(
        self, conductor: Conductor, names: dict[str, str], lane: LaneSpec, lanes: int
    ) -> None:
        super().__init__()
        self._conductor = conductor
        self._names = names
        self._kept = (lane.placement(), lanes)
        self._keeps = False

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Have Tune keep every lane that is idle for a moment, not only the first."""
        if not self._keeps:
            self._keeps = True
            tune_controller._actor_cache.increase_max(*self._kept)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Return whether the run goes on."""
        goes_on = self._conductor.hear(Report(**json.loads(result[PAYLOAD])))
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Take the last report, which Tune does not pass to :meth:`on_trial_result`."""
        if PAYLOAD in result:
            self._conductor.hear(Report(**json.loads(result[PAYLOAD])))

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Do nothing: the searcher is told when Tune has given up."""

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Do nothing: nobody removes a trial that waits."""

    def choose_trial_to_run(self, tune_controller: Any, **_named: Any) -> Any:
        """Return the first trial that waits."""
        waiting = (t for t in tune_controller.get_trials() if t.status in {"PENDING", "PAUSED"})
        return next(waiting, None)

    def debug_string(self) -> str:
        """Return what Tune would print."""
        return "conductor"
