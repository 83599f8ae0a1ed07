"""What opens the gate, and what is said about it."""

from __future__ import annotations

import math

from study.promotion.gate import (
    Check,
    Gate,
    champion_check,
    floor_checks,
    reload_check,
)
from study.spec import Direction

DIRECTIONS: dict[str, Direction] = {"test/f1": "maximize", "test/loss": "minimize"}


def test_a_score_must_reach_its_floor() -> None:
    lines = [
        check.line
        for value in (0.2999, 0.3, 0.31)
        for check in floor_checks({"test/f1": value}, {"test/f1": 0.3}, DIRECTIONS)
    ]
    assert lines == [
        "test/f1 is 0.2999, must be at least 0.3: fails",
        "test/f1 is 0.3000, must be at least 0.3: holds",
        "test/f1 is 0.3100, must be at least 0.3: holds",
    ]


def test_a_loss_must_stay_at_or_below_its_floor() -> None:
    lines = [
        check.line
        for value in (0.1, 0.2, 0.3)
        for check in floor_checks({"test/loss": value}, {"test/loss": 0.2}, DIRECTIONS)
    ]
    assert lines == [
        "test/loss is 0.1000, must be at most 0.2: holds",
        "test/loss is 0.2000, must be at most 0.2: holds",
        "test/loss is 0.3000, must be at most 0.2: fails",
    ]


def test_what_is_unknown_or_no_number_fails() -> None:
    (unknown,) = floor_checks({}, {"test/f1": 0.0}, DIRECTIONS)
    assert unknown.line == "test/f1 is unknown, must be at least 0: fails"
    (nan,) = floor_checks({"test/f1": math.nan}, {"test/f1": 0.0}, DIRECTIONS)
    assert not nan.holds


def test_without_floors_nothing_is_asked() -> None:
    assert list(floor_checks({"test/f1": 0.1}, {}, DIRECTIONS)) == []


def test_a_reloaded_model_must_score_alike() -> None:
    assert reload_check(5, 1e-5, "", 1e-5).line == (
        "loaded in a fresh process without pickle, 5 texts score within 1.0e-05 of the exported "
        "model, must be within 1e-05: holds"
    )
    assert not reload_check(5, 1.1e-5, "", 1e-5).holds
    assert not reload_check(5, math.nan, "", 1e-5).holds
    broken = reload_check(5, math.inf, "it needs ray", 1e-5)
    assert broken.line == "loaded in a fresh process without pickle: it needs ray: fails"


def test_nobody_is_replaced() -> None:
    assert champion_check(None, "2").holds
    assert champion_check("2", "2").holds
    other = champion_check("1", "2")
    assert other.line == "version 1 is champion, replacing it takes a comparison: fails"


def test_one_failure_keeps_the_gate_shut() -> None:
    good, bad = Check("good", holds=True), Check("bad", holds=False)
    assert Gate((good, good)).opens
    assert not Gate((good, bad, good)).opens
    assert Gate((good, bad)).lines == ("good: holds", "bad: fails")
