"""Search: what to try next and what to stop, decided with values; Ray is not known here.

To add a sampler: write its function in ``samplers.py`` (or a module of its own past 40
lines), add its row to ``SAMPLERS`` there and a test; the contract suite reads the table. A
stop rule is a spec and a rule in ``stop.py``, a row in ``STOP_RULES`` and a place in
``AnyStop``.
"""

from study.search.domain import Choice, Domain, Float, Integer, Value
from study.search.history import RestoredTrial
from study.search.proposer import Proposer
from study.search.quota import next_classifier
from study.search.raw import AnyDomain, ChoicesSpec, RangeSpec, conditions_of, domain_of
from study.search.samplers import SAMPLERS, Sampler
from study.search.space import Parameter, Space, parameter_problems
from study.search.stop import (
    STOP_RULES,
    AnyStop,
    Asha,
    AshaSpec,
    Never,
    NeverSpec,
    StopRule,
)

__all__ = [
    "SAMPLERS",
    "STOP_RULES",
    "AnyDomain",
    "AnyStop",
    "Asha",
    "AshaSpec",
    "Choice",
    "ChoicesSpec",
    "Domain",
    "Float",
    "Integer",
    "Never",
    "NeverSpec",
    "Parameter",
    "Proposer",
    "RangeSpec",
    "RestoredTrial",
    "Sampler",
    "Space",
    "StopRule",
    "Value",
    "conditions_of",
    "domain_of",
    "next_classifier",
    "parameter_problems",
]
