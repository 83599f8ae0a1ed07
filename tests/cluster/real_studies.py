"""Real studies in real processes: small ones, on the shipped data."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from study.plan import AnyEvent, read_journal

SMALL = {
    "dataset.train_fraction": "0.2",
    "trial.epochs": "3",
    "stop.rungs": "[1, 3]",
    "budget.trials": "6",
    "finalists.top": "1",
    "finalists.seeds": "2",
    "space.batch_size": "[32, 64]",
    "registry.floors": "{test/f1_macro: 0.2}",
}
"""Six trials of seconds each."""


@dataclass
class Studies:
    """A storage folder and the command line at work on it."""

    storage: Path
    environment: dict[str, str] | None = None
    """Of its processes; None: this one's."""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "study", *words, "--storage", str(self.storage)]

    def run_words(self, **changes: str) -> list[str]:
        sets = SMALL | {name.replace("__", "."): value for name, value in changes.items()}
        pairs = [word for path, value in sets.items() for word in ("--set", f"{path}={value}")]
        return ["run", "search_spaces/interface.yaml", *pairs]

    def start(self, *words: str) -> subprocess.Popen[str]:
        with (self.storage / "stderr.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                self.command(*words),
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                env=self.environment,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, *words: str, timeout_s: float = 280) -> tuple[int, str]:
        process = self.start(*words)
        out, _ = process.communicate(timeout=timeout_s)
        return process.returncode, out

    def show(self, name: str = "interface") -> dict[str, Any]:
        done = subprocess.run(
            self.command("show", name, "--json"),
            capture_output=True,
            encoding="utf-8",
            env=self.environment,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def events(self, name: str = "interface") -> list[AnyEvent]:
        file = self.storage / name / "journal.jsonl"
        return read_journal(file) if file.exists() else []

    def log(self) -> str:
        return (self.storage / "stderr.log").read_text("utf-8")

    def wait_for(
        self,
        process: subprocess.Popen[str],
        happened: Callable[[list[AnyEvent]], bool],
        timeout_s: float = 200,
    ) -> None:
        end = time.monotonic() + timeout_s
        while not happened(self.events()):
            assert process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and wait until Ray's processes have noticed."""
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(children, timeout=20)


def descendants(pid: int, word: str) -> list[psutil.Process]:
    """The study's processes with `word` in their command line; none once it has left."""
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [child for child in found if any(word in part for part in _cmdline(child))]


def _cmdline(process: psutil.Process) -> list[str]:
    # Ray's processes come and go: one may be gone, or a zombie, by the time it is looked at.
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def train_workers(pid: int) -> list[psutil.Process]:
    """The Ray Train workers of a study's process."""
    return descendants(pid, "RayTrainWorker")
