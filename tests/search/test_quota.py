"""The classifiers' share against counting by hand."""

import random
from collections import Counter
from fractions import Fraction

import pytest

from study.search import next_classifier

CLASSIFIERS = ("bce", "asl", "zlpr")


def slow_quota(started: list[str], share: Fraction) -> str | None:
    """The rule word by word, in whole numbers."""
    trials = len(started) + 1
    of_them = sum(1 for loss in started if loss in CLASSIFIERS)
    if not of_them < share * trials:
        return None
    fewest = min(started.count(loss) for loss in CLASSIFIERS)
    return next(loss for loss in CLASSIFIERS if started.count(loss) == fewest)


@pytest.mark.parametrize("seed", range(50))
def test_agrees_with_the_rule(seed: int) -> None:
    draw = random.Random(seed)
    hundredths = draw.choice([0, 7, 10, 34, 50, 100, draw.randint(0, 100)])
    started: list[str] = []
    for _ in range(120):
        found = next_classifier(Counter(started), CLASSIFIERS, hundredths / 100)
        assert found == slow_quota(started, Fraction(hundredths, 100))
        started.append(found or draw.choice(["reg", "msc", "bce"]))


def test_a_third_of_the_trials_goes_round_the_classifiers() -> None:
    started: list[str] = []
    for _ in range(12):
        started.append(next_classifier(Counter(started), CLASSIFIERS, 0.34) or "reg")
    # A third of twelve is four: the share of 0.34 asks for a little more.
    assert [index for index, loss in enumerate(started) if loss != "reg"] == [0, 2, 5, 8, 11]
    assert [loss for loss in started if loss != "reg"] == ["bce", "asl", "zlpr", "bce", "asl"]


def test_what_the_sampler_chose_itself_counts() -> None:
    assert next_classifier(Counter(["bce", "reg"]), CLASSIFIERS, 0.34) == "asl"
    assert next_classifier(Counter(["bce", "asl", "reg"]), CLASSIFIERS, 0.34) is None


def test_a_space_without_classifiers_has_no_quota() -> None:
    assert next_classifier(Counter([]), (), 1.0) is None
    assert next_classifier(Counter(["reg", "reg"]), (), 0.34) is None


def test_the_ends_of_the_share_mean_never_and_always() -> None:
    assert next_classifier(Counter([]), CLASSIFIERS, 0.0) is None
    assert next_classifier(Counter(["bce", "asl", "zlpr", "bce"]), CLASSIFIERS, 1.0) == "asl"
