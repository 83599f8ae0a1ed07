"""What a sampler loses that sees at most so many trials: `python -m benchmarks.seen`.

Searches a made-up function of eight losses, each with its own best settings, with noise; once
with every number of trials that the sampler may see. Prints the regret of the best trial, as the
noise shows it, and the mean regret of the last proposals, both against the true optimum.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Mapping
from statistics import fmean

from study.search import Choice, Float, Parameter, Proposer, Space, TpeSpec, Value, alike
from study.spec import TrialState

LOSSES = tuple("abcdefgh")
AXES = ("x", "y", "z", "u")
SPACE = Space(
    (
        Parameter("loss", Choice(LOSSES)),
        Parameter("size", Choice((64, 128, 256, 512))),
        *(Parameter(axis, Float(0.0, 1.0)) for axis in AXES),
    )
)
NOISE = 0.02
LAST = 500


def value_of(params: Mapping[str, Value]) -> float:
    """Return the true value: at most 1, for loss ``a`` at its best settings."""
    loss = str(params["loss"])
    best = random.Random(loss)
    value = 1.0 - 0.01 * LOSSES.index(loss) - 0.02 * (params["size"] != 128)
    return value - sum((float(params[axis]) - best.random()) ** 2 for axis in AXES)


def regrets(trials: int, seen: int, seed: int) -> tuple[float, float, float]:
    """Return the best trial's regret, the mean regret of the last, and ms of processor a trial."""
    alike.SHOWN = seen
    proposer, draw = Proposer(SPACE, "maximize", TpeSpec(), seed), random.Random(seed)
    found = []
    start = time.process_time()
    for _ in range(trials):
        trial = proposer.ask()
        true = value_of(trial.params)
        measured = true + draw.gauss(0, NOISE)
        proposer.tell(trial.number, TrialState.COMPLETE, measured)
        found.append((measured, 1.0 - true))
    spent = (time.process_time() - start) * 1000 / trials
    return max(found)[1], fmean(regret for _, regret in found[-LAST:]), spent


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seen", type=int, nargs="+", default=[250, 1000, 10**9])
    asked = parser.parse_args()
    print("| seen at most | regret of the best | of the last 500 | ms a trial |")
    print("|---|---|---|---|")
    for seen in asked.seen:
        runs = [regrets(asked.trials, seen, seed) for seed in range(asked.seeds)]
        best, last, spent = (fmean(column) for column in zip(*runs, strict=True))
        print(f"| {seen} | {best:.4f} | {last:.4f} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
