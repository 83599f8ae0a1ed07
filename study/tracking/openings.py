"""What an MLflow run is given when it is opened: its name, its tags, its parameters.

A dotted path is the same word in a study file, in a search space and as a parameter here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, final

from study.plan import (
    Configuration,
    FinalistRun,
    RunId,
    StudyRun,
    StudyStarted,
    TrialRun,
    TrialStarted,
)
from study.plan.stored import leaves

STUDY = StudyRun()
"""The parent run."""

Text: TypeAlias = Mapping[str, str]


@final
@dataclass(frozen=True)
class Opening:
    """A run as it begins."""

    run: RunId
    name: str
    """What MLflow shows."""
    time: float
    """Seconds since the epoch."""
    tags: Text
    params: Text


@final
class Openings:
    """The openings of one study's runs."""

    def __init__(self, started: StudyStarted) -> None:
        self.study_id = study_id(started.name, started.spec_digest, started.time)
        self._started = started

    @cached_property
    def study(self) -> Opening:
        """The parent's."""
        started = self._started
        sizes = {f"samples.{split}": str(size) for split, size in started.sizes.items()}
        params = _flat(started.spec) | sizes | {"labels": str(len(started.label_names))}
        tags = {"package.version": started.package_version}
        return self._opening(STUDY, started.name, started.time, tags, params)

    def trial(self, event: TrialStarted, settings: Mapping[str, Any]) -> Opening:
        """Return a trial's.

        Args:
            event: Its beginning.
            settings: All that are in force; of a point that is no trial there are none, and
                what was drawn stands in their place.
        """
        tags = {
            "trial.number": str(event.number),
            "trial.digest": event.digest,
            "loss.family": event.family,
        }
        name = f"{event.number:03d}-{event.digest[:8]}".rstrip("-")
        params = _flat(settings or {"loss.name": event.loss, **event.params})
        return self._opening(TrialRun(event.number), name, event.time, tags, params)

    def finalist(
        self, run: FinalistRun, chosen: Configuration, settings: Mapping[str, Any], time: float
    ) -> Opening:
        """Return a finalist run's."""
        tags = {
            "trial.number": str(run.trial),
            "loss.family": chosen.family,
            "seed": str(run.seed),
            "is_baseline": str(chosen.is_baseline).lower(),
        }
        params = _flat({**settings, "seed": run.seed})
        return self._opening(run, run.folder, time, tags, params)

    def _opening(self, run: RunId, name: str, time: float, tags: Text, params: Text) -> Opening:
        started = self._started
        common = {
            "study.id": self.study_id,
            "study.run": str(run),
            "study.role": _ROLES[type(run)],
            "study.digest": started.spec_digest,
            "dataset.digest": started.dataset_digest,
            "git.commit": started.git_commit or "",
            # MLflow's own names for the same: its pages show them.
            "mlflow.source.name": "study",
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": started.git_commit or "",
        }
        return Opening(run, name, time, {**common, **tags}, params)


def study_id(name: str, spec_digest: str, started: float) -> str:
    """Return what names one study among all that a store will ever hold.

    The start is part of it: the same file run again in another folder, or by another person
    on the same server, is another study.
    """
    return f"{name}-{spec_digest}-{round(started * 1000):x}"


_ROLES = {StudyRun: "study", TrialRun: "trial", FinalistRun: "finalist"}


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the leaves of ``values`` by dotted path, as text."""
    found = leaves(values).items()
    return {path: leaf if isinstance(leaf, str) else json.dumps(leaf) for path, leaf in found}
