"""The stop rules against their definitions word by word, and their specs."""

import math
import random
import statistics
from collections.abc import Sequence

import pytest

from study.errors import ConfigError
from study.search import (
    STOP_RULES,
    AnyStop,
    Asha,
    AshaSpec,
    Median,
    MedianSpec,
    Never,
    NeverSpec,
    Others,
    Patience,
    PatienceSpec,
    RestoredTrial,
    Rivals,
    StopRule,
    StopSpec,
)
from study.spec import Direction, Spec, TrialState, parse, sort_key

ASHA = Asha(rungs=(1, 3, 9), reduction=3)
RULES = [ASHA, Never(), Median(startup=1, warmup=0), Patience(patience=1)]


def trial(*values: float, number: int = 0, epochs: Sequence[int] = (1, 3, 9)) -> RestoredTrial:
    reports = dict(zip(epochs, values, strict=False))
    return RestoredTrial(number, {}, TrialState.RUNNING, reports=reports)


def among(
    one: RestoredTrial, others: Sequence[RestoredTrial], direction: Direction = "maximize"
) -> Others:
    """The others, as a conductor hands them over: the trial itself is in the family too."""
    rivals = Rivals(direction)
    for other in [one, *others]:
        rivals.put(other)
    return rivals.but(one)


def keeps(
    rule: StopRule, value: float, others: Sequence[float], direction: Direction, epoch: int = 1
) -> bool:
    """Whether a trial goes on that has one report, as the others have."""
    one = trial(value, epochs=[epoch])
    rest = [trial(v, number=n, epochs=[epoch]) for n, v in enumerate(others, start=1)]
    return rule.keeps(one, among(one, rest, direction), direction)


def slow_asha(value: float, others: list[float], reduction: int, direction: Direction) -> bool:
    """Sort all values, best first and NaN last; keep those as good as the last one kept."""
    sign = -1 if direction == "maximize" else 1
    ranking = sorted(math.inf if math.isnan(one) else sign * one for one in [value, *others])
    kept = max(1, math.floor(len(ranking) / reduction))
    return not math.isnan(value) and sign * value <= ranking[kept - 1]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("seed", range(100))
def test_asha_agrees_with_the_rule(seed: int, direction: Direction) -> None:
    draw = random.Random(seed)
    reduction = draw.randint(2, 5)
    # Few different values, so that many tie.
    values = [draw.choice([0.1, 0.2, 0.3, 0.4, math.nan]) for _ in range(draw.randint(1, 12))]
    rule = Asha(rungs=(1, 3, 9), reduction=reduction)
    value, others = values[0], values[1:]
    for epoch in (1, 3, 9):
        assert keeps(rule, value, others, direction, epoch) is slow_asha(
            value, others, reduction, direction
        )


def test_the_first_at_a_rung_goes_on() -> None:
    assert keeps(ASHA, 0.0, [], "maximize")


@pytest.mark.parametrize(
    ("direction", "best"), [("maximize", {0.5, 0.6}), ("minimize", {0.1, 0.2})]
)
def test_of_six_the_best_two_go_on(direction: Direction, best: set[float]) -> None:
    values = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
    kept = {one for one in values if keeps(ASHA, one, sorted(values - {one}), direction, 3)}
    assert kept == best


@pytest.mark.parametrize("epoch", [2, 4, 8, 10])
def test_nobody_is_stopped_between_rungs(epoch: int) -> None:
    assert keeps(ASHA, 0.0, [1.0] * 8, "maximize", epoch)


def test_asha_ranks_at_its_last_rung_too() -> None:
    """Epochs may go beyond it; the last epoch of a trial is never asked about."""
    assert not keeps(ASHA, 0.0, [1.0] * 8, "maximize", epoch=9)


def test_asha_compares_at_one_rung_only() -> None:
    one = trial(0.5)
    others = [trial(0.1, 0.9, number=1), trial(0.2, 0.9, number=2), trial(number=3)]
    assert ASHA.keeps(one, among(one, others), "maximize")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("epoch", [1, 2, 9])
def test_a_value_that_is_not_finite_is_never_kept(
    rule: StopRule, value: float, epoch: int
) -> None:
    assert not keeps(rule, value, [], "maximize", epoch)


