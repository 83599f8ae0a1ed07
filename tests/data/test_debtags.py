"""The shipped programs: how many, which labels, which split."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from study.data import SPLITS, Dataset, DebtagsSpec
from study.data.debtags import FILES, FOLDER, INTERFACE_FACETS, read_debtags
from study.errors import ConfigError, DataError
from study.spec import WordCounts, parse


@pytest.fixture(scope="module")
def everything() -> Dataset:
    return DebtagsSpec().open()


@pytest.fixture(scope="module")
def interface() -> Dataset:
    return DebtagsSpec(label_set="interface").open()


def words_of(dataset: Dataset, program: str) -> dict[str, int]:
    for split in dataset.splits.values():
        if program in split.ids:
            row, counts = split.ids.index(program), split.inputs
            assert isinstance(counts, WordCounts)
            entries = range(counts.indptr[row], counts.indptr[row + 1])
            return {counts.vocabulary[counts.indices[e]]: int(counts.counts[e]) for e in entries}
    raise KeyError(program)


def test_all_tags_of_fifty_programs_are_labels(everything: Dataset) -> None:
    assert len(everything.label_names) == 175
    assert {name: len(split) for name, split in everything.splits.items()} == {
        "train": 5549,
        "val": 1196,
        "test": 1157,
    }
    uses = sum(split.y_NL.sum(axis=0, dtype=int) for split in everything.splits.values())
    assert np.min(uses) == 50


def test_interface_labels_are_few_and_common(interface: Dataset) -> None:
    assert len(interface.label_names) == 18
    assert {name.partition("::")[0] for name in interface.label_names} == set(INTERFACE_FACETS)
    assert sum(map(len, interface.splits.values())) == 7143


@pytest.mark.parametrize("label_set", ["all", "interface"])
def test_every_program_has_a_label_and_every_label_is_in_every_split(
    label_set: str, request: pytest.FixtureRequest
) -> None:
    opened: Dataset = request.getfixturevalue("everything" if label_set == "all" else "interface")
    for split in opened.splits.values():
        assert split.y_NL.any(axis=1).all()
        assert split.y_NL.any(axis=0).all()


def test_both_label_sets_split_alike(everything: Dataset, interface: Dataset) -> None:
    for split in SPLITS:
        assert set(interface.splits[split].ids) <= set(everything.splits[split].ids)


def test_no_source_package_is_in_two_splits() -> None:
    table = parquet.read_table(FOLDER / FILES[0], columns=["source", "split"]).to_pydict()
    homes = set(zip(table["source"], table["split"], strict=True))
    assert len(homes) == len({source for source, _ in homes})


def test_a_well_known_program_has_its_tags_and_words(everything: Dataset) -> None:
    row_of = {
        name: (s, i) for s, raw in everything.splits.items() for i, name in enumerate(raw.ids)
    }
    split, row = row_of["mutt"]
    present = np.flatnonzero(everything.splits[split].y_NL[row])
    tags = {everything.label_names[column] for column in present}
    assert {"interface::text-mode", "works-with::mail", "implemented-in::c"} <= tags
    words = words_of(everything, "mutt")
    assert words["mail"] >= 1
    assert any(word.count(" ") == 1 for word in words)
    assert not any(word != word.lower() or word.count(" ") > 1 for word in words)


def test_a_smaller_share_lies_in_a_larger_one_and_in_no_other_split(everything: Dataset) -> None:
    shares = [DebtagsSpec(train_fraction=share).open() for share in (0.01, 0.1, 0.5)]
    ids = [set(share.splits["train"].ids) for share in shares]
    assert list(map(len, ids)) == [55, 555, 2774]
    assert ids[0] < ids[1] < ids[2] < set(everything.splits["train"].ids)
    assert shares[0].splits["val"].ids == everything.splits["val"].ids
    assert len({share.digest for share in (*shares, everything)}) == 4


def test_rows_of_a_share_keep_their_words_and_labels(everything: Dataset) -> None:
    share, whole = DebtagsSpec(train_fraction=0.01).open(), everything.splits["train"]
    program = share.splits["train"].ids[7]
    assert words_of(share, program) == words_of(everything, program)
    row = whole.ids.index(program)
    assert (share.splits["train"].y_NL[7] == whole.y_NL[row]).all()


def test_the_tiniest_share_is_one_program() -> None:
    assert len(DebtagsSpec(train_fraction=1e-9).open().splits["train"]) == 1


def test_digests_are_those_of_the_shipped_files(everything: Dataset, interface: Dataset) -> None:
    assert everything.digest.startswith("282f6d09f0d6dfa7")
    assert interface.digest.startswith("4262adecab0e0032")


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(DebtagsSpec, {"label_set": "most", "train_fraction": 0.0})
    assert str(caught.value).splitlines() == [
        "label_set: must be one of all, interface, not 'most'",
        "train_fraction: must be above 0.0, not 0.0",
    ]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_the_shipped_one_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "debtags"
    shutil.copytree(FOLDER, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_debtags(folder, "all", 1.0)
    assert str(caught.value) == (
        f"{folder / name}: must have the SHA-256 that SHA256SUMS names; install the package again"
    )


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "debtags"
    shutil.copytree(FOLDER, folder)
    (folder / name).unlink()
    with pytest.raises(DataError) as caught:
        read_debtags(folder, "all", 1.0)
    assert str(caught.value) == (
        f"{folder / name}: must be a readable file; install the package again"
    )


def test_checksums_that_name_no_file_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "debtags"
    shutil.copytree(FOLDER, folder)
    (folder / "SHA256SUMS").write_text("", "utf-8")
    with pytest.raises(DataError, match="must have the SHA-256"):
        read_debtags(folder, "all", 1.0)


def test_the_shipped_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3_000_000
