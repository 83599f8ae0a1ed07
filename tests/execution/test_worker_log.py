"""What a worker printed before it died stays, and the folder stays small."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.execution.group_failure import GroupFailure, last_words, shortened
from study.execution.worker_log import MAX_BYTES, fatal_error, prune, tail

CODE = """
import os, sys, faulthandler
from pathlib import Path
from study.execution.worker_log import WorkerLog
log = WorkerLog(Path(sys.argv[1]), "worker-a-0-b")
"""


def process(folder: Path, code: str) -> Path:
    subprocess.run([sys.executable, "-c", CODE + code, folder], check=False)
    return folder / "worker-a-0-b.log"


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("print('last words', flush=True); os.abort()", "Aborted"),
        (
            "print('last words', flush=True)\ndef f(n): f(n - 1) if n else os.abort()\nf(50)",
            "Aborted",
        ),
        ("print('last words', flush=True); faulthandler._sigsegv()", "Segmentation fault"),
        ("os.system('echo last words'); os.kill(os.getpid(), 9)", None),
    ],
    ids=["abort", "deep abort", "segfault", "kill"],
)
def test_a_dead_process_leaves_its_last_words(tmp_path: Path, code: str, how: str | None) -> None:
    file = process(tmp_path / "logs", code)
    lines = tail(file)
    assert lines[0] == "last words"
    assert fatal_error(lines) == how
    said = last_words(GroupFailure("whatever Ray says", dead=(0,)), {0: str(file)})
    assert (
        said.splitlines()[0]
        == f"rank 0 died: {how or 'killed by a signal, or exited without a message'}"
    )
    assert "the last lines of rank 0's log (worker-a-0-b.log):\n  last words" in said
    assert not any("Extension modules" in line for line in lines)


def test_a_log_in_which_nothing_stands_is_removed(tmp_path: Path) -> None:
    assert not process(tmp_path, "log.leave()").exists()
    assert process(tmp_path, "print('x', flush=True); log.leave()").read_text("utf-8") == "x\n"


def test_a_log_that_grows_loses_its_older_half(tmp_path: Path) -> None:
    lines = MAX_BYTES // 10 + 10
    code = (
        f"for n in range({lines}): print(f'{{n:09}}')\nsys.stdout.flush(); log.trim(); print('on')"
    )
    file = process(tmp_path, code)
    assert file.stat().st_size < 0.6 * MAX_BYTES
    text = file.read_text("utf-8")
    assert text.startswith("[what stood before was cut off]\n")
    assert text.endswith(f"{lines - 1:09}\non\n")


def test_only_the_latest_logs_are_kept(tmp_path: Path) -> None:
    for number in range(6):
        file = tmp_path / f"worker-{number}.log"
        file.write_text("x" if number else "", "utf-8")
        os.utime(file, (number, number))
    (tmp_path / "trial-0.log").write_text("of a trial", "utf-8")
    prune(tmp_path, keep=3)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["trial-0.log", "worker-3.log", "worker-4.log", "worker-5.log"]


def test_the_error_stands_before_its_traceback() -> None:
    lines = [f"  line {n}" for n in range(30)]
    text = "\n".join(["Traceback (most recent call last):", *lines, "ValueError: boom"])
    found = shortened(text).splitlines()
    assert found[0] == found[-1] == "ValueError: boom"
    assert len(found) < 15
    assert shortened("") == "no message"
    assert shortened("ValueError: boom\nTraceback") == "ValueError: boom\nTraceback"


def test_what_a_rank_raised_is_told_before_what_train_says() -> None:
    failure = GroupFailure("[Rank 1 Error Snippet]", raised={1: "ImportError: no such module"})
    assert last_words(failure, {}) == "rank 1: ImportError: no such module"
    assert last_words(GroupFailure("Startup failed"), {}) == "Startup failed"
