"""What a metric is: scores and labels in, one number in [0, 1] out, for any sample weights.

Letters: N samples, L labels, B sets of sample weights that are evaluated at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from study.metrics.counts import Formula
from study.spec import Direction

Weighted: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Maps sample weights (B, N), each row with a sum above 0, to the metric's values (B,)."""


@final
@dataclass(frozen=True, eq=False)
class Scored:
    """What a classifier said of N samples, and what is true of them."""

    score_NL: NDArray[np.floating[Any]]
    """How likely each label is, in [0, 1]; float32 or float64."""

    y_NL: NDArray[Any]
    """The labels, 0 or 1; uint8 or bool."""

    threshold: float
    """A label is predicted if its score is at or above this; in [0, 1]."""

    weight_N: NDArray[np.float64] | None = None
    """How much each sample counts, at least 0 and not all 0; None = 1 each. Whole numbers
    count a sample that many times."""

    def __post_init__(self) -> None:
        _check_shapes(self.score_NL, self.y_NL)
        # Written so that a NaN, which compares as false, is refused too.
        if not (self.score_NL.min() >= 0 and self.score_NL.max() <= 1):
            raise ValueError("scores must be in [0, 1]")
        if not np.isin(self.y_NL, (0, 1)).all():
            raise ValueError("labels must be 0 or 1")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold must be in [0, 1], not {self.threshold}")
        if self.weight_N is not None:
            _check_weights(self.weight_N, len(self.y_NL))

    @property
    def weight_1N(self) -> NDArray[np.float64]:
        """The sample weights as one row; ones if there are none."""
        if self.weight_N is None:
            return np.ones((1, len(self.y_NL)))
        return self.weight_N.astype(np.float64)[None]


@final
@dataclass(frozen=True)
class Metric:
    """One row of ``METRICS``."""

    name: str
    """As in ``val/NAME``; a loss, which is minimised, says so."""

    direction: Direction
    """Which way is better."""

    doc: str
    """One line: what is averaged over what."""

    weighted: Callable[[Scored], Weighted]
    """Does once what no sample weights change (sorting, comparing with the threshold) and
    returns the function of the weights, of which the bootstrap asks thousands. The weights
    and, for a metric with a fixed threshold, the threshold in ``Scored`` are not looked at."""

    of_counts: Formula | None = None
    """The same metric from counts, if ``Scored.threshold`` matters to it, else None."""

    def compute(self, scored: Scored) -> float:
        """Return the value, in [0, 1]."""
        return float(self.weighted(scored)(scored.weight_1N)[0])


def _check_shapes(score_NL: NDArray[Any], y_NL: NDArray[Any]) -> None:
    if score_NL.ndim != 2 or score_NL.shape != y_NL.shape or not score_NL.size:
        raise ValueError(
            "scores and labels must have the same shape (N, L) with at least one sample and "
            f"one label, not {score_NL.shape} and {y_NL.shape}"
        )


def _check_weights(weight_N: NDArray[np.float64], num_samples: int) -> None:
    if weight_N.shape != (num_samples,):
        raise ValueError(f"weights must have shape ({num_samples},), not {weight_N.shape}")
    if not (weight_N.min() >= 0 and 0 < weight_N.sum() < np.inf):
        raise ValueError("weights must be finite, at least 0 and not all 0")
