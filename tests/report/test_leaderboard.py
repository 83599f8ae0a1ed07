from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from study.report.leaderboard import leaderboard, metrics, runs
from study.report.markup import Html
from tests.report.conftest import fixed_temperature

if TYPE_CHECKING:
    from tests.report.conftest import Story


def texts(table: Html) -> list[str]:
    """Return the text of every row, a space between elements."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def test_finalists_stand_by_rank_with_their_intervals(decide: Callable[..., Story]) -> None:
    result = decide((0.44, 0.46), (0.45, 0.447), (0.42, 0.416)).result()
    assert texts(leaderboard(result)) == [
        "rank loss val/f1_macro test/f1_macro settings trial seeds",
        "1 msc 0.450 0.445 to 0.456 0.447 0.442 to 0.453 "
        "temperature 0.1 batch size 64 learning rate 0.01 1 3",
        "2 reg 0.440 0.435 to 0.446 0.460 0.455 to 0.466 "
        "temperature 0.0712 batch size 256 learning rate 0.012 0 3",
        "3 asl baseline 0.420 0.415 to 0.426 0.416 0.411 to 0.422 "
        "batch size 128 learning rate 0.02 2 3",
    ]


def test_before_the_ranking_no_test_is_shown(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, batch_size=64)
    story.choose(0)
    story.finish(0, 1, 0.45, 0.99)
    assert texts(leaderboard(story.result()))[1] == (
        "– reg – – temperature 0.1 (fixed) batch size 64 learning rate 0.01 (fixed) 0 1 of 3"
    )
    assert texts(runs(story.result()))[1:] == [
        "– reg 0 unfinished – – – – 0.0 s –",
        "– reg 1 complete 0.450 – probe 0.210 19 s f01",
        "– reg 2 unfinished – – – – 0.0 s –",
    ]


def test_what_every_loss_was_given_is_shown_as_fixed(new_story: type[Story]) -> None:
    story = new_story(**fixed_temperature())
    story.trial(0, "msc", batch_size=64)
    story.choose(0)
    shown = texts(leaderboard(story.result()))[1]
    assert "temperature 0.05 (fixed) batch size 64 learning rate 0.01 (fixed)" in shown


def test_every_run_is_a_row_and_the_registered_one_is_marked(decide: Callable[..., Story]) -> None:
    story = decide((0.45, 0.447), (0.44, 0.44), (0.42, 0.416))
    assert texts(runs(story.result()))[2] == (
        "1 reg median on val 1 complete 0.450 0.447 probe 0.210 19 s f01"
    )
    story.register("challenger")
    rows = texts(runs(story.result()))
    assert len(rows) == 10
    assert [row for row in rows if "registered" in row] == [
        "1 reg registered 1 complete 0.450 0.447 probe 0.210 19 s f01"
    ]


def test_every_metric_is_a_mean_over_seeds(decide: Callable[..., Story]) -> None:
    result = decide((0.45, 0.447), (0.44, 0.43), (0.42, 0.416)).result()
    assert texts(metrics(result)) == [
        "metric 1. reg, val 1. reg, test 2. msc, val 2. msc, test 3. asl, val 3. asl, test",
        "f1_macro 0.4500 0.4470 0.4400 0.4300 0.4200 0.4160",
        "map_macro 0.5000 0.4970 0.4900 0.4800 0.4700 0.4660",
    ]
