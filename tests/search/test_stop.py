"""Successive halving against its rule word by word, and the specs of the stop rules."""

import math
import random

import pytest

from study.errors import ConfigError
from study.search import (
    STOP_RULES,
    AnyStop,
    Asha,
    AshaSpec,
    Never,
    NeverSpec,
    StopRule,
)
from study.spec import Direction, Spec, parse

ASHA = Asha(rungs=(1, 3, 9), reduction=3)


def slow_asha(value: float, others: list[float], reduction: int, direction: Direction) -> bool:
    """Sort all values, best first and NaN last; keep those as good as the last one kept."""
    sign = -1 if direction == "maximize" else 1
    ranking = sorted(math.inf if math.isnan(one) else sign * one for one in [value, *others])
    kept = max(1, math.floor(len(ranking) / reduction))
    return not math.isnan(value) and sign * value <= ranking[kept - 1]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("seed", range(100))
def test_agrees_with_the_rule(seed: int, direction: Direction) -> None:
    draw = random.Random(seed)
    reduction = draw.randint(2, 5)
    # Few different values, so that many tie.
    values = [draw.choice([0.1, 0.2, 0.3, 0.4, math.nan]) for _ in range(draw.randint(1, 12))]
    rule = Asha(rungs=(1, 3, 9), reduction=reduction)
    value, others = values[0], values[1:]
    for epoch in (1, 3):
        assert rule.keeps(epoch, value, others, direction) is slow_asha(
            value, others, reduction, direction
        )


def test_the_first_at_a_rung_goes_on() -> None:
    assert ASHA.keeps(1, 0.0, [], "maximize")


@pytest.mark.parametrize(
    ("direction", "best"), [("maximize", {0.5, 0.6}), ("minimize", {0.1, 0.2})]
)
def test_of_six_the_best_two_go_on(direction: Direction, best: set[float]) -> None:
    values = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
    kept = {one for one in values if ASHA.keeps(3, one, sorted(values - {one}), direction)}
    assert kept == best


@pytest.mark.parametrize("epoch", [2, 4, 8, 9, 10])
def test_nobody_is_stopped_at_the_last_rung_or_between_rungs(epoch: int) -> None:
    assert ASHA.keeps(epoch, 0.0, [1.0] * 8, "maximize")


@pytest.mark.parametrize("rule", [ASHA, Never()])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("epoch", [1, 2, 9])
def test_a_value_that_is_not_finite_is_never_kept(
    rule: StopRule, value: float, epoch: int
) -> None:
    assert not rule.keeps(epoch, value, [], "maximize")


def test_never_keeps_the_worst() -> None:
    assert Never().keeps(1, 0.0, [1.0] * 8, "maximize")


class File(Spec):
    stop: AnyStop = AshaSpec()


@pytest.mark.parametrize("name", STOP_RULES)
def test_a_rule_is_picked_by_its_name_and_built_from_its_defaults(name: str) -> None:
    spec = parse(File, {"stop": {"rule": name}}).stop
    assert type(spec) is STOP_RULES[name]
    assert spec.rungs == (1, 3, 9)
    assert spec.build().keeps(1, 0.5, [], "maximize")


def test_a_spec_hands_its_settings_to_the_rule() -> None:
    spec = parse(File, {"stop": {"rule": "asha", "rungs": [2, 4], "reduction": 4}}).stop
    assert spec.build() == Asha(rungs=(2, 4), reduction=4)


@pytest.mark.parametrize("kind", [AshaSpec, NeverSpec])
@pytest.mark.parametrize(
    ("rungs", "rule"),
    [
        ([], "must have at least 1 entries, not []"),
        ([3, 1], "must rise, not 3, 1"),
        ([1, 3, 3], "must rise, not 1, 3, 3"),
    ],
)
def test_rungs_must_rise(kind: type[AshaSpec | NeverSpec], rungs: list[int], rule: str) -> None:
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
