from __future__ import annotations

import re
from typing import TYPE_CHECKING

from study.plan.result import StudyResult
from study.report.markup import Html
from study.report.sections import sections
from study.report.tables import loss_name, trials, who_got_how_much
from study.spec import TrialState
from tests.report.conftest import fixed_temperature

if TYPE_CHECKING:
    from tests.report.conftest import Story


def rows(table: Html) -> list[list[str]]:
    """Return the text of every cell."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.S)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.S) for row in found]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in cells]


def test_every_trial_is_a_row(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "bce", [(1, 0.25)], TrialState.PRUNED, "not <good>", batch_size=64)
    story.trial(1, "reg", [(9, 0.5)], loss__regulariser=True, loss__temperature=0.07123)
    heads, *cells = rows(trials(story.result()))
    assert heads[:6] == ["trial", "loss", "state", "val/f1_macro", "epoch", "time"]
    assert heads[6:] == ["temperature", "batch size", "learning rate", "regulariser", "reason"]
    assert cells == [
        ["0", "bce", "pruned", "0.250", "1", "2.0 s", "–", "64", "0.01", "–", "not &lt;good&gt;"],
        ["1", "reg", "complete", "0.500", "9", "18 s", "0.0712", "256", "0.01", "true", ""],
    ]


def test_a_setting_that_was_not_drawn_is_marked(new_story: type[Story]) -> None:
    story = new_story(**fixed_temperature())
    story.trial(0, "msc", batch_size=64)
    made = trials(story.result())
    assert '<td class="number fixed">0.05</td><td class="number">64</td>' in made
    assert "In italics: fixed, not drawn." in sections(story.result(), {})


def test_only_the_first_trials_are_in_the_page(new_story: type[Story]) -> None:
    story = new_story()
    for number in range(60):
        story.trial(number)
    assert len(rows(trials(story.result()))) == 51
    assert "Without JavaScript only the first 50 are shown." in sections(story.result(), {})


def test_who_got_how_much_adds_up(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "bce", [(1, 0.25)], TrialState.PRUNED)
    story.trial(1, "reg", [(9, 0.5)])
    story.trial(2, "reg", [], TrialState.INFEASIBLE)
    assert rows(who_got_how_much(story.result()))[1:] == [
        ["contrastive losses", "2", "1", "0", "1", "9", "18 s", "90%", "0.500"],
        ["reg", "2", "1", "0", "1", "9", "18 s", "90%", "0.500"],
        ["classifier losses", "1", "0", "1", "0", "1", "2.0 s", "10%", "0.250"],
        ["bce", "1", "0", "1", "0", "1", "2.0 s", "10%", "0.250"],
    ]


def test_no_time_spent_is_no_share(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "bce", [], TrialState.FAIL)
    assert rows(who_got_how_much(story.result()))[1][6:] == ["0.0 s", "0%", "–"]


def test_no_table_of_the_search_knows_of_test(quick: StudyResult) -> None:
    assert "test" not in trials(quick) + who_got_how_much(quick)


def test_a_loss_is_escaped_beside_its_dot() -> None:
    assert loss_name("<x>") == (
        '<i class="dot" data-loss="&lt;x&gt;" aria-hidden="true"></i>&lt;x&gt;'
    )
