"""How Ray is started: safely, quietly, and not for ever."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from study.errors import ResourceError
from study.execution.cluster import ENVIRONMENT, start
from study.plan import Node


def test_workers_are_not_niced_and_slow_starts_are_waited_for() -> None:
    assert ENVIRONMENT["RAY_worker_niceness"] == "0"
    assert int(ENVIRONMENT["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"]) >= 1800
    assert ENVIRONMENT["RAY_USAGE_STATS_ENABLED"] == "0"


def test_an_address_where_nobody_listens_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ResourceError) as caught, start(address, tmp_path / "ray.log"):
        pass
    assert str(caught.value).startswith("--address: must be local, auto or HOST:PORT")


def test_a_ray_that_was_imported_too_early_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import ray  # noqa: F401 - as a notebook may have done

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_worker_niceness")
    for _ in range(2):
        with pytest.raises(ResourceError), start("nowhere:1", tmp_path / "ray.log"):
            pass
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("ray was imported before the study could set RAY_worker_niceness:")


def test_only_the_run_sees_what_tune_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from study.execution.run import TUNES_OWN, _environment

    first, second = TUNES_OWN
    monkeypatch.delenv(first, raising=False)
    monkeypatch.setenv(second, "the user's")
    with _environment(TUNES_OWN):
        assert {name: os.environ[name] for name in TUNES_OWN} == TUNES_OWN
    assert first not in os.environ
    assert os.environ[second] == "the user's"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_ray_that_runs_already_is_refused_and_left_alone(tmp_path: Path) -> None:
    import ray

    with start("local", tmp_path / "ray.log", cpus=1):
        again = start("local", tmp_path / "other.log", cpus=1)
        with pytest.raises(ResourceError, match="is running in this process"), again:
            pass
        assert ray.is_initialized()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_local_ray_has_a_token_leaves_our_signals_alone_and_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    # A home that cannot be written: no token may be looked for or left there.
    monkeypatch.setenv("HOME", "/proc/self")
    before = signal.getsignal(signal.SIGTERM)
    with start("local", tmp_path / "ray.log", cpus=1) as cluster:
        assert cluster.nodes() == (Node(1, 0),)
        assert cluster.cpus_in_use() == 0
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
        assert signal.getsignal(signal.SIGTERM) is before
        assert ray.get(ray.remote(lambda: 3).remote()) == 3
        scratch = cluster.scratch
        assert scratch.is_dir()
    assert not scratch.exists()
    assert not ray.is_initialized()


@pytest.mark.slow
def test_a_stranger_without_the_token_is_kept_out(tmp_path: Path) -> None:
    import ray

    with start("local", tmp_path / "ray.log", cpus=1):
        address = ray.get_runtime_context().gcs_address
        stranger = subprocess.run(
            [sys.executable, "-c", f"import ray; ray.init(address='{address}')"],
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=200,
            env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64},
        )
    assert stranger.returncode != 0
    assert "InvalidAuthToken" in stranger.stderr
