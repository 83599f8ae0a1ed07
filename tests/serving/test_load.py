"""An exported folder answers as the trained model did, or says why it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from study.errors import DataError, StoreError
from study.serving import Classifier, load
from study.spec import Texts, WordCounts
from tests.serving.exported import LABELS, TEXTS, exported_to, small_package


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return exported_to(tmp_path / "model")


@pytest.fixture
def classifier(folder: Path) -> Classifier:
    return load(folder)


def test_scores_are_those_of_the_trained_model(classifier: Classifier) -> None:
    package = small_package()
    encoder = package.encoder_spec.build(package.preprocess_state)
    encoder.load_state_dict(dict(package.encoder_state))
    arrays = package.encoder_spec.preprocess().apply(Texts(TEXTS), package.preprocess_state)
    x_ND = encoder.eval()({name: torch.from_numpy(array) for name, array in arrays.items()})
    expected = (x_ND @ package.weight_LD.T + package.bias_L).sigmoid().detach().numpy()
    scores = classifier.scores(Texts(TEXTS))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_a_text_scores_the_same_in_any_company(classifier: Classifier) -> None:
    many = Texts(TEXTS * 120)  # More than one batch.
    scores = classifier.scores(many)
    assert scores.shape == (600, len(LABELS))
    alone = [classifier.scores(Texts((text,)))[0] for text in TEXTS]
    np.testing.assert_allclose(scores, np.tile(alone, (120, 1)), atol=1e-6)


def test_no_text_and_empty_text_are_scored(classifier: Classifier) -> None:
    assert classifier.scores(Texts(())).shape == (0, len(LABELS))
    assert np.isfinite(classifier.scores(Texts(("", "unknown words only")))).all()


def test_counted_words_score_like_their_text(classifier: Classifier) -> None:
    counts = WordCounts(
        vocabulary=("game", "a", "small"),
        token_pattern=r"\w+[+#]*",
        indptr=np.array([0, 2], np.int64),
        indices=np.array([0, 1], np.int32),
        counts=np.array([1, 1], np.int32),
    )
    expected = classifier.scores(Texts(("a game",)))
    np.testing.assert_allclose(classifier.scores(counts), expected, rtol=1e-6)


def test_inputs_of_another_kind_are_refused(classifier: Classifier) -> None:
    inputs: Any = ["a list"]
    with pytest.raises(DataError, match=r"^bow reads WordCounts or Texts, not list$"):
        classifier.scores(inputs)


def test_a_score_at_the_threshold_is_predicted(classifier: Classifier) -> None:
    scores = classifier.scores(Texts(TEXTS))
    threshold = float(scores[0, 1])
    predicted = classifier.predict(Texts(TEXTS), threshold)
    assert predicted[0, 1]
    assert (predicted == (scores >= scores[0, 1])).all()
    assert (classifier.predict(Texts(TEXTS)) == (scores >= 0.5)).all()


def test_labels_come_best_first_and_no_more_than_asked_for(classifier: Classifier) -> None:
    scores = classifier.scores(Texts(TEXTS))
    everything = classifier.labels(Texts(TEXTS), threshold=0.0)
    for row, labels in enumerate(everything):
        assert sorted(name for name, _ in labels) == sorted(LABELS)
        assert [score for _, score in labels] == sorted(scores[row].tolist(), reverse=True)
        assert dict(labels)["library"] == scores[row, 1]
    two = classifier.labels(Texts(TEXTS), threshold=0.0, top_k=2)
    assert two == [labels[:2] for labels in everything]
    at_a_score = classifier.labels(Texts(TEXTS[:1]), threshold=float(scores[0].max()))
    assert [len(labels) for labels in at_a_score] == [1]
    none = classifier.labels(Texts(TEXTS), threshold=1.0)
    assert none == [[]] * len(TEXTS)


def test_loading_leaves_the_callers_random_numbers_alone(folder: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load(folder)
    assert torch.equal(torch.rand(3), expected)


def test_changed_weights_are_refused(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(StoreError) as caught:
        load(folder)
    assert str(caught.value) == f"{weights}: is damaged: its SHA-256 is not model.json's"


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(StoreError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder / name}: does not exist"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema_version": 1}'])
def test_a_damaged_description_is_refused(folder: Path, content: str) -> None:
    (folder / "model.json").write_text(content, "utf-8")
    with pytest.raises(StoreError, match=r"is damaged: not a description of a model$"):
        load(folder)


def change(folder: Path, **values: Any) -> None:
    file = folder / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | values), "utf-8")


def test_a_folder_of_a_newer_version_is_refused(folder: Path) -> None:
    change(folder, schema_version=2, something_new=1)
    with pytest.raises(StoreError, match=r"newer version of study \(schema 2, this one reads up"):
        load(folder)


def test_an_unknown_encoder_is_named(folder: Path) -> None:
    change(folder, encoder={"name": "sound"})
    with pytest.raises(StoreError, match="needs the encoder 'sound'; there are bow"):
        load(folder)


def test_weights_of_another_encoder_are_refused(folder: Path) -> None:
    change(folder, encoder={"name": "bow", "dim": 16})
    with pytest.raises(StoreError, match="does not fit the encoder 'bow'"):
        load(folder)
