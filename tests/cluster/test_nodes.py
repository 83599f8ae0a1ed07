"""A cluster whose nodes come and go: waited for, used when they join, done without when lost."""

import importlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from real_studies import Studies

from study.execution.cluster import ENVIRONMENT
from study.plan import AnyEvent, LanesPlanned, RungReached, TrialEnded, TrialStarted

# Ray warns of its own futures; MLflow's warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

WORDS = {
    "trial__epochs": "40", "stop__rule": "never", "stop__rungs": "[1]", "budget__trials": "4",
    "finalists__seeds": "1", "dataset__train_fraction": "1.0",
}  # fmt: skip


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head that trains nothing, as in cluster.yaml."""
    # Ray keeps a process's first token: it must stay in the environment after the test.
    for name, value in (ENVIRONMENT | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}).items():
        os.environ.setdefault(name, value)
    os.environ["RAY_AUTH_MODE"] = "token"
    from ray.cluster_utils import Cluster

    # Another test may have imported Ray before: it reads these two only once by itself.
    raylet: Any = importlib.import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield found
    found.shutdown()


def start(studies: Studies, cluster: Any, **changes: str) -> subprocess.Popen[str]:
    return studies.start(*studies.run_words(**WORDS | changes), "--address", cluster.address)


def wait_for_line(studies: Studies, process: subprocess.Popen[str], text: str) -> None:
    end = time.monotonic() + 200
    while text not in studies.log():
        assert process.poll() is None, studies.log()
        assert time.monotonic() < end, studies.log()
        time.sleep(0.1)


def lanes(events: list[AnyEvent]) -> list[int]:
    return [event.lanes for event in events if isinstance(event, LanesPlanned)]


def at_work(events: list[AnyEvent]) -> set[int]:
    """Trials that have reached a rung and not ended."""
    rungs = {str(event.run) for event in events if isinstance(event, RungReached)}
    ended = {event.number for event in events if isinstance(event, TrialEnded)}
    started = {event.number for event in events if isinstance(event, TrialStarted)}
    return {number for number in started - ended if f"trial/{number}" in rungs}


@pytest.mark.timeout(900)
def test_nodes_are_waited_for_used_and_done_without(studies: Studies, cluster: Any) -> None:
    process = start(studies, cluster)
    wait_for_line(
        studies,
        process,
        "waiting for a node: a lane takes 1 worker(s) x 1 CPU, the Ray cluster at "
        f"{cluster.address} has 1 node with 0 CPUs; asked the autoscaler for {{CPU: 1}}",
    )
    time.sleep(20)
    assert lanes(studies.events()) == [0]
    first = cluster.add_node(num_cpus=1)
    studies.wait_for(process, lambda events: lanes(events) == [0, 1])
    studies.wait_for(process, lambda events: bool(at_work(events)))
    cluster.add_node(num_cpus=1)
    studies.wait_for(
        process, lambda events: lanes(events) == [0, 1, 2] and len(at_work(events)) == 2
    )
    cluster.remove_node(first, allow_graceful=False)
    studies.wait_for(process, lambda events: lanes(events) == [0, 1, 2, 1])
    process.communicate(timeout=500)
    assert process.returncode == 0, studies.log()
    shown = studies.show()
    assert [trial["state"] for trial in shown["trials"]] == ["COMPLETE"] * 4
    assert all([r["epoch"] for r in trial["rungs"]] == [1, 40] for trial in shown["trials"])
    assert all(seed["state"] == "COMPLETE" for o in shown["finalists"] for seed in o["seeds"])


def test_a_node_that_does_not_come_interrupts(studies: Studies, cluster: Any) -> None:
    process = start(studies, cluster, resources__wait_minutes="0.1")
    process.communicate(timeout=200)
    assert process.returncode == 1
    assert "MachineError\nresources.wait_minutes: no node came in 0.1 minutes" in studies.log()
    assert studies.show()["state"] == "INTERRUPTED"
