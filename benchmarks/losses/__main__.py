"""`python -m benchmarks.losses`: measures, prints the table, ends with 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.losses.cases import Plan, every_loss, plans
from benchmarks.losses.inputs import SEED, TEMPERATURE
from benchmarks.losses.table import MOST_DEVIATION, Row, layout

METHOD = f"""\
Forward and backward with respect to embeddings and prototypes, float32 unless a row says
otherwise, temperature {TEMPERATURE}, seed {SEED}; 1 to 8 labels per sample, 3 on average, as
frequent as Zipf's law has it. Times are medians of sides that take turns; MB (10⁶ bytes) are the
peak of one step in a fresh process beyond its inputs. The floor is matrix products alone, tiled:
features V x V x d (similarities, the same again for backward, a gradient for either side) and
labels V x V x L, dense, V = batch + L; who uses the symmetry of pairs can go below it. Deviation
is the largest of loss and gradients, relative to the largest entry; above {MOST_DEVIATION:g} the
run fails."""


def main() -> int:
    """Measure what the arguments ask for and return the exit code."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    machine = _machine(given.device)
    began, today = time.perf_counter(), datetime.now(tz=UTC).date()
    first = _measured(plans(given.device), given.up_to)
    second = _measured([every_loss(given.device)], given.up_to)
    took = f"Everything took {time.perf_counter() - began:.0f} s."
    parts = [f"{machine}\n{METHOD}\n{took}", layout(first)]
    parts += ["Every contrastive loss with its defaults:", layout(second)]
    text = "\n\n".join(parts)
    print(text)
    if given.results is not None:
        given.results.write_text(f"# Losses, {today}\n\n`{_command()}`\n\n{text}\n", "utf-8")
    missed = [row for row in [*first, *second] if row.fails]
    print(f"\ntargets missed: {len(missed)}" if missed else "\nno target is missed")
    return int(bool(missed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.losses", description=__doc__)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=default)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--results", type=Path, help="write the dated table to this file, too")
    parser.add_argument("--up-to", type=int, default=sys.maxsize, help="largest batch measured")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device: torch sees no CUDA device")
    return given


def _measured(planned: Sequence[Plan], up_to: int) -> list[Row]:
    rows = []
    for plan in planned:
        print(f"{plan.case.name}: {plan.case.size} ...", file=sys.stderr, flush=True)
        rows += _rows_of(plan, up_to)
    return rows


def _rows_of(plan: Plan, up_to: int) -> list[Row]:
    case = plan.case
    if case.batch > up_to:
        return [Row(case=case.size, ours=case.name, note=f"skipped: batch over {up_to}")]
    try:
        return plan.measure()
    except RuntimeError as error:
        # One side that fails, for its memory say, leaves the other rows of the table.
        reason = str(error).splitlines()[0][:80]
        return [Row(case=case.size, ours=case.name, met=False, note=reason)]


def _command() -> str:
    return " ".join(["python -m benchmarks.losses", *sys.argv[1:]])


def _machine(device: str) -> str:
    name = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if device == "cuda":
        name = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    # Threads that wait for one that is not running make small batches many times slower.
    return f"{name}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f} before the run."


if __name__ == "__main__":
    raise SystemExit(main())
