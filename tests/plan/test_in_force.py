"""Settings that a run has, drawn or not."""

from __future__ import annotations

from study.plan.in_force import fixed, in_force
from tests.plan.test_best import trial

SETTINGS = {"loss": {"name": "reg", "temperature": 0.05}, "batch_size": 256, "optimizer": None}


def test_a_drawn_value_is_in_force() -> None:
    one = trial(0, 0.1, params={"batch_size": 64}, settings=SETTINGS)
    assert in_force(one, "batch_size") == 64
    assert fixed(one) == {"loss.temperature": 0.05}


def test_what_was_not_drawn_is_looked_up_in_the_settings() -> None:
    one = trial(0, 0.1, settings=SETTINGS)
    assert in_force(one, "loss.temperature") == 0.05
    assert in_force(one, "batch_size") == 256


def test_a_setting_that_a_run_does_not_have_is_none() -> None:
    one = trial(0, 0.1, settings=SETTINGS)
    for path in ("loss", "loss.alpha", "optimizer.learning_rate", "batch_size.x"):
        assert in_force(one, path) is None
    assert in_force(trial(0, 0.1), "batch_size") is None
