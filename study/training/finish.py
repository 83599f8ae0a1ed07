"""The end of a finalist: scorer and threshold chosen on val, test scored once, model written.

    FOLDER/model/                  as study.serving exports it
    FOLDER/scores.safetensors      val_score_NL, test_score_NL: float32, in [0, 1]
    FOLDER/outcome.json            an Outcome

Letters: N samples of a split, D features, L labels.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.torch import save_file

from study.data import PreparedData
from study.errors import Problem, StoreError
from study.metrics import METRICS, evaluate
from study.plan.trial import TrialSpec
from study.serving import Package, export
from study.spec import Spec, sort_key
from study.training.evaluate import (
    Features,
    at_best_threshold,
    embed,
    own_head,
    scores,
)
from study.training.folders import written_whole
from study.training.network import Network
from study.training.probe import Scorer, full_probes
from study.training.world import World, on_all, on_first

SCHEMA_VERSION = 1
OUTCOME_FILE = "outcome.json"
SCORES_FILE = "scores.safetensors"


@final
class Outcome(Spec):
    """What a finalist run came to."""

    schema_version: int = SCHEMA_VERSION
    """Version of the folder's layout."""

    trial_digest: str
    """Digest of the trial's spec."""

    dataset_digest: str
    """Digest of the data that it was trained and scored on."""

    val: dict[str, float]
    """Every metric on val, by its name."""

    test: dict[str, float]
    """Every metric on test, by its name, at the same threshold."""

    scorer: Literal["probe", "head"]
    """What reads the features: the linear probe, or the classifier's own head."""

    threshold: float
    """A label is predicted if its score is at or above this; tuned on val."""

    seconds: float
    """Wall time of probing, scoring and writing."""


@final
@dataclass(frozen=True, eq=False)
class Finished:
    """A trial whose training is over."""

    spec: TrialSpec
    digest: str
    """Names the trial."""
    network: Network
    data: PreparedData
    metric: str
    """Name of the metric that chooses scorer and threshold."""


@final
@dataclass(frozen=True, eq=False)
class _Choice:
    """What was best on val."""

    kind: Literal["probe", "head"]
    scorer: Scorer
    threshold: float
    val: dict[str, float]


def finish(model: Finished, folder: Path, provenance: Mapping[str, Any], world: World) -> Outcome:
    """Return the outcome of a finalist run and write it, its scores and its model to ``folder``.

    Every worker calls it; rank 0 writes. Where ``folder`` already holds the outcome of this
    trial on this data, it is returned as it is: test is scored once.

    Raises:
        DataError: If a split is missing or damaged.
        TrialError: If the features are not finite.
    """
    known = on_first(world, lambda: _known(model, folder))
    if known is not None:
        return known
    start_s = time.perf_counter()
    train, val = _embed(model, "train", world), _embed(model, "val", world)
    choice = on_first(world, lambda: _choose(model, train, val))
    test = _embed(model, "test", world)

    def conclude() -> Outcome:
        test_score_NL = scores(choice.scorer, test)
        outcome = Outcome(
            trial_digest=model.digest,
            dataset_digest=model.data.dataset_digest,
            val=choice.val,
            test=evaluate(test_score_NL, test.y_NL.numpy(), choice.threshold),
            scorer=choice.kind,
            threshold=choice.threshold,
            seconds=time.perf_counter() - start_s,
        )
        stored = {"val_score_NL": scores(choice.scorer, val), "test_score_NL": test_score_NL}
        with written_whole(folder) as new:
            export(_package(model, choice, provenance), new / "model")
            save_file({n: torch.from_numpy(s) for n, s in stored.items()}, new / SCORES_FILE)
            (new / OUTCOME_FILE).write_text(outcome.model_dump_json(indent=1) + "\n", "utf-8")
        return outcome

    return on_first(world, conclude)


def read_outcome(folder: Path) -> Outcome:
    """Return the outcome that :func:`finish` wrote.

    Raises:
        StoreError: If it is missing or damaged, or a newer version of this package wrote it.
    """
    file = folder / OUTCOME_FILE
    try:
        text = file.read_text("utf-8")
        version = json.loads(text)["schema_version"]
        if version > SCHEMA_VERSION:
            rule = f"must have schema_version {SCHEMA_VERSION} or less, not {version}"
            raise StoreError(Problem(str(file), f"{rule}; use the package that wrote it"))
        return Outcome.model_validate_json(text)
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        raise StoreError(Problem(str(file), "must be the outcome of a finalist run")) from None


def read_scores(folder: Path) -> dict[Literal["val", "test"], NDArray[np.float32]]:
    """Return the stored scores (N, L) of a finalist run on val and on test.

    Raises:
        StoreError: If they are missing or damaged.
    """
    file = folder / SCORES_FILE
    try:
        stored = load_file(file)
        return {"val": stored["val_score_NL"], "test": stored["test_score_NL"]}
    except (OSError, KeyError, SafetensorError):
        raise StoreError(Problem(str(file), "must be the scores of a finalist run")) from None


def _known(model: Finished, folder: Path) -> Outcome | None:
    if not (folder / OUTCOME_FILE).exists():
        return None
    outcome = read_outcome(folder)
    own = (model.digest, model.data.dataset_digest)
    return outcome if (outcome.trial_digest, outcome.dataset_digest) == own else None


def _embed(model: Finished, name: Literal["train", "val", "test"], world: World) -> Features:
    split = on_all(world, lambda: model.data.split(name))
    return embed(model.network, split, world)


def _choose(model: Finished, train: Features, val: Features) -> _Choice:
    """Return the best on val of all probes and the own head; the first, if some tie."""
    y_NL = train.y_NL.to(train.x_ND.device)
    choices = [_judge("probe", probe, val, model) for probe in full_probes(train.x_ND, y_NL)]
    head = own_head(model.network)
    if head is not None:
        choices.append(_judge("head", head, val, model))
    direction = METRICS[model.metric].direction
    return min(choices, key=lambda choice: sort_key(choice.val[model.metric], direction))


def _judge(
    kind: Literal["probe", "head"], scorer: Scorer, val: Features, model: Finished
) -> _Choice:
    values, threshold = at_best_threshold(scores(scorer, val), val.y_NL, model.metric)
    # Another worker could not read from this one's GPU.
    return _Choice(kind, scorer.cpu(), threshold, values)


def _package(model: Finished, choice: _Choice, provenance: Mapping[str, Any]) -> Package:
    return Package(
        encoder_spec=model.spec.encoder,
        preprocess_state=model.data.state,
        encoder_state=model.network.encoder.state_dict(),
        weight_LD=choice.scorer.weight_LD,
        bias_L=choice.scorer.bias_L,
        threshold=choice.threshold,
        label_names=model.data.label_names,
        provenance=provenance,
    )
