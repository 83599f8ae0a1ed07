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
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from study.errors import Problem, ResourceError
from study.plan import Node
from study.plan.resources import THIS_MACHINE
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

_log = logging.getLogger(__name__)

LOGGERS = ("ray", "ray.tune", "ray.train", "ray.data")


@final
@dataclass(frozen=True)
class Cluster:
    """A Ray that is running, and this process connected to it."""

    where: str
    """For messages: ``this machine`` or the cluster's address."""

    scratch: Path
    """For files of Ray and Tune that nobody reads again."""

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes that are there now, with all that they have."""
        import ray

        has = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return tuple(Node(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in has)

    def cpus_in_use(self) -> int:
        """Return the CPUs that somebody uses now."""
        import ray

        there, free = ray.cluster_resources(), ray.available_resources()
        return int(there.get("CPU", 0) - free.get("CPU", 0))

    def ask(self, bundles: list[dict[str, float]]) -> None:
        """Ask the autoscaler, if there is one, for nodes with room for ``bundles`` in all.

        The request holds until the next one: end it with an empty list. It is the cluster's only
        one, so studies on one cluster replace each other's.
        """
        from ray.autoscaler.sdk import request_resources

        request_resources(bundles=bundles)


@contextmanager
def start(address: str, log: Path, cpus: int | None = None) -> Iterator[Cluster]:
    """Start Ray, or join a running one, and leave nothing of it behind.

    Args:
        address: ``local`` starts one on this machine; ``auto`` or an address joins.
        log: Where Ray's own messages go.
        cpus: Cores a local Ray may use; None for all this process may.

    Raises:
        ResourceError: If there is no Ray at the address, or this process has one already.
    """
    _prepare_environment()
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


def _prepare_environment() -> None:
    """Set what Ray must find when it starts; in a notebook it may have started before.

    Raises:
        ResourceError: If this process is connected to a Ray already.
    """
    if "ray" in sys.modules:
        _require_no_ray()
        late = [name for name in ENVIRONMENT if name not in os.environ]
        if late:
            _log.warning(
                "ray was imported before the study could set %s: what Ray reads when it is "
                "imported does not apply; import ray later, or set them yourself",
                ", ".join(late),
            )
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _require_no_ray() -> None:
    import ray

    if ray.is_initialized():
        rule = (
            "a Ray is running in this process already, without the settings that a study "
            "needs: call ray.shutdown() first"
        )
        raise ResourceError(Problem("--address", rule))


def _provide_token(address: str) -> None:
    """Have a token before Ray asks for one; that it is asked for is Ray's own default."""
    if address == "local":
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        if "ray" not in sys.modules:
            # Ray reads this once, when it is imported; its processes would read it later. Said
            # outright, Ray does not warn that it is the default.
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
    return Cluster(_named(address), scratch)


def _named(address: str) -> str:
    """Return what messages call the place where Ray runs."""
    known = {"local": THIS_MACHINE, "auto": "the Ray cluster"}
    return known.get(address, f"the Ray cluster at {address}")


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
