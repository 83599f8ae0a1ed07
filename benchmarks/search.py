"""What the decisions of a long study cost: `python -m benchmarks.search`.

Simulates a study with the real conductor, sampler and journal but without Ray and training, and
prints for each thousand trials the time a trial took, and what asking the sampler alone takes
after so many trials. Nothing of it may grow with the number of trials: the last line compares
the last thousand with the second. The journal lies in a temporary folder (`TMPDIR`), whose disk
decides what an event costs.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from study.execution.conductor import Conductor
from study.execution.job import Assignment
from study.execution.simulate import Point, Simulation, VirtualClock, begin_study, places_of
from study.plan import Journal, StudySpec, load
from study.search import Proposer, RestoredTrial
from study.spec import TrialState

FILE = Path(__file__).parent.parent / "search_spaces" / "quickstart.yaml"
STEP = 1000
ASKS = 20


@final
@dataclass(frozen=True)
class Row:
    """A thousand trials."""

    trials: int
    """That had ended then."""

    wall_ms: float
    """Wall time of a trial."""

    cpu_ms: float
    """Processor time of a trial, in this process."""

    ask_ms: float
    """Processor time of one proposal alone, after so many trials."""

    restore_s: float
    """Processor time of restoring so many trials, up to the first proposal."""

    events: int
    """In the journal, in all."""


def value_of(assignment: Assignment, epoch: int) -> float:
    """Return the objective on a landscape with one good temperature and learning rate a loss."""
    loss = assignment.spec["loss"]
    # Text seeds the same generator in every process.
    draw = random.Random(f"{assignment.run} {epoch}")
    best = random.Random(loss["name"]).uniform(0.4, 0.6)
    rate = math.log10(assignment.spec["optimizer"]["learning_rate"] / 2e-2)
    temperature = math.log10(loss.get("temperature", 0.1) / 0.1)
    return best - 0.1 * rate**2 - 0.1 * temperature**2 - 0.1 / epoch + draw.gauss(0, 0.005)


def curve(assignment: Assignment) -> list[Point]:
    """Return a made-up run: 1 to 3 s an evaluation."""
    draw = random.Random(assignment.run)
    return [Point(value_of(assignment, epoch), draw.uniform(1, 3)) for epoch in assignment.rungs]


def rows(spec: StudySpec, lanes: int, folder: Path) -> Iterator[Row]:
    """Yield a row for each thousand trials of a study."""
    clock, journal = VirtualClock(), Journal(folder / "journal.jsonl")
    begin_study(journal, spec, clock)
    conductor = Conductor(spec, journal, places_of(folder), lanes=lanes, clock=clock)
    simulation = Simulation(conductor, clock, curve)
    for ended in range(STEP, spec.budget.trials + 1, STEP):
        wall, cpu = time.perf_counter(), time.process_time()
        while len(conductor.record.ended) < ended:
            simulation.advance()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        ask_ms, restore_s = asks_alone(spec, conductor.known_trials)
        per_trial = 1000 / STEP
        num_events = len(journal.events)
        yield Row(ended, wall * per_trial, cpu * per_trial, ask_ms, restore_s, num_events)
    journal.close()


def asks_alone(spec: StudySpec, known: Sequence[RestoredTrial]) -> tuple[float, float]:
    """Return the milliseconds of one proposal, in the median, and the seconds before the first."""
    (objective,) = spec.objectives
    start = time.process_time()
    proposer = Proposer(spec.search_space(), objective.direction, spec.search.sampler)
    proposer.restore(known)
    proposer.ask()
    restored = time.process_time() - start
    taken = []
    for _ in range(ASKS):
        start = time.process_time()
        number = proposer.ask().number
        taken.append(time.process_time() - start)
        proposer.tell(number, TrialState.FAIL)
    return statistics.median(taken) * 1000, restored


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10 * STEP)
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--sampler", default="tpe")
    asked = parser.parse_args()
    sets = [f"budget={{trials: {asked.trials}}}", f"search.sampler={asked.sampler}"]
    print("| trials ended | ms a trial | of it processor | one ask, ms | restore, s | events |")
    print("|---|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(load(FILE, sets), asked.lanes, Path(folder)):
            found.append(row)
            print(
                f"| {row.trials} | {row.wall_ms:.1f} | {row.cpu_ms:.1f} | {row.ask_ms:.1f} "
                f"| {row.restore_s:.2f} | {row.events} |",
                flush=True,
            )
    if len(found) > 2:
        wall, cpu = (
            getattr(found[-1], name) / getattr(found[1], name) for name in ("wall_ms", "cpu_ms")
        )
        print(f"\nlast thousand / second thousand: {wall:.2f} (processor time {cpu:.2f})")


if __name__ == "__main__":
    main()
