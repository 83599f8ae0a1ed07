"""What can go wrong, as one tree.

    StudyError                 exit code 1: it ran and failed
    ├── TrialError             one trial failed; the study goes on
    ├── MachineError           disk, quota, permission, node or store: the study is interrupted
    ├── CannotRunError         exit code 2: nothing was started
    │   ├── ConfigError        the study file, an option or a name is wrong
    │   ├── DataError          a dataset is missing, damaged or does not fit
    │   ├── ResourceError      the study does not fit the machine or cluster
    │   └── StoreError         storage, tracking store or registry cannot be used
    └── GateError              the winner must not be promoted

Every error holds its problems as values, prints one per line as ``path: rule, not value``
and survives pickling, since it may come from another process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, final


@final
@dataclass(frozen=True)
class Problem:
    """One mistake: the dotted path of what is wrong and the rule it breaks."""

    path: str
    """Dotted path of a field, an option (``--storage``) or a file; empty if there is none."""

    rule: str
    """What must hold and what was found: ``must be above 0, not -1``."""

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}" if self.path else self.rule


class StudyError(Exception):
    """Base of every error of this package."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problems: Iterable[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = Problem("", problems)
        if isinstance(problems, Problem):
            problems = (problems,)
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@final
class TrialError(StudyError):
    """One trial failed: its loss became NaN, its code raised, or its workers died."""


@final
class MachineError(StudyError):
    """The machine failed, not the configuration: no space, no permission, a lost node or store.

    The study is interrupted and can be resumed; the sampler does not learn of it.
    """


class CannotRunError(StudyError):
    """The request cannot be carried out; nothing was started."""

    exit_code: ClassVar[int] = 2


@final
class ConfigError(CannotRunError):
    """A study file, an option or a name is wrong."""


@final
class DataError(CannotRunError):
    """A dataset is missing, damaged, or does not fit what is asked of it."""


@final
class ResourceError(CannotRunError):
    """The study does not fit the machine or the cluster."""


@final
class StoreError(CannotRunError):
    """The storage folder, the tracking store or the registry cannot be used."""


@final
class GateError(StudyError):
    """The winner must not be promoted."""
