"""Ray, started quietly and stopped wholly.

Defaults of Ray that hang, starve or chatter are set here, before Ray starts:

- Ray runs its workers at niceness 15: beside busy processes they starve. Set to 0.
- Train gives a worker group 60 s to start, then tries anew, for ever: on a busy machine
  that never ends. Set to half an hour; the watch says what is waited for.
- Whoever reaches an open Ray runs code in it. A local one gets a token of its own, which goes
  with it; for a cluster the user's token is taken.
- Telemetry is off, unless the user turned it on.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from study.errors import Problem, ResourceError
from study.scratch import held

ENVIRONMENT = {
    "RAY_worker_niceness": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "1800",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    # The journal is the state: Tune's own snapshots are never read.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "1000000",
    "RAY_AIR_NEW_OUTPUT": "0",
}
"""Set unless the user set them; ``ray start`` on every node of a cluster needs the first."""

LOGGERS = ("ray", "ray.tune", "ray.train", "ray.data")


@final
@dataclass(frozen=True)
class Cluster:
    """What there is to run on."""

    cpus: int
    gpus: int
    where: str
    """For messages: ``this machine`` or the cluster's address."""

    scratch: Path
    """For files of Ray and Tune that nobody reads again."""


@contextmanager
def start(address: str, log: Path, cpus: int | None = None) -> Iterator[Cluster]:
    """Start Ray, or join a running one, and leave nothing of it behind.

    Args:
        address: ``local`` starts one on this machine; ``auto`` or an address joins.
        log: Where Ray's own messages go.
        cpus: Cores a local Ray may use; None for all this process may.

    Raises:
        ResourceError: If there is no Ray at the address.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _provide_token(address)
    scratch = _make_scratch(address, log)
    handler = logging.FileHandler(log, encoding="utf-8")
    try:
        with held(scratch), _quiet(handler):
            yield _connect(address, scratch, cpus)
    finally:
        _shutdown()
        handler.close()
        _remove(scratch)


def _remove(folder: Path) -> None:
    """Remove a folder into which Ray's last processes may still write for a moment."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _provide_token(address: str) -> None:
    """Have a token before Ray asks for one; that it is asked for is Ray's own default."""
    if address == "local":
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    elif "RAY_AUTH_TOKEN" in os.environ or Path("~/.ray/auth_token").expanduser().exists():
        # Joining a cluster, Ray would not send the token that it has.
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _make_scratch(address: str, log: Path) -> Path:
    if address != "local":
        # Every node must see it: beside the log, in the study's own folder.
        folder = log.parent / "scratch"
        folder.mkdir(exist_ok=True)
        return folder
    # Ray's sockets lie there, and a socket's path has at most 107 characters.
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="study-", dir=usual if len(usual) < 30 else "/tmp"))


def _connect(address: str, scratch: Path, cpus: int | None) -> Cluster:
    import ray

    local = address == "local"
    if not local:
        _require_answer(address)
    before = signal.getsignal(signal.SIGTERM)
    named = (
        {
            "num_cpus": cpus or len(os.sched_getaffinity(0)),
            "include_dashboard": False,
            "_temp_dir": str(scratch / "ray"),
        }
        if local
        else {}
    )
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **named)
    except (OSError, ValueError, RuntimeError) as error:
        rule = f"must be local, auto or the address of a running Ray, not {address!r}: {error}"
        raise ResourceError(Problem("--address", rule)) from None
    if threading.current_thread() is threading.main_thread():
        # Ray's own handler aborts the process with a stack trace.
        signal.signal(signal.SIGTERM, before)
    there = ray.cluster_resources()
    return Cluster(
        cpus=int(there.get("CPU", 0)),
        gpus=int(there.get("GPU", 0)),
        where="this machine" if local else f"the Ray cluster at {address}",
        scratch=scratch,
    )


def _require_answer(address: str) -> None:
    """Ray tries a dead address for minutes: ask first.

    Raises:
        ResourceError: If nobody listens there.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        rule = f"must be local, auto or HOST:PORT of a running Ray, not {address!r}: {error}"
        raise ResourceError(Problem("--address", rule)) from None


def _shutdown() -> None:
    import sys

    if "ray" not in sys.modules:
        return
    stopping = threading.Thread(target=sys.modules["ray"].shutdown, name="ray-shutdown")
    stopping.start()
    while stopping.is_alive():
        stopping.join(0.005)
        if threading.current_thread() is threading.main_thread():
            # Ray's end resets the handler of SIGTERM, unseen by Python: another SIGTERM would
            # kill this process in the middle of its clean-up.
            signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


@contextmanager
def _quiet(handler: logging.Handler) -> Iterator[None]:
    """Send what Ray logs to the file alone."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers[:], logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
