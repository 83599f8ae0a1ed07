"""Lanes on a real local Ray: nothing leaks, idle lanes stay, a lost lane comes back."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from real_studies import SMALL, Studies, descendants, train_workers

from study.execution.assign import Places
from study.execution.cluster import start
from study.execution.conductor import Conductor
from study.execution.prepare import PreparedFolders
from study.execution.run import run_lanes
from study.execution.watch import LaneStatus, watching
from study.plan import (
    AnyEvent,
    Journal,
    RungReached,
    StudyStarted,
    digest_of,
    fold,
    load,
    now,
    plan_lanes,
)

# Ray warns of its own futures; what it prints goes to its log.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.jsonl")
    yield journal
    journal.close()


def run(journal: Journal, *sets: str) -> tuple[list[LaneStatus], dict[str, float]]:
    """Run a small study's lanes in this process; return what was seen of them and is left."""
    folder = journal.file.parent
    small = [f"{path}={value}" for path, value in SMALL.items()]
    spec = load(Path("search_spaces/interface.yaml"), [*small, *sets])
    prepared = PreparedFolders(spec.dataset.open(), folder / "cache", print)
    journal.append(
        StudyStarted(
            time=now(), name="x", spec=spec.model_dump(mode="json"), spec_digest=digest_of(spec),
            dataset_digest="", label_names=(), sizes={}, git_commit=None, package_version="",
        )
    )  # fmt: skip
    seen: list[LaneStatus] = []
    with start("local", folder / "ray.log", cpus=2) as cluster:
        plan = plan_lanes(spec.resources, cluster.nodes(), spec.budget.trials)
        places = Places(folder, prepared.folder_for)
        conductor = Conductor(spec, journal, places, lanes=plan.lanes)
        with watching(seen.extend):
            run_lanes(conductor, plan.shape, cluster, lambda: plan.lanes, logs=folder / "logs")
        left = _freed()
    # Ray drops its processes without waiting for them: what Python says of that is said here.
    gc.collect()
    return seen, left


def _freed() -> dict[str, float]:
    """Return what is free once Ray has noticed that the lanes left."""
    import ray

    end = time.monotonic() + 30
    while (free := ray.available_resources()).get("CPU", 0) < 2 and time.monotonic() < end:
        time.sleep(0.2)
    groups = ray.util.placement_group_table().values()
    return {"CPU": free["CPU"], "groups": sum(g["state"] != "REMOVED" for g in groups)}


def states(events: list[AnyEvent]) -> list[str]:
    return [str(trial.state) for trial in fold(events, running=False).trials]


def test_pruned_trials_leak_no_placement_group_and_idle_lanes_are_kept(
    journal: Journal,
) -> None:
    seen, left = run(journal)
    assert left == {"CPU": 2.0, "groups": 0}
    assert "PRUNED" in states(journal.events)
    assert len(states(journal.events)) == 6
    assert any(status.run for status in seen), "nobody saw a lane at work"
    assert len({status.lane for status in seen}) == 2, "a lane was started anew"


@pytest.mark.timeout(500)
def test_a_lane_killed_twice_costs_its_trial_nothing(studies: Studies) -> None:
    """Its placement groups are freed too: of three lanes on two cores two have been lost."""
    words = studies.run_words(
        trial__epochs="30", stop__rule="never", stop__rungs="[1]", budget__trials="1",
        finalists__seeds="1", resources__lanes="1", dataset__train_fraction="1.0",
    )  # fmt: skip
    process = studies.start(*words)
    studies.wait_for(process, lambda events: any(isinstance(e, RungReached) for e in events))
    killed = kill_lanes(process.pid, set())
    wait_for_workers(process.pid)
    kill_lanes(process.pid, killed)
    process.communicate(timeout=400)
    assert process.returncode == 0, studies.log()
    (trial,) = studies.show()["trials"]
    assert trial["state"] == "COMPLETE"
    assert [rung["epoch"] for rung in trial["rungs"]] == [1, 30]


def kill_lanes(pid: int, but: set[int]) -> set[int]:
    lanes = [lane for lane in descendants(pid, "Lane") if lane.pid not in but]
    assert lanes
    for lane in lanes:
        lane.kill()
    psutil.wait_procs(lanes, timeout=20)
    return {lane.pid for lane in lanes}


def wait_for_workers(pid: int) -> None:
    """Wait until the workers of the lost lane have gone and those of a new one are there."""
    lost = train_workers(pid)
    psutil.wait_procs(lost, timeout=60)
    end = time.monotonic() + 120
    while not train_workers(pid):
        assert time.monotonic() < end
        time.sleep(0.1)
