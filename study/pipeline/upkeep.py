"""A finished study and its tracking store: what the store missed or lost is written again."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from study.errors import StudyError
from study.pipeline.home import Home
from study.pipeline.preflight import Checked
from study.pipeline.texts import sample_texts
from study.plan import Journal, ModelRegistered, StudyResult, now

if TYPE_CHECKING:
    from study.tracking import Mirror, Store

STORE_PATIENCE_S = 60.0
"""How long a store may take nothing before it counts as away."""

_log = logging.getLogger(__name__)


def keep_up(journal: Journal, checked: Checked, home: Home) -> StudyResult:
    """See to it that the store holds all of a finished study; return what is known of it.

    A store that cannot be used now is told of in one line: the result is known without.

    Raises:
        StudyError: If the journal cannot be written.
    """
    from study.tracking import Mirror, open_store

    name = journal.file.parent.name
    try:
        store = open_store(checked.place.tracking_uri, home.storage)
        with closing(Mirror(store, journal, journal.file.parent)) as mirror:
            if mirror.flush(STORE_PATIENCE_S):
                _restore_version(store, mirror, journal, checked, home)
                mirror.flush(STORE_PATIENCE_S)
            tell_missing(store, mirror, name)
    except StudyError as error:
        if journal.broken is not None:
            raise
        _log.warning("%s; `study resume %s` tries again", error, name)
    return home.fold(name, journal.events, running=False)


def tell_missing(store: Store, mirror: Mirror, name: str) -> None:
    """Say in one line what a store has not got yet at the end of a study's session."""
    if mirror.pending:
        _log.warning(
            "MLflow at %s has not got all of %s yet: `study resume %s` writes the rest",
            *(store.shown, name, name),
        )


def _restore_version(
    store: Store, mirror: Mirror, journal: Journal, checked: Checked, home: Home
) -> None:
    """Register the winner again if the registry lost it, and say what was written again."""
    from study.promotion import restore_winner

    folder = journal.file.parent
    result = home.fold(folder.name, journal.events, running=False)
    lost = [f"{mirror.restored} runs"] if mirror.restored else []
    if result.model is not None:
        texts = sample_texts(checked.dataset.splits["val"].inputs)
        model = restore_winner(store, journal.events, folder, texts)
        if model is not None:
            lost.append(f"version {model.version} of {model.name}")
        if model is not None and model != result.model:
            journal.append(ModelRegistered(time=now(), **model.model_dump()))
    if lost:
        told = " and ".join(lost)
        _log.warning(
            "MLflow at %s had lost parts of %s: %s were written again",
            *(store.shown, result.name, told),
        )
