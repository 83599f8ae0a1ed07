"""A finished search whose winner lies exported on disk and has its run in a real store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import final

import pytest

from study.plan import AnyEvent, FinalistsRanked, Journal, StudyResult, StudyStarted, fold
from study.tracking import Mirror, Store, open_store
from tests.serving.exported import exported_to
from tests.tracking.story import whole_story


@final
@dataclass(frozen=True)
class Ranked:
    """A study up to the ranking of its finalists."""

    store: Store
    events: list[AnyEvent]
    folder: Path

    @property
    def result(self) -> StudyResult:
        """What the events say."""
        return fold(self.events, running=True)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("template")
    open_store(None, storage)
    return storage / "mlflow.db"


@pytest.fixture
def ranked(empty_database: Path, tmp_path: Path) -> Ranked:
    return ranked_study(empty_database, tmp_path / "studies", floors={"test/f1_macro": 0.3})


def ranked_study(empty_database: Path, storage: Path, floors: dict[str, float]) -> Ranked:
    folder = storage / "quick"
    exported_to(folder / "finalists" / "finalist-0-seed-1" / "model")
    shutil.copyfile(empty_database, storage / "mlflow.db")
    store = open_store(None, storage)
    journal = Journal(folder / "journal.jsonl")
    for event in whole_story():
        journal.append(_with_floors(event, floors))
        if isinstance(event, FinalistsRanked):
            break
    mirror = Mirror(store, journal, folder)
    assert mirror.close()
    journal.close()
    return Ranked(store, journal.events, folder)


def _with_floors(event: AnyEvent, floors: dict[str, float]) -> AnyEvent:
    if not isinstance(event, StudyStarted):
        return event
    registry = event.spec["registry"] | {"floors": floors}
    return event.model_copy(update={"spec": event.spec | {"registry": registry}})
