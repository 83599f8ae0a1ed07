"""One trial, from its spec to its metrics: plain torch on one worker or many, without Ray.

:class:`Trial` trains to an epoch, evaluates, saves and loads; a lane calls it rung by rung,
:func:`run_trial` loops over it. :func:`read_outcome` reads what a finalist run left behind.
"""

from study.training.checkpoint import whole_facts
from study.training.finish import (
    OUTCOME_FILE,
    SCORES_FILE,
    Outcome,
    read_outcome,
    read_scores,
)
from study.training.progress import Phase, Progress
from study.training.trial import Trial, run_trial
from study.training.world import OTHER_FAILED, Alone, Workers, World

__all__ = [
    "OTHER_FAILED",
    "OUTCOME_FILE",
    "SCORES_FILE",
    "Alone",
    "Outcome",
    "Phase",
    "Progress",
    "Trial",
    "Workers",
    "World",
    "read_outcome",
    "read_scores",
    "run_trial",
    "whole_facts",
]
