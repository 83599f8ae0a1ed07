"""The end of a finalist: what is chosen, what is stored, and that test is scored once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from study.data import Dataset, PreparedData
from study.errors import StoreError
from study.metrics import METRICS, best_threshold, evaluate
from study.plan import TrialSpec, digest_of
from study.serving import load, read_manifest
from study.training import Alone, Outcome, Trial, read_outcome
from study.training.evaluate import embed
from study.training.finish import Finished, finish
from study.training.network import Network, build_network
from study.training.probe import full_probes, probes

MakeSpec = Callable[..., TrialSpec]
PROVENANCE = {"study": "words", "seed": 3}


@pytest.fixture(scope="module", params=["reg", "bce"])
def finished(
    request: pytest.FixtureRequest,
    make_spec: MakeSpec,
    data: PreparedData,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Outcome, Path]:
    trial = Trial(make_spec(loss={"name": request.param}), data)
    trial.advance(3)
    folder = tmp_path_factory.mktemp("finish") / "final"
    return trial.finish(folder, PROVENANCE), folder


def test_metrics_are_those_of_the_stored_scores(
    finished: tuple[Outcome, Path], data: PreparedData
) -> None:
    outcome, folder = finished
    stored = load_file(folder / "scores.safetensors")
    assert set(stored) == {"val_score_NL", "test_score_NL"}
    for split, values in (("val", outcome.val), ("test", outcome.test)):
        score_NL = stored[f"{split}_score_NL"]
        assert score_NL.dtype == torch.float32
        y_NL = data.split("val" if split == "val" else "test").y_NL
        assert values == evaluate(score_NL.numpy(), y_NL.numpy(), outcome.threshold)
        assert set(values) == set(METRICS)


def test_the_threshold_is_the_best_on_val(
    finished: tuple[Outcome, Path], data: PreparedData
) -> None:
    outcome, folder = finished
    score_NL = load_file(folder / "scores.safetensors")["val_score_NL"].numpy()
    assert outcome.threshold == best_threshold(score_NL, data.split("val").y_NL.numpy())


def test_the_exported_model_gives_the_stored_scores(
    finished: tuple[Outcome, Path], dataset: Dataset
) -> None:
    outcome, folder = finished
    classifier = load(folder / "model")
    for split in ("val", "test"):
        stored = load_file(folder / "scores.safetensors")[f"{split}_score_NL"].numpy()
        raw = dataset.splits["val" if split == "val" else "test"]
        np.testing.assert_allclose(classifier.scores(raw.inputs), stored, atol=1e-6)
    manifest = read_manifest(folder / "model")
    assert manifest.threshold == outcome.threshold
    assert manifest.provenance == PROVENANCE
    assert manifest.label_names == dataset.label_names


def test_the_outcome_is_read_back(finished: tuple[Outcome, Path], data: PreparedData) -> None:
    outcome, folder = finished
    assert read_outcome(folder) == outcome
    assert outcome.dataset_digest == data.dataset_digest
    assert outcome.seconds > 0


def test_nothing_else_is_written_and_nothing_is_a_pickle(
    finished: tuple[Outcome, Path],
) -> None:
    _, folder = finished
    assert [path.name for path in folder.parent.iterdir()] == ["final"]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "outcome.json",
        "scores.safetensors",
        "model/model.json",
        "model/weights.safetensors",
    }


@pytest.fixture
def model(make_spec: MakeSpec, data: PreparedData) -> Callable[..., Finished]:
    """Return a maker of an untrained trial whose training is said to be over."""

    def make(loss: str, metric: str = "f1_macro") -> Finished:
        spec = make_spec(loss={"name": loss})
        torch.manual_seed(0)
        network = build_network(spec, data.state, len(data.label_names))
        return Finished(spec, digest_of(spec), network, data, metric)

    return make


def set_head(network: Network, weight_LD: torch.Tensor, bias_L: torch.Tensor) -> None:
    assert network.classifier is not None
    with torch.no_grad():
        network.classifier.weight.copy_(weight_LD)
        network.classifier.bias.copy_(bias_L)


def test_a_head_that_is_better_on_val_is_taken(
    model: Callable[..., Finished], data: PreparedData, tmp_path: Path
) -> None:
    classifier = model("bce")
    val = embed(classifier.network, data.split("val"), Alone())
    [cheat] = probes(val.x_ND, val.y_NL, [1e-4], 0.01)
    set_head(classifier.network, cheat.weight_LD, cheat.bias_L)
    outcome = finish(classifier, tmp_path / "final", {}, Alone())
    assert outcome.scorer == "head"
    stored = load_file(tmp_path / "final" / "scores.safetensors")["val_score_NL"]
    torch.testing.assert_close(stored, cheat.score(val.x_ND))


def test_a_head_that_is_worse_on_val_is_left(
    model: Callable[..., Finished], tmp_path: Path
) -> None:
    classifier = model("bce")
    set_head(classifier.network, torch.zeros(5, 8), torch.zeros(5))
    contrastive = finish(model("reg"), tmp_path / "reg", {}, Alone())
    outcome = finish(classifier, tmp_path / "bce", {}, Alone())
    assert outcome.scorer == contrastive.scorer == "probe"
    assert outcome.val == contrastive.val
    assert outcome.test == contrastive.test


@pytest.mark.parametrize("metric", ["f1_macro", "hamming_loss", "map_macro"])
def test_the_strength_is_the_best_on_val_by_the_objective(
    metric: str, model: Callable[..., Finished], data: PreparedData, tmp_path: Path
) -> None:
    contrastive = model("reg", metric)
    train, val = (embed(contrastive.network, data.split(s), Alone()) for s in ("train", "val"))
    y_NL, reached = val.y_NL.numpy(), []
    for probe in full_probes(train.x_ND, train.y_NL):
        score_NL = probe.score(val.x_ND).numpy()
        reached.append(evaluate(score_NL, y_NL, best_threshold(score_NL, y_NL, metric))[metric])
    best = min(reached) if metric == "hamming_loss" else max(reached)
    assert len(set(reached)) > 1
    assert finish(contrastive, tmp_path / "final", {}, Alone()).val[metric] == best


def test_test_is_scored_once(make_spec: MakeSpec, data_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(data_folder, tmp_path / "data")
    trial = Trial(make_spec(), PreparedData(tmp_path / "data"))
    trial.advance(1)
    first = trial.finish(tmp_path / "final", {})
    (tmp_path / "data" / "test.safetensors").unlink()
    assert trial.finish(tmp_path / "final", {}) == first


def test_the_outcome_of_another_trial_is_replaced(
    model: Callable[..., Finished], tmp_path: Path
) -> None:
    finish(model("reg"), tmp_path / "final", {}, Alone())
    other = model("bce")
    outcome = finish(other, tmp_path / "final", {}, Alone())
    assert outcome.trial_digest == digest_of(other.spec)
    assert read_outcome(tmp_path / "final") == outcome


def test_an_outcome_that_is_missing_or_damaged_is_refused(tmp_path: Path) -> None:
    for content in (None, "", "[]", '{"schema_version": 1}'):
        if content is not None:
            (tmp_path / "outcome.json").write_text(content, "utf-8")
        with pytest.raises(StoreError) as caught:
            read_outcome(tmp_path)
        file = tmp_path / "outcome.json"
        assert str(caught.value) == f"{file}: must be the outcome of a finalist run"


def test_an_outcome_of_a_newer_version_is_refused(
    finished: tuple[Outcome, Path], tmp_path: Path
) -> None:
    newer: dict[str, Any] = json.loads((finished[1] / "outcome.json").read_text("utf-8"))
    (tmp_path / "outcome.json").write_text(json.dumps(newer | {"schema_version": 2}), "utf-8")
    with pytest.raises(StoreError, match="must have schema_version 1 or less, not 2"):
        read_outcome(tmp_path)
