"""The thread by which a worker says that it is alive."""

import subprocess
import sys
import time

import pytest

from study.execution import heartbeat
from study.execution.beat import Beat
from study.execution.heartbeat import Heartbeat


def until(said: list[Beat], count: int) -> list[Beat]:
    end = time.monotonic() + 10
    while len(said) < count and time.monotonic() < end:
        time.sleep(0.01)
    return said


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)


def test_it_says_what_the_worker_is_at_until_it_is_stopped() -> None:
    said: list[Beat] = []
    beating = Heartbeat(said.append)
    assert until(said, 3)[-1] == Beat("starting")
    beating.begin()
    beating.phase("training")
    for step in range(1, 4):
        beating.step(step, 9)
    until(said, len(said) + 2)
    assert said[-1] == Beat("training", 3, 9)
    beating.phase("evaluating")
    assert said[-1] == Beat("evaluating", 3, 9), "a phase waited for the next beat"
    beating.begin()
    assert said[-1] == Beat("building"), "steps of the last job were kept"
    beating.stop()
    count = len(said)
    time.sleep(0.3)
    assert len(said) == count


def test_a_mailbox_that_is_gone_stops_it_quietly() -> None:
    calls: list[Beat] = []

    def send(beat: Beat) -> None:
        calls.append(beat)
        raise ConnectionError

    beating = Heartbeat(send)
    until(calls, 1)
    time.sleep(0.3)
    assert len(calls) == 1
    beating.stop()


def test_it_keeps_no_process_alive() -> None:
    code = (
        "from study.execution.heartbeat import Heartbeat\n"
        "Heartbeat(lambda beat: None); print('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert done.stdout == "done\n"
