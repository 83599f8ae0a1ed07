"""From a study's winner to challenger and champion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from study.errors import GateError
from study.plan import ModelResult
from study.promotion import Reload, register_winner
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

    return register_winner(ranked.store, ranked.result, ranked.folder, TEXTS, answer)


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
    result = ranked.result.model_copy(update={"winner": None})
    with pytest.raises(GateError, match=r"^quick: there is no winner to register$"):
        register_winner(ranked.store, result, ranked.folder, TEXTS)


def test_a_winner_that_the_store_does_not_know_is_refused(ranked: Ranked) -> None:
    winner = ranked.result.winner
    assert winner is not None
    seeds = tuple(seed.model_copy(update={"run_id": None}) for seed in winner.seeds)
    unknown = ranked.result.model_copy(
        update={"winner": winner.model_copy(update={"seeds": seeds})}
    )
    with pytest.raises(GateError, match=r"^finalist/0/1: the tracking store holds no run of it$"):
        register_winner(ranked.store, unknown, ranked.folder, TEXTS)


@pytest.mark.slow
def test_the_whole_way_with_a_real_fresh_process(ranked: Ranked) -> None:
    model = register_winner(ranked.store, ranked.result, ranked.folder, TEXTS)
    assert model.aliases == ("challenger", "champion")
    assert model.gate[1].startswith("loaded in a fresh process without pickle, 5 texts score")
