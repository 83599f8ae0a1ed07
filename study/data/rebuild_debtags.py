"""Make the files of the dataset ``debtags`` anew from this machine's index of packages.

``python -m study.data.rebuild_debtags OUT_DIR``, on Debian, with the network. The same index
gives the same files. Only facts are written: names, tags and counts of words.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, final

import numpy as np

from study.data._debian_index import fetch_index, index_date, read_index
from study.data.base import Split
from study.data.debtags import FILES, MIN_USES
from study.data.stratify import split_groups

TOKEN_PATTERN = r"\w+[+#]*"
"""What a word is: keeps "c", "c++", "c#" and "gtk+" apart."""

MIN_PROGRAMS = {1: 2, 2: 3}
"""Words (1) and pairs of words (2) in fewer programs are left out."""

logger = logging.getLogger(__name__)


@final
@dataclass(frozen=True)
class Program:
    """One program as the index has it."""

    name: str
    """Name of the package."""

    source: str
    """Name of the source package: siblings share their text."""

    tags: tuple[str, ...]
    """What people said of it, sorted."""

    text: str
    """Its description in English, first line included."""


def main() -> None:
    """Write the files into the folder given on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out_dir", type=Path, help="folder for the files; made if need be")
    out_dir: Path = parser.parse_args().out_dir
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as folder:
        # apt reads the folder as another user.
        Path(folder).chmod(0o755)
        lists = fetch_index(Path(folder))
        programs = select(read_index(lists, "Packages"), read_index(lists, "Translation-en"))
        write(programs, index_date(lists).date().isoformat(), out_dir)
    logger.info("%d programs in %s", len(programs), out_dir)


def select(
    packages: Iterable[Mapping[str, str]], translations: Iterable[Mapping[str, str]]
) -> list[Program]:
    """Return the programs with tags and a text of their own, by name.

    Args:
        packages: Stanzas of ``Packages``; the first of a package that has tags counts.
        translations: Stanzas of ``Translation-en``.
    """
    texts = {stanza["Description-md5"]: stanza["Description-en"] for stanza in translations}
    programs: dict[str, Program] = {}
    for stanza in packages:
        name = stanza["Package"]
        tags = [tag.strip() for tag in stanza.get("Tag", "").split(",")]
        text = texts.get(stanza.get("Description-md5", ""), "")
        if "role::program" in tags and len(tags) >= 3 and text:
            source = stanza.get("Source", name).partition(" ")[0]
            programs.setdefault(name, Program(name, source, _useful(tags), text))
    unique: dict[tuple[str, ...], Program] = {}
    for _, program in sorted(programs.items()):
        if program.tags:
            unique.setdefault(tuple(tokens(program.text)), program)
    return list(unique.values())


def _useful(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that say something: no role of all, no placeholder."""
    return tuple(
        sorted(
            tag
            for tag in set(tags) - {"role::program"}
            if "TODO" not in tag
            and not tag.startswith("special::")
            and not tag.endswith("::uncategorized")
        )
    )


def tokens(text: str) -> list[str]:
    """Return the words of ``text`` in order."""
    return re.findall(TOKEN_PATTERN, text.lower())


def count_words(texts: Sequence[str]) -> tuple[list[str], list[dict[int, int]]]:
    """Return the vocabulary, sorted, and for every text how often it has which word of it.

    Words and pairs of neighbouring words (``"word word"``) that are in too few texts to
    say anything about others are left out, see ``MIN_PROGRAMS``.
    """
    counts = [Counter(_terms(tokens(text))) for text in texts]
    spread = Counter(term for count in counts for term in count)
    words = sorted(w for w, n in spread.items() if n >= MIN_PROGRAMS[1 + w.count(" ")])
    place = {word: index for index, word in enumerate(words)}
    return words, [
        {place[word]: count[word] for word in sorted(count) if word in place} for count in counts
    ]


def _terms(words: list[str]) -> Iterator[str]:
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"


def split_of(programs: Sequence[Program]) -> list[Split]:
    """Return the split of every program; programs of one source package stay together."""
    uses = Counter(tag for program in programs for tag in program.tags)
    tags = sorted(tag for tag, n in uses.items() if n >= MIN_USES["all"])
    y_NL = np.array([[tag in program.tags for tag in tags] for program in programs], np.uint8)
    return split_groups([program.source for program in programs], y_NL)


def write(programs: Sequence[Program], date: str, folder: Path) -> None:
    """Write the two tables and their checksums.

    Args:
        programs: By name.
        date: Of the index, ISO.
        folder: Made if need be.
    """
    words, counts = count_words([program.text for program in programs])
    tags = sorted({tag for program in programs for tag in program.tags})
    place = {tag: index for index, tag in enumerate(tags)}
    table = {
        "name": [program.name for program in programs],
        "source": [program.source for program in programs],
        "split": split_of(programs),
        "tags": [[place[tag] for tag in program.tags] for program in programs],
        "words": [list(count) for count in counts],
        "counts": [list(count.values()) for count in counts],
    }
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"index_date": date, "token_pattern": TOKEN_PATTERN}
    _write_table(table, _PROGRAMS, facts, folder / FILES[0])
    kinds = ["tag"] * len(tags) + ["word"] * len(words)
    vocabulary = {"kind": kinds, "text": tags + words}
    _write_table(vocabulary, {"kind": "string", "text": "string"}, facts, folder / FILES[1])
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in FILES
    ]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", "utf-8")


_PROGRAMS = {
    "name": "string",
    "source": "string",
    "split": "string",
    "tags": "int16",
    "words": "int32",
    "counts": "int16",
}


def _write_table(
    columns: Mapping[str, Any], types: Mapping[str, str], facts: Mapping[str, str], path: Path
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    fields = {
        name: pa.type_for_alias(kind) if kind == "string" else pa.list_(pa.type_for_alias(kind))
        for name, kind in types.items()
    }
    schema = pa.schema(list(fields.items()), metadata=dict(facts))
    table = pa.Table.from_pydict(dict(columns), schema=schema)
    parquet.write_table(table, path, compression="zstd", compression_level=19)


if __name__ == "__main__":
    main()
