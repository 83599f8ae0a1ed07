"""The ways into a whole study: run a file, or resume a study that was begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from study.pipeline.home import JOURNAL_FILE, Home
from study.pipeline.preflight import (
    Checked,
    Place,
    preflight_file,
    preflight_resume,
)
from study.pipeline.reopen import retry_failed, take_changes
from study.pipeline.same_study import require_same_study
from study.pipeline.session import Session
from study.pipeline.summary import summarised
from study.pipeline.upkeep import keep_up
from study.pipeline.watcher import Nobody, Watcher
from study.plan import Journal, StudyResult, record_of


def run_study(
    place: Place,
    file: Path,
    overrides: Sequence[str] = (),
    name: str | None = None,
    watcher: Watcher | None = None,
) -> StudyResult:
    """Run a study to its end; resume it if it was interrupted; if finished, return it.

    Raises:
        CannotRunError: With every problem found, before anything is started.
        StudyError: If it ran and failed.
    """
    return _work_on(preflight_file(place, file, overrides, name), watcher or Nobody())


def resume_study(
    place: Place,
    name: str,
    overrides: Sequence[str] = (),
    *,
    retry: bool = False,
    watcher: Watcher | None = None,
) -> StudyResult:
    """Resume a study that was interrupted or failed; if finished, return it.

    Args:
        place: Where it is kept, tracked and run.
        name: The study's.
        overrides: ``path=value`` each, of sections that may change: budget, resources, and
            finalists until they are chosen.
        retry: Run what failed again.
        watcher: Shows the study at work.

    Raises:
        CannotRunError: If there is none, or it cannot be resumed.
        StudyError: If it ran and failed.
    """
    checked = preflight_resume(place, name, overrides)
    return _work_on(checked, watcher or Nobody(), retry=retry)


def _work_on(checked: Checked, watcher: Watcher, *, retry: bool = False) -> StudyResult:
    home, name = Home(checked.place.storage), checked.spec.name
    home.require_writable()
    with (
        home.work(name) as folder,
        closing(Journal(folder / JOURNAL_FILE)) as journal,
        summarised(journal),
    ):
        # Only what is read under the lock counts: another process may just have left.
        if journal.events:
            record = record_of(journal.events)
            found = require_same_study(record, checked.spec, checked.dataset)
            if record.state(running=False) == "FINISHED":
                notice_unchanged(found, watcher, retry=retry)
                return keep_up(journal, checked, home)
            take_changes(journal, checked.spec, found)
            if retry:
                retry_failed(journal, record)
        return Session(checked, home, journal).run(watcher)


def notice_unchanged(found: Mapping[str, str], watcher: Watcher, *, retry: bool) -> None:
    """Say what was asked of a finished study and is not done."""
    if found:
        shown = "; ".join(f"{path}: {change}" for path, change in found.items())
        watcher.notice(f"the study is finished, extending it is not offered yet ({shown})")
    if retry:
        watcher.notice("the study is finished, nothing is run again")
