"""A Sobol sequence over a whole search space: points that leave no large gaps."""

from __future__ import annotations

import math
from typing import Any, final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler


@final
class Sobol(BaseSampler):  # type: ignore[misc]
    """Proposes point ``number`` of the scrambled sequence that ``seed`` names.

    Optuna's own sampler counts its points in the Optuna study, of which there is one for every
    proposal: it would propose the first point again and again. Here the trial's number counts.
    A parameter that is not active leaves its coordinate unused.
    """

    def __init__(self, paths: tuple[str, ...], seed: int, number: int) -> None:
        self._paths = paths
        self._seed = seed
        self._number = number

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Return nothing: parameters are asked for one by one."""
        del study, trial
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Return nothing, see above."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value at the point's coordinate of this parameter."""
        del study, trial
        return _value(param_distribution, self._point()[self._paths.index(param_name)])

    def _point(self) -> list[float]:
        from scipy.stats import qmc

        engine = qmc.Sobol(len(self._paths), scramble=True, seed=self._seed)
        if self._number:
            engine.fast_forward(self._number)
        return [float(one) for one in engine.random(1)[0]]


def _value(domain: BaseDistribution, share: float) -> Any:
    """Return what lies at ``share``, in [0, 1), of a domain."""
    match domain:
        case CategoricalDistribution():
            return domain.choices[int(share * len(domain.choices))]
        case FloatDistribution():
            return min(_between(domain.low, domain.high, share, log=domain.log), domain.high)
        case IntDistribution():
            # Each whole number owns as long a stretch as its neighbours.
            drawn = _between(domain.low - 0.5, domain.high + 0.5, share, log=domain.log)
            return min(max(round(drawn), domain.low), domain.high)
    raise TypeError(f"no point of {domain} is known")


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    if log:
        return math.exp(_between(math.log(low), math.log(high), share, log=False))
    return low + share * (high - low)
