"""The page's sections, in the order in which they are read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from study.plan.in_force import fixed
from study.plan.result import StudyResult
from study.report import leaderboard, sentences, tables
from study.report.cost import cost
from study.report.facts import higher_is_better, searched
from study.report.figures import file_name
from study.report.formats import count, count_states, duration
from study.report.look import paints
from study.report.markup import Child, Html, element, joined
from study.report.rows import PAGE
from study.report.shortfalls import BEHIND, shortfalls


def sections(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    """Return the page's header and sections.

    Args:
        result: What is known of the study.
        figures: As :func:`study.report.figures.figures` returns them.
    """
    parts = (
        _answer(result),
        _finalists(result, figures),
        _search(result, figures),
        _trials(result),
        cost(result),
    )
    return joined([_header(result), element("main", *parts)])


def _header(result: StudyResult) -> Html:
    started = datetime.datetime.fromtimestamp(result.started, tz=datetime.UTC)
    when = element("time", f"{started:%d %B %Y, %H:%M} UTC", datetime=f"{started:%Y-%m-%dT%H:%MZ}")
    return element("header", element("h1", result.name), element("p", "Study started ", when))


def _section(name: str, title: str, *children: Child) -> Html:
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, *children, id=name, aria_labelledby=f"{name}-title")


def _figure(figures: Mapping[str, Any], name: str, title: str) -> Html | None:
    if name not in figures:
        return None
    height = figures[name].layout.height
    plot = element(
        "div",
        class_="plot",
        data_figure=name,
        style=f"height: {height}px",
        role="img",
        aria_label=title,
    )
    return element("figure", element("figcaption", title), plot)


def _note(text: str) -> Html:
    return element("p", text, class_="note")


def _answer(result: StudyResult) -> Html:
    lead, *others = sentences.answer(result)
    said = [element("p", lead, class_="lead"), *(element("p", other) for other in others)]
    gate = result.model.gate if result.model else ()
    return _section(
        "answer",
        "Answer",
        *said,
        _facts(result),
        _list("What was cut, failed or changed", shortfalls(result)),
        _list(sentences.gate(result), gate),
    )


def _list(title: str, lines: Sequence[str]) -> Html | None:
    if not lines:
        return None
    items = element("ul", *(element("li", line) for line in lines))
    return joined([element("h3", title), items])


def _facts(result: StudyResult) -> Html:
    sizes = ", ".join(f"{size:,} {split}" for split, size in result.sizes.items())
    spent = result.seconds
    phases = f"search {duration(spent.search)}, finalists {duration(spent.finalists)}"
    rows = (
        ("Dataset", result.dataset, f"{sizes}; {count(len(result.label_names), 'label')}"),
        ("Trials", f"{len(result.trials):,}", count_states(result) or "none started"),
        ("Wall time", duration(spent.search + spent.finalists + spent.report), phases),
        ("Registered model", *sentences.model(result)),
    )
    return element("dl", *(_fact(*row) for row in rows), class_="facts")


def _fact(name: str, main: str, more: str) -> Html:
    said = element("dd", element("strong", main), element("span", more))
    return element("div", element("dt", name), said)


def _finalists(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    if not result.finalists:
        return _section("finalists", "Finalists", _note("The search has chosen no finalists."))
    band = " The band is the baseline's interval." if result.baseline else ""
    how = "Filled: mean over seeds with its 95 % interval. Hollow: each seed." + band
    details = [_details("Every run", leaderboard.runs(result))]
    if any(one.rank for one in result.finalists):
        details.insert(0, _details("Every metric, mean over seeds", leaderboard.metrics(result)))
    return _section(
        "finalists",
        "Finalists",
        leaderboard.leaderboard(result),
        _note(f"Ranked by the mean on val; test is scored once per run.{_behind(result)}"),
        element(
            "div",
            _figure(figures, "finalists_val", "On val, which decides"),
            _figure(figures, "finalists_test", "On test"),
            class_="pair",
        ),
        _note(how),
        *details,
    )


def _behind(result: StudyResult) -> str:
    return f" {BEHIND}" if any(one.rank and one.failed_seeds for one in result.finalists) else ""


def _details(summary: str, *children: Child) -> Html:
    return element("details", element("summary", summary), *children)


def _search(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    """Return the sections whose figures share one legend, which stays in sight."""
    return element(
        "div",
        _legend(result) if result.trials else None,
        _losses(result, figures),
        _parameters(result, figures),
        _history(result, figures),
        _curves(result, figures),
    )


def _losses(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    if not result.trials:
        return _section("losses", "Losses", _note("No trial has started."))
    way = sentences.better(higher_is_better(result))
    return _section(
        "losses",
        "Losses",
        _figure(figures, "losses", f"Every trial by loss, the best one labelled ({way})"),
        _note(sentences.HOLLOW + _thinned(figures, "losses")) if "losses" in figures else None,
        element("h3", "Who got how much"),
        tables.who_got_how_much(result),
    )


def _legend(result: StudyResult) -> Html:
    tried = {trial.loss for trial in result.trials}
    chips = [
        element(
            "button", tables.loss_name(loss), type="button", aria_pressed="true", data_toggle=loss
        )
        for loss in paints(result)
        if loss in tried
    ]
    states = (("full", "complete"), ("hollow", "pruned"), ("cross", "failed"))
    marks = [
        element("span", element("i", class_=f"mark {kind}", aria_hidden="true"), name)
        for kind, name in states
    ]
    return element(
        "div",
        element("div", *chips, class_="chips", role="group", aria_label="Show or hide a loss"),
        element("div", *marks, class_="marks"),
        class_="legend",
    )


def _parameters(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    names = [file_name(one.path) for one in searched(result)]
    drawn = [
        _figure(figures, name, one.label.capitalize())
        for name, one in zip(names, searched(result), strict=True)
    ]
    if not any(drawn):
        return _section("parameters", "Parameters", _note("No trial has a value."))
    grid = element("div", *drawn, class_="grid")
    note = _note(sentences.HOLLOW + _thinned(figures, *names))
    return _section("parameters", "Parameters", grid, note)


def _history(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    figure = _figure(figures, "history", "Every trial in the order in which it started")
    if figure is None:
        return _section("history", "History", _note("No trial has started."))
    failed = sum(trial.value is None and trial.state.ended for trial in result.trials)
    crosses = f" Crosses at the foot: {count(failed, 'trial')} without a value." if failed else ""
    note = f"The line is the best complete trial so far.{crosses}{_thinned(figures, 'history')}"
    return _section("history", "History", figure, _note(note))


def _curves(result: StudyResult, figures: Mapping[str, Any]) -> Html:
    figure = _figure(figures, "curves", f"{result.objective} of every trial at its evaluations")
    note = f"Thick: the trials that went on to be finalists.{_thinned(figures, 'curves')}"
    known = [figure, _note(note)] if figure else [_note("No trial was evaluated.")]
    return _section("curves", "Learning curves", *known)


def _thinned(figures: Mapping[str, Any], *names: str) -> str:
    """Return that not every trial is drawn in one of these figures, if so."""
    counts = [figures[name].layout.meta for name in names if name in figures]
    fewest = min(counts, key=lambda one: one["drawn"] - one["of"], default=None)
    if fewest is None or fewest["drawn"] == fewest["of"]:
        return ""
    return (
        f" {fewest['drawn']:,} of {fewest['of']:,} trials are drawn: where several would cover "
        "each other, one stands for all."
    )


def _trials(result: StudyResult) -> Html:
    if not result.trials:
        return _section("trials", "All trials", _note("No trial has started."))
    is_fixed = any(fixed(one) for one in result.trials)
    notes = [
        "Press a column's head to sort by it.",
        *(["In italics: fixed, not drawn."] if is_fixed else []),
        "All rows are in trials.csv, next to this page.",
    ]
    first = element("noscript", _note(f"Without JavaScript only the first {PAGE} are shown."))
    more = first if len(result.trials) > PAGE else None
    return _section("trials", "All trials", tables.trials(result), _note(" ".join(notes)), more)
