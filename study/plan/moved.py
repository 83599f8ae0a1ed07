"""Where a study's files are, though its folder may have been moved since they were written."""

from __future__ import annotations

from pathlib import Path


def report_page(path: str, folder: Path) -> Path:
    """Return where a report's page is.

    Args:
        path: As the journal has it: relative to the study's folder. Earlier versions wrote
            an absolute one, which may be that of another folder by now.
        folder: The study's folder.
    """
    page = Path(path)
    moved = folder / Path(*page.parts[-2:])
    return moved if page.is_absolute() and moved.is_file() else folder / page
