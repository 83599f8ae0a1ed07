"""Base of every spec: a frozen value that cannot exist with a mistake in it.

A plug-in's spec names itself, ``name: Literal["reg"] = "reg"``; :func:`one_of` turns a
table of them into the type of a field, so that the file's ``name`` picks the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, Union

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from study.errors import Problem

TAGS = ("name", "rule")
"""Fields that tell which plug-in a spec is of."""


class Spec(BaseModel):
    """Frozen, keyword-only, no unknown keys, no coercion of one type into another."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    def problems(self) -> Iterator[Problem]:
        """Yield what breaks a rule between fields, with paths relative to this spec."""
        yield from ()

    @model_validator(mode="after")
    def _no_problems(self) -> Self:
        found = [
            InitErrorDetails(
                type=PydanticCustomError("rule", "{rule}", {"rule": problem.rule}),
                loc=tuple(problem.path.split(".")) if problem.path else (),
                input=None,
            )
            for problem in self.problems()
        ]
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self


def problems_of(spec: Spec, path: str) -> Iterator[Problem]:
    """Yield ``spec.problems()`` with ``path`` put before each of their paths."""
    for problem in spec.problems():
        yield Problem(f"{path}.{problem.path}" if problem.path else path, problem.rule)


def one_of(table: Mapping[str, type[Spec]], tag: str = "name") -> Any:
    """Return the type of a field that holds one spec of ``table``, picked by its ``tag``."""
    specs = tuple(table.values())
    if len(specs) == 1:
        return specs[0]
    return Annotated[Union[specs], Field(discriminator=tag)]  # noqa: UP007 - built at run time
