"""A genetic algorithm whose parents are found among the trials, not in the Optuna study."""

from __future__ import annotations

from typing import final

import optuna
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState


@final
class Genetic(NSGAIISampler):  # type: ignore[misc]
    """NSGA-II for one objective.

    Optuna keeps the parents of every generation in the Optuna study, of which there is one for
    every proposal, and would select those of all earlier generations again. For one objective
    they are the best of all trials of earlier generations. The generation of a trial is in its
    attributes.
    """

    def select_parent(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the best complete trials of the generations before ``generation``."""
        key = self._get_generation_key()
        complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        earlier = [one for one in complete if one.system_attrs.get(key, generation) < generation]
        is_maximized = study.direction is optuna.study.StudyDirection.MAXIMIZE
        best = sorted(earlier, key=lambda one: one.value or 0.0, reverse=is_maximized)
        return best[: self.population_size]
