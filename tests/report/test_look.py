"""The look, and that the palette keeps its promise to colour-blind eyes."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from study.report.facts import Searched
from study.report.look import (
    DARK,
    PALETTE,
    epoch_axis,
    log_ticks,
    padded,
    paints,
    parameter_axis,
    value_axis,
)
from study.spec import TrialState

if TYPE_CHECKING:
    from tests.report.conftest import Story

Colour = NDArray[np.float64]
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB."""


def linear(colour: str) -> Colour:
    value = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Colour) -> Colour:
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    lab: Colour = np.array(to_lab) @ np.cbrt(np.array(to_lms) @ np.clip(rgb, 0, 1))
    return lab


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [tuple(PALETTE), tuple(PALETTE.values())])
def test_any_two_colours_differ_for_every_eye(palette: tuple[str, ...], sight: str) -> None:
    seen = [oklab(SIGHT[sight] @ linear(colour)) for colour in palette]
    assert min(100 * np.linalg.norm(a - b) for a, b in combinations(seen, 2)) >= 9


def test_every_colour_stands_out_from_its_page() -> None:
    for light, dark in PALETTE.items():
        assert 1.05 / (luminance(light) + 0.05) >= 3
        assert (luminance(dark) + 0.05) / (luminance("#14171c") + 0.05) >= 3


def test_no_colour_is_replaced_twice() -> None:
    assert not DARK.keys() & set(DARK.values())


def test_a_loss_keeps_its_paint_however_many_were_tried(new_story: type[Story]) -> None:
    story = new_story()
    before = paints(story.result())
    story.trial(0, "reg")
    assert paints(story.result()) == before
    assert before["reg"].colour == list(PALETTE)[7]


def test_more_losses_than_colours_differ_in_shape(new_story: type[Story]) -> None:
    story = new_story()
    for index in range(12):
        story.trial(index, f"loss_{index}")
    found = paints(story.result())
    assert len(set(found.values())) == 20
    assert {paint.shape for paint in found.values()} == {"circle", "square", "diamond"}


def test_the_symbol_tells_the_state(new_story: type[Story]) -> None:
    paint = paints(new_story().result())["reg"]
    assert {state: paint.symbol(state) for state in TrialState} == {
        TrialState.COMPLETE: "circle",
        TrialState.PRUNED: "circle-open",
        TrialState.RUNNING: "circle-open-dot",
        TrialState.FAIL: "x-thin",
        TrialState.INFEASIBLE: "x-thin",
    }


def test_a_log_axis_shows_what_could_be_drawn() -> None:
    axis = parameter_axis(Searched("loss.t", "t", "log", (), (0.01, 1.0)), [0.1])
    assert axis["title_text"] == "loss.t"
    assert axis["type"] == "log"
    assert axis["range"] == pytest.approx([-2.14, 0.14])
    assert axis["ticktext"] == ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]


def test_choices_are_the_ticks() -> None:
    batch_size = Searched("batch_size", "batch size", "log", (64, 128, 512), (64, 512))
    assert parameter_axis(batch_size, [64])["tickvals"] == [64, 128, 512]
    layers = Searched("layers", "layers", "linear", (1, 2), (1, 2))
    assert parameter_axis(layers, [1])["ticktext"] == ["1", "2"]
    alpha = Searched("alpha", "alpha", "linear", (), (0.0, 2.0))
    assert "tickvals" not in parameter_axis(alpha, [1.0])


def test_a_category_shows_what_was_not_drawn_too() -> None:
    axis = parameter_axis(Searched("<p>", "p", "category", (True, False), None), [False, "<b>"])
    assert axis["title_text"] == "&lt;p&gt;"
    assert axis["categoryarray"] == ["true", "false", "&lt;b&gt;"]
    assert axis["range"] == [-0.5, 2.5]


def test_rungs_that_grow_by_a_factor_are_evenly_spaced() -> None:
    assert epoch_axis([1, 3, 9, 1]) == {
        "title_text": "epoch",
        "type": "log",
        "tickmode": "array",
        "tickvals": [1, 3, 9],
        "ticktext": ["1", "3", "9"],
    }
    assert epoch_axis([5])["type"] == "linear"
    assert epoch_axis(range(1, 6))["type"] == "linear"
    assert epoch_axis(range(1, 6))["tickvals"] == [1, 2, 3, 4, 5]
    assert epoch_axis(range(1, 101)) == {"title_text": "epoch", "type": "linear"}


def test_many_decades_have_powers_of_ten_only() -> None:
    assert log_ticks([1e-5, 1.0]) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert log_ticks([-1.0, 1.0]) == []


def test_a_single_value_has_room_around_it() -> None:
    assert padded(0.0, 0.0) == [-0.5, 0.5]
    assert padded(-2.0, -2.0) == pytest.approx([-2.14, -1.86])
    assert padded(0.0, 1.0) == pytest.approx([-0.07, 1.07])


def test_the_value_axis_spans_all_trials(new_story: type[Story]) -> None:
    story = new_story()
    assert "range" not in value_axis(story.result())
    story.trial(0, curve=[(9, -1.0)])
    story.trial(1, curve=[(9, 1.0)])
    assert value_axis(story.result())["range"] == pytest.approx([-1.14, 1.14])
