from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import yaml

from study.plan.result import StudyResult
from study.report.cost import cost
from study.report.formats import duration

if TYPE_CHECKING:
    from tests.report.conftest import Story


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_worker_time_is_time_times_workers(new_story: type[Story]) -> None:
    story = new_story()
    story.trial(0, "reg", [(1, 0.1), (9, 0.2)])
    story.trial(1, "bce", [(3, 0.1)])
    story.choose(0, seeds=1)
    story.finish(0, 0, 0.4, 0.4)
    shown = plain(cost(story.result()))
    assert "Worker time by family, 2 workers a trial family search finalists " in shown
    assert "contrastive 36 s 38 s classifier 12 s 0.0 s all 48 s 38 s" in shown


def test_phases_add_up(quick: StudyResult) -> None:
    spent = quick.seconds
    total = duration(spent.search + spent.finalists + spent.report)
    said = f"search {duration(spent.search)} finalists {duration(spent.finalists)}"
    assert f"{said} report {duration(spent.report)} all {total}" in plain(cost(quick))


def test_what_is_needed_to_run_it_again_is_told(quick: StudyResult) -> None:
    shown = plain(cost(quick))
    for said in (
        "How it was run 2 lanes of 2 workers: 4 of 4 CPUs",
        "Seed of the search 7",
        "Seed of the trials 0",
        "Seeds of the finalists 0, 1, 2",
        "Study digest 738a088b41c2",
        "Dataset digest 90ab12cd34ef",
        "Git commit 490e593",
    ):
        assert said in shown


def test_what_is_not_known_is_left_out(new_story: type[Story]) -> None:
    shown = plain(cost(new_story().result()))
    for name in ("How it was run", "Seeds of the finalists", "MLflow run"):
        assert name not in shown


def test_the_study_file_reads_back(new_story: type[Story]) -> None:
    story = new_story(note="<script>&amp;ü")
    found = re.search(r"<pre><code>(.*?)</code></pre>", cost(story.result()), flags=re.S)
    assert found is not None
    assert yaml.safe_load(html.unescape(found[1])) == story.spec
