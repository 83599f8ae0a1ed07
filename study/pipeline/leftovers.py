"""What killed processes left of a study: half-made data, checkpoints, models, Ray's files."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from study.scratch import remove_leftovers

_log = logging.getLogger(__name__)


def clear_leftovers(cache: Path, study: Path) -> None:
    """Remove the scratch folders whose process is dead; those of living ones stay.

    Args:
        cache: Where prepared data lies, of all studies.
        study: The folder of one study, which this process holds.
    """
    removed = remove_leftovers(_scratch_folders(cache, study))
    for folder in removed:
        _log.info("removed %s, which a killed process left", folder)


def _scratch_folders(cache: Path, study: Path) -> Iterator[Path]:
    for parent in (cache, study / "finalists", *study.glob("checkpoints/*")):
        yield from parent.glob(".*/")
    # Ray's own files lie where temporary files do; see study.execution.cluster.
    for place in {Path(tempfile.gettempdir()), Path("/tmp")}:
        yield from place.glob("study-*/")
