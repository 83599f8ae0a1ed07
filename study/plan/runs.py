"""The runs of a study, as values: the study itself, its trials, its finalists.

Their texts are what journals, MLflow tags and log messages hold: ``study``, ``trial/7`` and
``finalist/7/1`` (number of the trial, seed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema


@final
@dataclass(frozen=True)
class StudyRun:
    """The study as a whole: the parent of all other runs."""

    def __str__(self) -> str:
        return "study"


@final
@dataclass(frozen=True)
class TrialRun:
    """One trial of the search."""

    number: int
    """Order in which trials were proposed, from 0."""

    def __str__(self) -> str:
        return f"trial/{self.number}"

    @property
    def folder(self) -> str:
        """Name of the run's own folders and files."""
        return f"trial-{self.number}"


@final
@dataclass(frozen=True)
class FinalistRun:
    """A configuration of the search, trained again with another seed."""

    trial: int
    """Number of the trial that the configuration comes from."""

    seed: int

    def __str__(self) -> str:
        return f"finalist/{self.trial}/{self.seed}"

    @property
    def folder(self) -> str:
        """Name of the run's own folders and files."""
        return f"finalist-{self.trial}-seed-{self.seed}"


TrainedRun: TypeAlias = TrialRun | FinalistRun
RunId: TypeAlias = StudyRun | TrialRun | FinalistRun


def parse_run(text: str) -> RunId:
    """Return the run that ``str`` turned into ``text``.

    Raises:
        ValueError: If it is the text of no run.
    """
    match text.split("/"):
        case ["study"]:
            return StudyRun()
        case ["trial", number] if number.isdecimal():
            return TrialRun(int(number))
        case ["finalist", trial, seed] if trial.isdecimal() and seed.isdecimal():
            return FinalistRun(int(trial), int(seed))
    raise ValueError(f"must be study, trial/NUMBER or finalist/TRIAL/SEED, not {text!r}")


def parse_trained(text: str) -> TrainedRun:
    """Return the trial or finalist that ``text`` names.

    Raises:
        ValueError: If it names none.
    """
    run = parse_run(text)
    if isinstance(run, StudyRun):
        raise ValueError(  # noqa: TRY004 - the text is wrong, not its type
            "must be trial/NUMBER or finalist/TRIAL/SEED, not 'study'"
        )
    return run


def _any_run(value: Any) -> RunId:
    return value if isinstance(value, RunId) else parse_run(value)


def _trained_run(value: Any) -> TrainedRun:
    return value if isinstance(value, TrainedRun) else parse_trained(value)


def _finalist_run(value: Any) -> FinalistRun:
    run = _trained_run(value)
    if not isinstance(run, FinalistRun):
        raise ValueError(f"must be finalist/TRIAL/SEED, not {value!r}")  # noqa: TRY004 - pydantic
    return run


_AS_TEXT = (PlainSerializer(str, return_type=str), WithJsonSchema({"type": "string"}))
AnyRun = Annotated[RunId, PlainValidator(_any_run), *_AS_TEXT]
AnyTrainedRun = Annotated[TrainedRun, PlainValidator(_trained_run), *_AS_TEXT]
AnyFinalistRun = Annotated[FinalistRun, PlainValidator(_finalist_run), *_AS_TEXT]
"""Types of fields that hold a run, and are written as its text."""
