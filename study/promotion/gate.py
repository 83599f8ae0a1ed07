"""Whether a model may become champion: decided from values, with the evidence said aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

from study.spec import Direction


@final
@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    fact: str
    """What was found and what it must be."""

    holds: bool

    @property
    def line(self) -> str:
        """The fact and the verdict."""
        return f"{self.fact}: {'holds' if self.holds else 'fails'}"


@final
@dataclass(frozen=True)
class Gate:
    """All that was looked at."""

    checks: tuple[Check, ...]

    @property
    def opens(self) -> bool:
        """Whether everything holds."""
        return all(check.holds for check in self.checks)

    @property
    def lines(self) -> tuple[str, ...]:
        """One line per check."""
        return tuple(check.line for check in self.checks)


def floor_checks(
    means: Mapping[str, float],
    floors: Mapping[str, float],
    directions: Mapping[str, Direction],
) -> Iterator[Check]:
    """Yield one check for every floor.

    Args:
        means: The winner's means over its seeds, by ``test/metric``.
        floors: What must be reached, by ``test/metric``: at least, or at most for a loss.
        directions: By ``test/metric``.
    """
    for path, floor in floors.items():
        is_loss = directions[path] == "minimize"
        wanted = f"{'at most' if is_loss else 'at least'} {floor:g}"
        if path not in means:
            yield Check(f"{path} is unknown, must be {wanted}", holds=False)
            continue
        value = means[path]
        holds = value <= floor if is_loss else value >= floor
        yield Check(f"{path} is {value:.4f}, must be {wanted}", holds)


def reload_check(texts: int, difference: float, problem: str, tolerance: float) -> Check:
    """Return the check of a model that was loaded in a fresh process.

    Args:
        texts: How many texts it scored.
        difference: Largest difference of a score from the exported model's.
        problem: Why it did not answer; empty if it did.
        tolerance: Largest difference that is none.
    """
    where = "loaded in a fresh process without pickle"
    if problem:
        return Check(f"{where}: {problem}", holds=False)
    fact = (
        f"{where}, {texts} texts score within {difference:.1e} of the exported model, "
        f"must be within {tolerance:.0e}"
    )
    return Check(fact, difference <= tolerance)


def champion_check(champion: str | None, version: str) -> Check:
    """Return the check that nobody is replaced: that takes a comparison of the two.

    Args:
        champion: Version that is champion now; None if none is.
        version: Version that would become it.
    """
    if champion is None:
        return Check("there is no champion yet", holds=True)
    if champion == version:
        return Check(f"version {version} is the champion already", holds=True)
    return Check(f"version {champion} is champion, replacing it takes a comparison", holds=False)
