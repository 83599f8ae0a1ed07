"""The ways into a whole study: run a file, or go on with a study that was begun."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from study.pipeline.home import JOURNAL_FILE, Home
from study.pipeline.preflight import (
    Checked,
    Place,
    preflight_file,
    preflight_resume,
    require_same_study,
)
from study.pipeline.session import Session
from study.pipeline.upkeep import keep_up
from study.pipeline.watcher import Nobody, Watcher
from study.plan import Journal, StudyResult, StudyStarted


def run_study(
    place: Place,
    file: Path,
    overrides: Sequence[str] = (),
    name: str | None = None,
    watcher: Watcher | None = None,
) -> StudyResult:
    """Run a study to its end; go on with it if it was interrupted; if finished, return it.

    Raises:
        CannotRunError: With every problem found, before anything is started.
        StudyError: If it ran and failed.
    """
    return _work_on(preflight_file(place, file, overrides, name), watcher or Nobody())


def resume_study(place: Place, name: str, watcher: Watcher | None = None) -> StudyResult:
    """Go on with a study that was interrupted; if finished, return it.

    Raises:
        CannotRunError: If there is none, or it cannot be gone on with.
        StudyError: If it ran and failed.
    """
    return _work_on(preflight_resume(place, name), watcher or Nobody())


def _work_on(checked: Checked, watcher: Watcher) -> StudyResult:
    home, name = Home(checked.place.storage), checked.spec.name
    home.require_writable()
    with home.work(name) as folder, closing(Journal(folder / JOURNAL_FILE)) as journal:
        # Only what is read under the lock counts: another process may just have left.
        if journal.events and isinstance(journal.events[0], StudyStarted):
            require_same_study(journal.events[0], checked)
            known = home.fold(name, journal.events, running=False)
            if known.state == "FINISHED":
                return keep_up(journal, checked, home)
        return Session(checked, home, journal).run(watcher)
