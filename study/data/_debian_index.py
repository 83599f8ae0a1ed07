"""The package index of the Debian machine this runs on: stanzas of ``Name: value`` fields."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from study.errors import DataError

APT_HELPER = Path("/usr/lib/apt/apt-helper")


def fetch_index(folder: Path) -> Path:
    """Return a folder of fresh index files below ``folder``; the system's own stay untouched.

    Raises:
        DataError: If this is no Debian machine, or the index cannot be fetched.
    """
    if shutil.which("apt-get") is None or not APT_HELPER.exists():
        raise DataError("the index of packages is read with apt: run this on a Debian machine")
    lists, cache = folder / "lists", folder / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    options = [
        "Acquire::Languages=en",
        f"Dir::State::lists={lists}",
        f"Dir::Cache={cache}",
        "APT::Update::Post-Invoke-Success::=",
    ]
    _run("apt-get", "update", *(part for option in options for part in ("-o", option)))
    return lists


def index_date(lists: Path) -> datetime:
    """Return when the youngest of the index files was made, in UTC."""
    dates = [
        parsedate_to_datetime(line.removeprefix("Date:").strip())
        for release in sorted(lists.glob("*InRelease"))
        for line in release.read_text("utf-8").splitlines()
        if line.startswith("Date:")
    ]
    if not dates:
        raise DataError("the index of packages names no date: is it that of a Debian archive?")
    return max(dates).astimezone(UTC)


def read_index(lists: Path, ending: str) -> Iterator[Mapping[str, str]]:
    """Yield the stanzas of every index file whose name ends in ``ending``, in order of name.

    Args:
        lists: Folder of index files, compressed or not.
        ending: ``Packages`` or ``Translation-en``.
    """
    for path in sorted(lists.glob(f"*_{ending}*")):
        yield from stanzas(_run(str(APT_HELPER), "cat-file", str(path)))


def stanzas(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the fields of every stanza of ``text``; folded lines stay apart by line breaks."""
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith((" ", "\t")):
                fields[name] += "\n" + line
            elif line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            yield fields


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise DataError(f"{' '.join(command[:2])} failed with exit code {done.returncode}: {said}")
    return done.stdout.decode()
