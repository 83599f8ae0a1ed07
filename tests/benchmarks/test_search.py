"""The benchmark of long searches, on a short one."""

from pathlib import Path

import pytest

from benchmarks import search
from study.plan import load


def test_a_row_for_every_step_and_nothing_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEP", 10)
    spec = load(search.FILE, ["budget={trials: 30}", "search.sampler=random"])
    found = list(search.rows(spec, 4, tmp_path))
    assert [row.trials for row in found] == [10, 20, 30]
    assert all(row.wall_ms > 0 and row.ask_ms > 0 for row in found)
    assert found[0].events < found[1].events < found[2].events
