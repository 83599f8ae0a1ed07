"""The tables of the finalists: the only ones that show figures on test."""

from __future__ import annotations

from collections.abc import Sequence

from study.plan.events import IntervalValue
from study.plan.in_force import fixed
from study.plan.result import FinalistResult, SeedResult, StudyResult
from study.plan.runs import FinalistRun
from study.report.facts import columns
from study.report.formats import duration, interval, places, score, seeds_of, setting, state_names
from study.report.markup import Html, element, joined
from study.report.tables import cell, heads, loss_name, number, table


def _settings(result: StudyResult, one: FinalistResult) -> Html:
    """Return what a configuration was drawn with but its loss, and what it has fixed."""
    also = fixed(one)
    parts = [
        element("span", f"{name} {setting(value)}{mark}", class_="setting")
        for path, name in columns(result).items()
        for value, mark in ((one.params.get(path), ""), (also.get(path), " (fixed)"))
        if value is not None
    ]
    return joined(parts) if parts else Html("–")


def leaderboard(result: StudyResult) -> Html:
    """Return the finalists by rank, with both splits' means and intervals."""
    names = ["rank", "loss", *(f"{split}/{result.metric}" for split in ("val", "test"))]
    shown = heads([*names, "settings", "trial", "seeds"], numbers=["rank", "trial", "seeds"])
    rows = (_finalist(result, one) for one in result.finalists)
    return table(shown, rows, caption="Finalists by rank")


def _finalist(result: StudyResult, one: FinalistResult) -> Html:
    mark = element("span", "baseline", class_="tag") if one.is_baseline else None
    return element(
        "tr",
        number(str(one.rank or "–")),
        cell(loss_name(one.loss), mark),
        cell(_with_interval(one.val, places(result))),
        cell(_with_interval(one.test, places(result))),
        element("td", _settings(result, one), class_="drawn"),
        number(str(one.trial)),
        number(seeds_of(one)),
        class_="winner" if one.rank == 1 else False,
    )


def _with_interval(found: IntervalValue | None, decimals: int) -> Html:
    if found is None:
        return Html("–")
    ends = element("span", interval(found, decimals), class_="setting")
    return joined([element("span", score(found.mean, decimals), class_="mean"), ends])


def metrics(result: StudyResult) -> Html:
    """Return every metric of every ranked finalist: means over its seeds on val and test."""
    ranked = [one for one in result.finalists if one.rank]
    names = dict.fromkeys(
        name for one in ranked for seed in one.seeds for name in seed.test_metrics
    )
    groups = [f"{one.rank}. {one.loss}" for one in ranked]
    titles = [f"{group}, {split}" for group in groups for split in ("val", "test")]
    rows = (
        element(
            "tr",
            cell(element("code", name)),
            *(
                number(score(_mean(one.seeds, name, on_test=on_test), 4))
                for one in ranked
                for on_test in (False, True)
            ),
        )
        for name in names
    )
    shown = heads(["metric", *titles], numbers=titles)
    return table(shown, rows, caption="Every metric, mean over seeds")


def _mean(seeds: Sequence[SeedResult], name: str, *, on_test: bool) -> float | None:
    found = [(seed.test_metrics if on_test else seed.val_metrics).get(name) for seed in seeds]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def runs(result: StudyResult) -> Html:
    """Return every finalist run; its test stays out until the finalists are ranked."""
    right = ["rank", "seed", "val", "test", "threshold", "time"]
    names = ["rank", "loss", "seed", "state", "val", "test", "scored by", "threshold", "time"]
    rows = (_run(result, one, seed) for one in result.finalists for seed in one.seeds)
    shown = heads([*names, "MLflow run", "reason"], numbers=right)
    return table(shown, rows, caption="Finalist runs")


def _run(result: StudyResult, one: FinalistResult, seed: SeedResult) -> Html:
    digits = places(result)
    tag = None
    if result.winner_run == FinalistRun(one.trial, seed.seed):
        tag = element("span", "registered" if result.model else "median on val", class_="tag")
    return element(
        "tr",
        number(str(one.rank or "–")),
        cell(loss_name(one.loss), tag),
        number(str(seed.seed)),
        cell(state_names(result)[seed.state]),
        number(score(seed.val, digits)),
        number(score(seed.test if one.test else None, digits)),
        cell(seed.scorer or "–"),
        number(score(seed.threshold, 3)),
        number(duration(seed.seconds)),
        cell(element("code", seed.run_id or "–")),
        cell(seed.reason),
    )
