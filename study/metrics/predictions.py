"""From scores to counts, once for many sets of sample weights or for many thresholds.

Letters: N samples, L labels, B sets of sample weights, G thresholds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.metrics.base import Scored, Weighted
from study.metrics.counts import Counts, Formula
from study.spec import Direction

_STEPS = 1024
THRESHOLDS_G = np.arange(1, _STEPS) / _STEPS
"""The thresholds that are tried: 1/1024 apart, so that half, single and double precision and
a decimal in a file all hold them exactly and a prediction never depends on which is used."""


def counted(formula: Formula, scored: Scored, *, threshold: float | None = None) -> Weighted:
    """Return ``formula`` as a function of sample weights.

    Args:
        formula: A metric of counts.
        scored: Scores, labels and the threshold.
        threshold: Used in place of that of ``scored``.
    """
    limit = scored.threshold if threshold is None else threshold
    predicted_NL, true_NL = scored.score_NL >= limit, scored.y_NL.astype(bool)
    hit_NL = (predicted_NL & true_NL).astype(np.float64)
    marked_NL = predicted_NL.astype(np.float64) + true_NL

    def of_weights(weight_BN: NDArray[np.float64]) -> NDArray[np.float64]:
        total_B = weight_BN.sum(axis=-1)
        return formula(Counts(weight_BN @ hit_NL, weight_BN @ marked_NL, total_B))

    return of_weights


def counts_at_thresholds(score_NL: NDArray[np.floating[Any]], y_NL: NDArray[Any]) -> Counts:
    """Return one set of counts per threshold in ``THRESHOLDS_G``, every sample counted once."""
    hit_GL = _at_or_above(score_NL, y_NL.astype(bool))
    predicted_GL = _at_or_above(score_NL, np.ones(y_NL.shape, dtype=bool))
    true_L = y_NL.sum(axis=0, dtype=np.float64)
    total_G = np.full(len(THRESHOLDS_G), float(len(y_NL)))
    return Counts(hit_GL, predicted_GL + true_L, total_G)


def best_of(value_G: NDArray[np.float64], direction: Direction) -> float:
    """Return the best of ``THRESHOLDS_G``; the middle one, or the lower of two, if some tie."""
    best = value_G.max() if direction == "maximize" else value_G.min()
    tied = np.flatnonzero(value_G == best)
    return float(THRESHOLDS_G[tied[(len(tied) - 1) // 2]])


def _at_or_above(
    score_NL: NDArray[np.floating[Any]], chosen_NL: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how many of the chosen cells of each label reach each threshold, (G, L)."""
    num_labels = score_NL.shape[1]
    # Scaling by a power of two is exact: a score reaches k/1024 if and only if its step does.
    step_NL = (score_NL * _STEPS).astype(np.intp)
    cells = (step_NL * num_labels + np.arange(num_labels))[chosen_NL]
    count_L = np.bincount(cells, minlength=(_STEPS + 1) * num_labels)
    reached = count_L.reshape(_STEPS + 1, num_labels)[::-1].cumsum(axis=0)[::-1]
    return reached[1:_STEPS].astype(np.float64)
