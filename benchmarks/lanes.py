"""What a lane costs a trial beyond its training: `python benchmarks/lanes.py`.

Runs 12 trials of 3 rungs in one lane of 1 and of 2 workers, and prints for each the time to
the first report and, over the later trials, wall time minus what the workers spent in
training, evaluation and checkpoints. All on the shipped data, on this machine.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from study.execution.assign import Places
from study.execution.cluster import start
from study.execution.conductor import Conductor
from study.execution.prepare import PreparedFolders
from study.execution.run import run_lanes
from study.plan import (
    AnyEvent,
    Journal,
    LaneShape,
    RungReached,
    StudySpec,
    StudyStarted,
    TrialEnded,
    TrialStarted,
    digest_of,
    load,
    now,
)

FILE = Path(__file__).parent.parent / "search_spaces" / "interface.yaml"
SETS = (
    "dataset.train_fraction=0.1",
    "trial.epochs=3",
    "stop={rule: never, rungs: [1, 2, 3]}",
    "space.batch_size=[64]",
    "budget.trials=12",
    "finalists={top: 1, seeds: 1}",
    "resources.lanes=1",
)


def run(workers: int, folder: Path) -> list[AnyEvent]:
    """Return the journal of a small search in one lane."""
    spec = load(FILE, [*SETS, f"resources.workers={workers}"])
    prepared = PreparedFolders(spec.dataset.open(), folder / "cache", print)
    journal = Journal(folder / "journal.jsonl")
    with start("local", folder / "ray.log", cpus=workers) as cluster:
        journal.append(_beginning(spec))
        conductor = Conductor(spec, journal, Places(folder, prepared.folder_for), lanes=1)
        run_lanes(conductor, LaneShape(workers, cpus=1, gpus=0), cluster, lambda: 1, logs=folder)
    journal.close()
    return journal.events


def _beginning(spec: StudySpec) -> StudyStarted:
    return StudyStarted(
        time=now(),
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_digest=digest_of(spec),
        dataset_digest="",
        label_names=(),
        sizes={},
        git_commit=None,
        package_version="",
    )


def overheads(events: list[AnyEvent]) -> list[float]:
    """Return for every trial its wall time minus its workers' own, in seconds."""
    begun = {e.number: e.time for e in events if isinstance(e, TrialStarted)}
    ended = {e.number: e.time for e in events if isinstance(e, TrialEnded)}
    spent = dict.fromkeys(begun, 0.0)
    for event in events:
        if isinstance(event, RungReached) and event.run.startswith("trial/"):
            spent[int(event.run.partition("/")[2])] += event.seconds
    return [ended[number] - begun[number] - spent[number] for number in begun]


def main() -> None:
    """Print the table."""
    print(f"{'workers':>8} {'first trial s':>14} {'later trials s: median':>23} {'max':>6}")
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            began = time.time()
            first, *later = overheads(run(workers, Path(folder)))
            row = f"{workers:>8} {first:>14.2f} {statistics.median(later):>23.3f}"
            print(f"{row} {max(later):>6.3f}   ({time.time() - began:.0f} s in all)")


if __name__ == "__main__":
    main()
