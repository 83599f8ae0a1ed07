"""The run of one event name, in the store itself: whatever the mirror's cursor says."""

from __future__ import annotations

from collections.abc import Sequence

from study.errors import StudyError
from study.plan import AnyEvent, RunId, RunOpened, StudyStarted
from study.tracking.ledger import Ledger
from study.tracking.openings import STUDY, study_id
from study.tracking.runs import Runs
from study.tracking.store import Store
from study.tracking.writes import by_run


def ensure_run(store: Store, events: Sequence[AnyEvent], run: RunId) -> str:
    """Return the MLflow id of a study's run; it is made from the events if the store lacks it.

    Nothing else may write the study's runs meanwhile.

    Args:
        store: Where the study is tracked.
        events: The study's; the first is its StudyStarted.
        run: The run.

    Raises:
        StoreError: If the store cannot be used.
        StudyError: If the events know no such run.
    """
    study = events[0]
    if not isinstance(study, StudyStarted):
        raise StudyError("the journal has no beginning")
    with store.translated():
        known = {one.run_id: one.run for one in events if isinstance(one, RunOpened)}
        name = study_id(study.name, study.spec_digest, study.time)
        runs = Runs(store, study.name, name, known)
        if run in runs.ids:
            return runs.ids[run]
        ledger = Ledger()
        writes = by_run(write for event in events for write in ledger.take(event))
        if run not in writes:
            raise StudyError(f"{run}: the journal knows no such run")
        if STUDY not in runs.ids:
            runs.write(writes[STUDY])
        return runs.write(writes[run])
