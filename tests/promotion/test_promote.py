"""From a study's winner to challenger and champion."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.errors import GateError
from study.plan import FinalistsRanked, ModelRegistered, ModelResult, RunOpened
from study.promotion import Reload, register_winner, restore_winner
from study.serving import read_manifest
from study.tracking import Registry
from tests.promotion.conftest import Ranked, ranked_study
from tests.serving.exported import TEXTS

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


def register(ranked: Ranked, problem: str = "") -> ModelResult:
    """Register without the seconds that a fresh process takes."""

    def answer(tracking_uri: str, model_uri: str, exported: Path, texts: Sequence[str]) -> Reload:
        assert (tracking_uri, exported.is_dir()) == (ranked.store.uri, True)
        return Reload(len(texts), difference=1e-8, problem=problem)

    return register_winner(ranked.store, ranked.events, ranked.folder, TEXTS, answer)


def version_of(ranked: Ranked, alias: str) -> str | None:
    return Registry(ranked.store).version_of("tags", alias)


def test_the_first_winner_becomes_champion(ranked: Ranked) -> None:
    model = register(ranked)
    assert (model.name, model.version, model.uri) == ("tags", "1", "models:/tags/1")
    assert model.aliases == ("challenger", "champion")
    assert model.gate[0] == "test/f1_macro is 0.4200, must be at least 0.3: holds"
    assert model.gate[-1] == "there is no champion yet: holds"
    assert version_of(ranked, "challenger") == version_of(ranked, "champion") == "1"


def test_the_version_tells_where_it_comes_from(ranked: Ranked) -> None:
    register(ranked)
    version = ranked.store.client.get_model_version("tags", "1")
    winner = ranked.result.finalists[0].seeds[1]
    assert version.run_id == winner.run_id
    exported = ranked.folder / "finalists" / "finalist-0-seed-1" / "model"
    expected: dict[str, Any] = {
        "study.run": "finalist/0/1",
        "study.name": "quick",
        "study.digest": "5bec0ffee",
        "study.parent_run": ranked.result.parent_run_id,
        "dataset.digest": "da7a",
        "loss": "reg",
        "seed": "1",
        "val.f1_macro": "0.4500 [0.4400, 0.4600]",
        "test.f1_macro": "0.4200 [0.4100, 0.4300]",
        "weights.sha256": read_manifest(exported).weights_sha256,
        "gate.opens": "true",
    }
    assert version.tags.items() >= expected.items()
    assert version.tags["gate"].splitlines()[-1] == "there is no champion yet: holds"


def test_doing_it_twice_registers_once(ranked: Ranked) -> None:
    first = register(ranked)
    again = register(ranked)
    assert again.version == first.version == "1"
    assert again.aliases == first.aliases
    assert again.gate[-1] == "version 1 is the champion already: holds"


def test_a_champion_stays(ranked: Ranked) -> None:
    client = ranked.store.client
    client.create_registered_model("tags")
    client.create_model_version("tags", str(ranked.folder))
    client.set_registered_model_alias("tags", "champion", "1")
    model = register(ranked)
    assert (model.version, model.aliases) == ("2", ("challenger",))
    assert model.gate[-1].startswith("version 1 is champion")
    assert version_of(ranked, "challenger") == "2"
    assert version_of(ranked, "champion") == "1"


def test_a_floor_that_is_missed_keeps_the_winner_challenger(
    empty_database: Path, tmp_path: Path
) -> None:
    ranked = ranked_study(empty_database, tmp_path, floors={"test/f1_macro": 0.5})
    model = register(ranked)
    assert model.aliases == ("challenger",)
    assert model.gate[0] == "test/f1_macro is 0.4200, must be at least 0.5: fails"
    assert ranked.store.client.get_model_version("tags", "1").tags["gate.opens"] == "false"


def test_a_model_that_does_not_load_stays_challenger(ranked: Ranked) -> None:
    model = register(ranked, problem="it needs ray")
    assert model.aliases == ("challenger",)
    assert model.gate[1].endswith("it needs ray: fails")


def test_a_study_without_a_winner_is_refused(ranked: Ranked) -> None:
    events = [one for one in ranked.events if not isinstance(one, FinalistsRanked)]
    with pytest.raises(GateError, match=r"^quick: there is no winner to register$"):
        register_winner(ranked.store, events, ranked.folder, TEXTS)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_winner_whose_run_is_missing_gets_one(ranked: Ranked, is_known: bool) -> None:
    """Whether the journal knows the id of a run that was deleted, or of none."""
    winner = ranked.result.finalists[0].seeds[1]
    delete_for_good(ranked, str(winner.run_id))
    if not is_known:
        ranked.events[:] = [one for one in ranked.events if not isinstance(one, RunOpened)]
    model = register(ranked)
    run_id = ranked.store.client.get_model_version("tags", model.version).run_id
    run = ranked.store.client.get_run(run_id)
    assert run_id != winner.run_id
    assert (run.data.tags["study.run"], run.info.status) == ("finalist/0/1", "FINISHED")
    assert (run.data.metrics["test/f1_macro"], run.data.params["seed"]) == (0.44, "1")
    assert register(ranked).version == model.version


def delete_for_good(ranked: Ranked, run_id: str) -> None:
    """As `mlflow gc` does."""
    ranked.store.client.delete_run(run_id)
    file = ranked.store.uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))


def registered(ranked: Ranked) -> ModelResult:
    model = register(ranked)
    ranked.events.append(ModelRegistered(time=9e9, **model.model_dump()))
    return model


def restore(ranked: Ranked) -> ModelResult | None:
    return restore_winner(ranked.store, ranked.events, ranked.folder, TEXTS)


def test_a_registered_winner_is_left_alone(ranked: Ranked) -> None:
    registered(ranked)
    assert restore(ranked) is None


def test_a_version_of_0_1_0_is_found_by_its_weights(ranked: Ranked) -> None:
    """It was tagged with the index of its finalist where the trial's number is now."""
    registered(ranked)
    ranked.store.client.set_model_version_tag("tags", "1", "study.run", "finalist/7/1")
    assert restore(ranked) is None
    assert register(ranked).version == "1"


def test_a_lost_version_gets_its_tags_and_aliases_again(ranked: Ranked) -> None:
    known = registered(ranked)
    before = ranked.store.client.get_model_version("tags", "1").tags
    ranked.store.client.delete_registered_model("tags")
    model = restore(ranked)
    assert model == known
    assert ranked.store.client.get_model_version("tags", "1").tags == before
    assert version_of(ranked, "challenger") == version_of(ranked, "champion") == "1"


def test_a_restored_version_takes_no_alias_from_another(ranked: Ranked) -> None:
    registered(ranked)
    client = ranked.store.client
    client.create_model_version("tags", str(ranked.folder))
    client.set_registered_model_alias("tags", "champion", "2")
    client.delete_model_version("tags", "1")
    model = restore(ranked)
    assert model is not None
    assert (model.version, model.uri, model.aliases) == ("3", "models:/tags/3", ("challenger",))
    assert (version_of(ranked, "champion"), version_of(ranked, "challenger")) == ("2", "3")


@pytest.mark.slow
def test_the_whole_way_with_a_real_fresh_process(ranked: Ranked) -> None:
    model = register_winner(ranked.store, ranked.events, ranked.folder, TEXTS)
    assert model.aliases == ("challenger", "champion")
    assert model.gate[1].startswith("loaded in a fresh process without pickle, 5 texts score")
