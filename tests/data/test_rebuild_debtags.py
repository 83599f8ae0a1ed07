"""From stanzas of an index to the shipped files, on an index made here."""

from pathlib import Path

import pytest

from study.data.debtags import FILES, FOLDER, read_debtags
from study.data.rebuild_debtags import Program, count_words, select, tokens, write


def package(name: str, tags: str, md5: str, **more: str) -> dict[str, str]:
    return {"Package": name, "Tag": tags, "Description-md5": md5, **more}


TEXTS = [
    {"Description-md5": "1", "Description-en": "edits C++ code\n An editor."},
    {"Description-md5": "2", "Description-en": "plays music"},
    {"Description-md5": "3", "Description-en": "Plays\n music!"},
]


def names(*packages: dict[str, str]) -> list[str]:
    return [program.name for program in select(packages, TEXTS)]


def test_programs_are_those_tagged_so_with_three_tags_and_a_text() -> None:
    assert names(
        package("kept", "role::program, a::b,\n c::d", "1"),
        package("library", "role::shared-lib, a::b, c::d", "2"),
        package("hardly-tagged", "role::program, a::b", "2"),
        package("untold", "role::program, a::b, c::d", "9"),
        {"Package": "untagged", "Description-md5": "2"},
    ) == ["kept"]


def test_tags_that_say_nothing_are_dropped() -> None:
    tags = "role::program, z::b, special::auto, use::TODO, works-with::uncategorized, a::c, z::b"
    [program] = select([package("p", tags, "1")], TEXTS)
    assert program.tags == ("a::c", "z::b")
    assert names(package("p", "role::program, special::auto, use::TODO", "1")) == []


def test_of_programs_with_the_same_words_the_first_by_name_stays() -> None:
    tags = "role::program, a::b, c::d"
    assert names(package("zoo", tags, "2"), package("ape", tags, "3")) == ["ape"]


def test_the_source_is_named_without_its_version() -> None:
    tags = "role::program, a::b, c::d"
    given = [package("p", tags, "1", Source="src (1.0)"), package("q", tags, "2")]
    assert [program.source for program in select(given, TEXTS)] == ["src", "q"]


def test_an_entry_without_tags_does_not_hide_the_one_with_tags() -> None:
    update = {"Package": "p", "Description-md5": "1"}
    assert names(update, package("p", "role::program, a::b, c::d", "1")) == ["p"]


def test_words_keep_their_plus_and_hash() -> None:
    assert tokens("GTK+ in C/C++, C#.") == ["gtk+", "in", "c", "c++", "c#"]


def test_rare_words_and_pairs_are_left_out() -> None:
    words, counts = count_words(["a b a b once", "b a b", "a b other"])
    # "b a" is in two texts only, and a pair needs three.
    assert words == ["a", "a b", "b"]
    assert counts == [{0: 2, 1: 2, 2: 2}, {0: 1, 1: 1, 2: 2}, {0: 1, 1: 1, 2: 1}]


@pytest.fixture(scope="module")
def programs() -> list[Program]:
    return [
        Program(
            f"p{n:03}", f"s{n // 2}", ("x::odd",) if n % 2 else ("a::b", "x::even"), f"w{n % 7} w"
        )
        for n in range(200)
    ]


def test_what_is_written_is_read_as_a_dataset(programs: list[Program], tmp_path: Path) -> None:
    write(programs, "2026-01-01", tmp_path)
    dataset = read_debtags(tmp_path, "all", 1.0)
    assert dataset.label_names == ("a::b", "x::even", "x::odd")
    assert sorted(i for split in dataset.splits.values() for i in split.ids) == [
        program.name for program in programs
    ]
    for split in dataset.splits.values():
        for name, y_L in zip(split.ids, split.y_NL, strict=True):
            assert y_L.tolist() == ([0, 0, 1] if int(name[1:]) % 2 else [1, 1, 0])


def test_the_same_programs_give_the_same_bytes(programs: list[Program], tmp_path: Path) -> None:
    write(programs, "2026-01-01", tmp_path / "one")
    write(programs, "2026-01-01", tmp_path / "two")
    for name in (*FILES, "SHA256SUMS"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_provenance_of_the_shipped_files_is_told() -> None:
    told = (FOLDER / "PROVENANCE.md").read_text("utf-8")
    assert "study.data.rebuild_debtags" in told
    assert "GPL-2" in told
