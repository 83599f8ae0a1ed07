"""The same through an MLflow server, which may go away and come back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from study.plan import AnyEvent, FinalistRun, Journal, RunOpened
from study.promotion import reload
from study.tracking import Mirror, Registry, open_store
from tests.serving.exported import TEXTS, exported_to

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
]


@contextmanager
def served(storage: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{storage}/mlflow.db"]
    command += ["--artifacts-destination", str(storage / "artifacts")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        command,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_health(f"http://127.0.0.1:{port}/health")
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _await_health(url: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_server_that_goes_away_and_comes_back_misses_nothing(
    storage: Path,
    port: int,
    story: list[AnyEvent],
    dump: Callable[[Path], dict[str, dict[str, Any]]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "mine" / "quick"
    journal = Journal(folder / "journal.jsonl")
    with served(storage, port):
        store = open_store(f"http://127.0.0.1:{port}", folder.parent)
        mirror = Mirror(store, journal, folder)
        for event in story[:9]:
            journal.append(event)
        assert mirror.flush()
    for event in story[9:-3]:
        journal.append(event)
    assert not mirror.flush(1)
    with served(storage, port):
        assert mirror.flush(60)
        version_from(store, journal, tmp_path)
        for event in story[-3:]:
            journal.append(event)
        assert mirror.close()
    journal.close()
    runs = dump(storage / "mlflow.db")
    assert len(runs) == 9
    assert {one["status"] for one in runs.values()} == {"FINISHED", "KILLED", "FAILED"}
    assert capfd.readouterr().out == ""


def version_from(store: Any, journal: Journal, folder: Path) -> None:
    """Register through the server, whose artifacts are not on this disk."""
    opened = [one for one in journal.events if isinstance(one, RunOpened)]
    run_id = next(one.run_id for one in opened if one.run == FinalistRun(0, 1))
    exported = exported_to(folder / "exported")
    tags = {"study.id": "quick", "study.run": "finalist/0/1"}
    version = Registry(store).register(run_id, exported, "tags", tags, TEXTS[0])
    found = reload(store.uri, f"models:/tags/{version}", exported, TEXTS)
    assert found.problem == ""
    assert found.holds
