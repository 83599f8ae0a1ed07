"""Reading a package index: stanzas, folded lines, dates."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from study.data._debian_index import fetch_index, index_date, stanzas
from study.errors import DataError


def test_stanzas_are_fields_with_folded_lines() -> None:
    text = "Package: a\nTag: x::y,\n z\nHomepage: http://a.b\n\nPackage: b\n\n\n"
    assert list(stanzas(text)) == [
        {"Package": "a", "Tag": "x::y,\n z", "Homepage": "http://a.b"},
        {"Package": "b"},
    ]


def test_the_youngest_release_dates_the_index(tmp_path: Path) -> None:
    (tmp_path / "a_InRelease").write_text(
        "Suite: x\nDate: Sat, 21 Nov 2026 08:00:00 UTC\n", "utf-8"
    )
    (tmp_path / "b_InRelease").write_text("Date: Sun, 22 Nov 2026 01:00:00 +0200\n", "utf-8")
    assert index_date(tmp_path) == datetime(2026, 11, 21, 23, tzinfo=UTC)


def test_an_index_without_a_date_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names no date"):
        index_date(tmp_path)


def test_a_machine_without_apt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError) as caught:
        fetch_index(tmp_path)
    assert str(caught.value) == (
        "the index of packages is read with apt: run this on a Debian machine"
    )
