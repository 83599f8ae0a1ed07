"""What a spec is, and the values and protocols that plug-ins share."""

from study.spec.base import Spec, one_of, problems_of
from study.spec.direction import Direction, Objective, is_better, sort_key
from study.spec.inputs import Arrays, Inputs, Preprocess, Texts, WordCounts
from study.spec.parse import parse
from study.spec.states import TrialState

__all__ = [
    "Arrays",
    "Direction",
    "Inputs",
    "Objective",
    "Preprocess",
    "Spec",
    "Texts",
    "TrialState",
    "WordCounts",
    "is_better",
    "one_of",
    "parse",
    "problems_of",
    "sort_key",
]