def test_never_keeps_the_worst() -> None:
    assert keeps(Never(), 0.0, [1.0] * 8, "maximize")


def some(draw: random.Random, number: int) -> RestoredTrial:
    values = [draw.choice([0.1, 0.2, 0.3, 0.4, 0.5]) for _ in range(draw.randint(1, 3))]
    return trial(*values, number=number)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("seed", range(60))
def test_median_agrees_with_the_rule(seed: int, direction: Direction) -> None:
    """Best so far against the others' means up to the same rung; of two medians the worse."""
    draw = random.Random(seed)
    one, *others = (some(draw, number) for number in range(draw.randint(1, 9)))
    means = [
        statistics.fmean(v for reached, v in other.reports.items() if reached <= one.epoch)
        for other in others
        if one.epoch in other.reports
    ]
    expected = True
    if len(means) >= 3:
        is_up = direction == "maximize"
        middle = statistics.median_low(means) if is_up else statistics.median_high(means)
        best = (max if is_up else min)(one.reports.values())
        expected = sort_key(best, direction) <= sort_key(middle, direction)
    rule = Median(startup=3, warmup=0)
    assert rule.keeps(one, among(one, others, direction), direction) is expected


def test_median_stops_nothing_while_it_warms_up() -> None:
    assert keeps(Median(startup=1, warmup=3), 0.0, [1.0] * 8, "maximize", epoch=1)
    assert not keeps(Median(startup=1, warmup=3), 0.0, [1.0] * 8, "maximize", epoch=3)


@pytest.mark.parametrize(
    ("values", "goes_on"),
    [
        ([0.1], True),
        ([0.1, 0.2, 0.3], True),
        ([0.3, 0.2], True),
        ([0.3, 0.2, 0.1], False),
        ([0.3, 0.3, 0.3], False),
        ([0.3, 0.2, 0.4], True),
    ],
)
def test_patience_looks_at_a_trials_own_history(values: list[float], goes_on: bool) -> None:
    one = trial(*values)
    rule = Patience(patience=2)
    assert rule.keeps(one, among(one, [trial(1.0, number=1)]), "maximize") is goes_on
    mirrored = trial(*(-value for value in values))
    assert rule.keeps(mirrored, among(mirrored, []), "minimize") is goes_on


class File(Spec):
    stop: AnyStop = AshaSpec()


@pytest.mark.parametrize("name", STOP_RULES)
def test_a_rule_is_picked_by_its_name_and_built_from_its_defaults(name: str) -> None:
    spec = parse(File, {"stop": {"rule": name}}).stop
    assert type(spec) is STOP_RULES[name]
    assert spec.rungs == (1, 3, 9)
    assert spec.rule == name
    assert keeps(spec.build(), 0.5, [], "maximize")


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ({"rule": "asha", "rungs": [2, 4], "reduction": 4}, Asha(rungs=(2, 4), reduction=4)),
        ({"rule": "median", "startup": 3, "warmup": 2}, Median(startup=3, warmup=2)),
        ({"rule": "patience", "patience": 4}, Patience(patience=4)),
    ],
)
def test_a_spec_hands_its_settings_to_the_rule(written: dict[str, object], rule: StopRule) -> None:
    assert parse(File, {"stop": written}).stop.build() == rule


@pytest.mark.parametrize("kind", [AshaSpec, MedianSpec, NeverSpec, PatienceSpec])
@pytest.mark.parametrize(
    ("rungs", "rule"),
    [
        ([], "must have at least 1 entries, not []"),
        ([3, 1], "must rise, not 3, 1"),
        ([1, 3, 3], "must rise, not 1, 3, 3"),
    ],
)
def test_rungs_must_rise(kind: type[StopSpec], rungs: list[int], rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(kind, {"rungs": rungs})
    assert str(caught.value) == f"rungs: {rule}"


def test_a_rung_is_an_epoch_and_one_of_one_is_no_reduction() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(AshaSpec, {"rungs": [0, 1], "reduction": 1})
    assert str(caught.value).splitlines() == [
        "rungs.0: must be at least 1, not 0",
        "reduction: must be at least 2, not 1",
    ]
