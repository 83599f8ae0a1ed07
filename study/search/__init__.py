"""Search: what to try next and what to stop, decided with values; Ray is not known here.

To add a sampler: write its spec in ``samplers.py`` (or a module of its own past 40 lines), add
its row to ``SAMPLERS`` there and a test; the contract suite reads the table. A stop rule is a
rule and its spec in ``stop.py``, and a row in ``STOP_RULES``.
"""

from study.search.budget import Paces, seconds_for_search, seconds_of_runs, seeds_in_time
from study.search.domain import Choice, Domain, Float, Integer, Value
from study.search.history import RestoredTrial
from study.search.proposer import Proposer
from study.search.quota import next_classifier
from study.search.raw import AnyDomain, ChoicesSpec, RangeSpec, conditions_of, domain_of
from study.search.rivals import Others, Rivals
from study.search.samplers import (
    SAMPLERS,
    AnySampler,
    NsgaiiSpec,
    QmcSpec,
    RandomSpec,
    SamplerSpec,
    TpeSpec,
)
from study.search.space import Parameter, Space, parameter_problems
from study.search.stop import (
    STOP_RULES,
    AnyStop,
    Asha,
    AshaSpec,
    Median,
    MedianSpec,
    Never,
    NeverSpec,
    Patience,
    PatienceSpec,
    StopRule,
    StopSpec,
)

__all__ = [
    "SAMPLERS",
    "STOP_RULES",
    "AnyDomain",
    "AnySampler",
    "AnyStop",
    "Asha",
    "AshaSpec",
    "Choice",
    "ChoicesSpec",
    "Domain",
    "Float",
    "Integer",
    "Median",
    "MedianSpec",
    "Never",
    "NeverSpec",
    "NsgaiiSpec",
    "Others",
    "Paces",
    "Parameter",
    "Patience",
    "PatienceSpec",
    "Proposer",
    "QmcSpec",
    "RandomSpec",
    "RangeSpec",
    "RestoredTrial",
    "Rivals",
    "SamplerSpec",
    "Space",
    "StopRule",
    "StopSpec",
    "TpeSpec",
    "Value",
    "conditions_of",
    "domain_of",
    "next_classifier",
    "parameter_problems",
    "seconds_for_search",
    "seconds_of_runs",
    "seeds_in_time",
]
