"""How good a network's features are: embed, probe, score.

Letters: N samples of a split, D features, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.data import PreparedSplit
from study.errors import Problem, TrialError
from study.metrics import best_threshold, evaluate
from study.training.network import Network
from study.training.probe import Scorer, fast_probe
from study.training.progress import Progress, Unwatched
from study.training.world import World, on_first, share_of

_CHUNK = 1024
"""Samples that are embedded at a time."""


@final
@dataclass(frozen=True, eq=False)
class Features:
    """A split as the encoder sees it."""

    x_ND: Tensor
    """Features of all samples, float32 at least."""

    y_NL: Tensor
    """Their labels, 0 or 1, uint8."""


def embed(network: Network, split: PreparedSplit, world: World) -> Features:
    """Return the features of a split on every worker; each embeds its share.

    Dropout is off, and so is half precision: the exported model answers without both.

    Raises:
        TrialError: On every worker, if a feature is infinite or not a number.
    """
    share = share_of(len(split), world)
    rows = torch.arange(share.start, share.stop)
    network.eval()
    with torch.no_grad():
        # At least one chunk, even if it is empty: it says how wide the features are.
        parts = [
            network.features({k: v.to(world.device) for k, v in split.take(chunk).items()})
            for chunk in rows.split(_CHUNK)
        ]
    x_ND = world.gather_plain(torch.cat(parts), len(split))
    if not x_ND.isfinite().all():
        rule = "must be finite; try a lower optimizer.learning_rate"
        raise TrialError(Problem("features", rule))
    return Features(x_ND, split.y_NL)


def own_head(network: Network) -> Scorer | None:
    """Return a classifier's own head; None beside a projection, where it only trains features.

    A combined loss is judged by the probe, as every other loss with a contrastive part is.
    """
    head = network.classifier
    if head is None or network.projection is not None:
        return None
    return Scorer(head.weight.detach(), head.bias.detach())


def scores(scorer: Scorer, features: Features) -> NDArray[np.float32]:
    """Return the scores (N, L) in [0, 1]: float32, as they are stored."""
    return scorer.score(features.x_ND.to(scorer.weight_LD.device)).float().cpu().numpy()


def at_best_threshold(
    score_NL: NDArray[np.float32], y_NL: Tensor, metric: str
) -> tuple[dict[str, float], float]:
    """Return all metrics at the one threshold at which ``metric`` is best, and it."""
    threshold = best_threshold(score_NL, y_NL.numpy(), metric)
    return evaluate(score_NL, y_NL.numpy(), threshold), threshold


def evaluate_rung(
    network: Network,
    train: PreparedSplit,
    val: PreparedSplit,
    world: World,
    metric: str,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Return ``val/METRIC`` of the fast probe, ``val/threshold`` and the head's, if any.

    Args:
        network: What is judged.
        train: What the probe is fitted to.
        val: What it is judged on, and its threshold tuned.
        world: The workers; all get the same values.
        metric: Name of the metric that tunes the threshold.
        progress: Is told of the phases.

    Raises:
        TrialError: If the features are not finite.
    """
    progress = Unwatched() if progress is None else progress
    progress.phase("evaluating")
    of_train, of_val = embed(network, train, world), embed(network, val, world)
    progress.phase("probing")

    def judge() -> dict[str, float]:
        probe = fast_probe(of_train.x_ND, of_train.y_NL.to(world.device))
        values, threshold = at_best_threshold(scores(probe, of_val), of_val.y_NL, metric)
        found = values | {"threshold": threshold}
        head = own_head(network)
        if head is not None:
            values, _ = at_best_threshold(scores(head, of_val), of_val.y_NL, "f1_macro")
            found["head_f1_macro"] = values["f1_macro"]
        return {f"val/{name}": value for name, value in found.items()}

    return on_first(world, judge)
