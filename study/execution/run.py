"""Ray Tune drives the conductor: it asks for runs when lanes are free and passes reports on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from ray import tune
from ray.tune import TuneError
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from study.errors import StudyError
from study.execution.cluster import Cluster
from study.execution.conductor import Conductor, Nothing
from study.execution.job import Assignment, Report
from study.execution.lane import Lane, LaneSpec
from study.execution.names import PAYLOAD
from study.execution.watch import stop_run
from study.execution.worker_log import prune
from study.plan import LaneShape

MANY = 10_000
"""For Tune's own limits: the conductor decides how many runs there are at a time."""

TUNES_OWN = {
    "TUNE_MAX_PENDING_TRIALS_PG": str(MANY),
    # Else Tune itself starts the runs of a preempted node again, unknown to the conductor.
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",
}
"""What Tune reads while it runs."""


def run_lanes(
    conductor: Conductor,
    shape: LaneShape,
    cluster: Cluster,
    lanes: Callable[[], int],
    *,
    logs: Path,
    stall_s: float = 1800.0,
) -> None:
    """Run what the conductor asks for until it asks for nothing more.

    Args:
        conductor: Decides; only this thread talks to it.
        shape: What one lane takes.
        cluster: A Ray that is running.
        lanes: Returns how many trials may run at a time now; 0 while a node is waited for.
        logs: Folder of the study's logs; of those of earlier workers the latest are kept.
        stall_s: How long a training step may take.

    Raises:
        MachineError: If the study must be interrupted.
        StudyError: If Tune's own loop fails.
    """
    lane = LaneSpec(
        workers=shape.workers,
        cpus_per_worker=shape.cpus,
        gpus_per_worker=shape.gpus,
        folder=str(cluster.scratch / "train"),
        logs=str(logs),
        stall_s=stall_s,
    )
    prune(logs)
    link = _Link(conductor, lanes)
    try:
        with _environment(TUNES_OWN):
            _tune(link, lane, cluster)
    except TuneError as error:
        if conductor.interrupted is not None:
            raise conductor.interrupted from None
        # Tune's text is a whole traceback; its last line is the error.
        raise StudyError(str(error).strip().splitlines()[-1]) from error


def _tune(link: _Link, lane: LaneSpec, cluster: Cluster) -> None:
    tune.run(
        Lane,
        name="study",
        config={"lane": lane},
        resources_per_trial=lane.placement(),
        num_samples=-1,
        storage_path=str(cluster.scratch / "tune"),
        search_alg=_Asking(link),
        scheduler=_Passing(link, lane),
        reuse_actors=True,
        # A run whose lane is lost goes back to the conductor, which counts.
        max_failures=0,
        raise_on_failed_trial=False,
        verbose=0,
        trial_dirname_creator=lambda trial: trial.trial_id,
    )


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for this process, and set them back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@final
class _Link:
    """What passes between Tune and the conductor, in Tune's words and in the conductor's."""

    def __init__(self, conductor: Conductor, lanes: Callable[[], int]) -> None:
        self._conductor = conductor
        self._lanes = lanes
        self._names: dict[str, str] = {}

    def ask(self, trial_id: str) -> Assignment | Nothing:
        """Return what a new trial of Tune is to run."""
        for run in self._conductor.expire():
            stop_run(str(run))
        lanes = self._lanes()
        if not lanes:
            return Nothing.YET
        self._conductor.lanes = lanes
        assignment = self._conductor.next()
        if isinstance(assignment, Assignment):
            self._names[trial_id] = assignment.run
        return assignment

    def hear(self, result: dict[str, Any]) -> bool:
        """Pass a report on; return whether the run continues."""
        return self._conductor.hear(Report(**json.loads(result[PAYLOAD])))

    def lose(self, trial: Any) -> None:
        """Give a run whose lane is lost back to the conductor."""
        error = trial.get_pickled_error()
        cause = getattr(error, "cause", None) or error
        reason = f"{type(cause).__name__}: {cause}" if cause else "its lane ended"
        self._conductor.lose(self._names[trial.trial_id], reason.splitlines()[0])


@final
class _Asking(Searcher):  # type: ignore[misc]
    """Asks the conductor for runs. Nothing of it is ever saved: the journal is the state."""

    def __init__(self, link: _Link) -> None:
        super().__init__()
        self._link = link

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a run as Tune's config, None to be asked again, or that all is done."""
        assignment = self._link.ask(trial_id)
        if assignment is Nothing.YET:
            return None
        if assignment is Nothing.EVER:
            return str(Searcher.FINISHED)
        return {"assignment": assignment}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the scheduler, which knows Tune's trials, has told the conductor."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Save nothing."""

    def save(self, checkpoint_path: str) -> None:
        """Save nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


@final
class _Passing(TrialScheduler):  # type: ignore[misc]
    """Passes reports to the conductor and its decisions back to Tune."""

    def __init__(self, link: _Link, lane: LaneSpec) -> None:
        super().__init__()
        self._link = link
        self._placement = lane.placement()
        self._keeps = False

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Have Tune keep every lane that is idle for a moment, not only the first."""
        if not self._keeps:
            self._keeps = True
            tune_controller._actor_cache.increase_max(self._placement, MANY)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Return whether the run continues."""
        continues = self._link.hear(result)
        return str(TrialScheduler.CONTINUE if continues else TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Take the last report, which Tune does not pass to :meth:`on_trial_result`."""
        if PAYLOAD in result:
            self._link.hear(result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Give the run of a lost lane back, and drop idle lanes: they may be lost as well."""
        tune_controller._cleanup_cached_actors(force_all=True)
        self._link.lose(trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Do nothing: nobody removes a trial that waits."""

    def choose_trial_to_run(self, tune_controller: Any, **_named: Any) -> Any:
        """Return the first trial that waits."""
        waiting = (t for t in tune_controller.get_trials() if t.status in {"PENDING", "PAUSED"})
        return next(waiting, None)

    def debug_string(self) -> str:
        """Return what Tune would print."""
        return "conductor"
