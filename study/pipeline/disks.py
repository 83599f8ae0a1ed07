"""What kind of file system a path is on, and how much of it is free."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from study.errors import Problem
from study.tracking import resolve, sqlite_file

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = re.compile(
    r"(?:nfs\d?|cifs|smb\d?|smbfs|lustre|gpfs|beegfs|ceph|glusterfs|afs|pvfs2|orangefs|panfs|wekafs"
    r"|fuse\.(?:sshfs|glusterfs|ceph\S*|beegfs|s3fs|gcsfuse|rclone|juicefs|mount-s3))"
)
"""Types whose locks and writes go over a network. WSL's and gVisor's 9p is a local disk."""


@final
@dataclass(frozen=True)
class Disks:
    """The machine's file systems; a test may give others."""

    mounts: str
    """As /proc/self/mountinfo has it; empty where there is none."""

    free_bytes: Callable[[Path], int]
    """Bytes that may be written where an existing path is."""

    def network(self, path: Path) -> str | None:
        """Return the type of the network file system that a path is on; None if it is local.

        Args:
            path: May not exist yet; links are followed.
        """
        kind = file_system(path.resolve(), self.mounts)
        return kind if _NETWORK.fullmatch(kind) else None


def local_disks() -> Disks:
    """Return the file systems of this machine."""
    mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace") if _MOUNTS.exists() else ""
    return Disks(mounts, lambda path: shutil.disk_usage(path).free)


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that an absolute path is on; empty if unknown."""
    found, kind = Path(), ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, types = before.split(" "), after.split(" ")
        if len(fields) < 5 or not types[0]:
            continue
        point = Path(_unescaped(fields[4]))
        # Of several mounts at one point the last one is seen.
        if path.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, types[0]
    return kind


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def store_problems(tracking_uri: str | None, storage: Path, disks: Disks) -> Iterator[Problem]:
    """Yield a problem if the tracking store is an SQLite file on a network file system."""
    file = sqlite_file(resolve(tracking_uri, storage))
    kind = disks.network(file) if file is not None else None
    if file is not None and kind is not None:
        path = str(file) if tracking_uri is None else "--tracking-uri"
        yield Problem(
            path,
            f"SQLite must be on a local disk, {file.parent} is on {kind} and would damage it: "
            "give --tracking-uri sqlite:////LOCAL/FOLDER/mlflow.db or the URL of an MLflow server",
        )


def storage_notes(storage: Path, disks: Disks) -> Iterator[str]:
    """Yield what a user should know of where the studies are kept."""
    kind = disks.network(storage)
    if kind is not None:
        yield (
            f"{storage} is on {kind}: every event is forced to it, which takes longer, and a "
            "study must be run from one machine at a time where locks do not reach the others"
        )
