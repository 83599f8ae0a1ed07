"""A storage folder for studies, and nothing left of them afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from real_studies import Studies

# Ray reads it once, when it is imported, which here is before a study sets it.
os.environ.setdefault("RAY_AUTH_MODE", "token")


@pytest.fixture
def studies(tmp_path: Path) -> Iterator[Studies]:
    (tmp_path / "s").mkdir()
    found = Studies(tmp_path / "s")
    yield found
    for study in found.started:
        with study:  # closes its pipe: a test that failed must not fail another one
            study.kill()
    for process in psutil.process_iter(["cmdline"]):
        if str(tmp_path) in " ".join(process.info["cmdline"] or []):
            process.kill()
