"""What a study cost, and what is needed to run it again."""

from __future__ import annotations

import yaml

from study.plan.result import StudyResult
from study.report.formats import count, duration
from study.report.markup import Html, element
from study.report.tables import cell, heads, number, table


def cost(result: StudyResult) -> Html:
    """Return the section on time, seeds, digests and the study file."""
    text = yaml.safe_dump(result.spec, sort_keys=False, allow_unicode=True, width=99)
    file = element("pre", element("code", text))
    return element(
        "section",
        element("h2", "Cost and provenance", id="cost-title"),
        element("div", _phases(result), _families(result), class_="pair"),
        _provenance(result),
        element("details", element("summary", "The study file, with all defaults"), file),
        id="cost",
        aria_labelledby="cost-title",
    )


def _phases(result: StudyResult) -> Html:
    spent = result.seconds
    phases = {"search": spent.search, "finalists": spent.finalists, "report": spent.report}
    rows = [_row(name, seconds) for name, seconds in phases.items()]
    rows.append(_row("all", sum(phases.values()), last=True))
    title = "Wall time by phase"
    columns = heads(["phase", "wall time"], numbers=["wall time"])
    return element("div", element("h3", title), table(columns, rows, caption=title))


def _families(result: StudyResult) -> Html:
    each = result.study.resources.workers
    rows, everything = [], [0.0, 0.0]
    for family in ("contrastive", "classifier"):
        search = each * sum(one.seconds for one in result.trials if one.family == family)
        runs = [seed for one in result.finalists if one.family == family for seed in one.seeds]
        finalists = each * sum(seed.seconds for seed in runs)
        rows.append(_row(family, search, finalists))
        everything = [everything[0] + search, everything[1] + finalists]
    rows.append(_row("all", *everything, last=True))
    title = f"Worker time by family, {count(each, 'worker')} a trial"
    names = ["search", "finalists"]
    columns = heads(["family", *names], numbers=names)
    return element("div", element("h3", title), table(columns, rows, caption=title))


def _row(name: str, *seconds: float, last: bool = False) -> Html:
    numbers = [number(duration(one)) for one in seconds]
    return element("tr", cell(name), *numbers, class_="group" if last else False)


def _provenance(result: StudyResult) -> Html:
    spec = result.study
    seeds = sorted({seed.seed for one in result.finalists for seed in one.seeds})
    known = {
        "How it was run": result.arithmetic,
        "Seed of the search": spec.search.seed,
        "Seed of the trials": spec.trial.seed,
        "Seeds of the finalists": ", ".join(map(str, seeds)) or None,
        "Study digest": result.spec_digest,
        "Dataset digest": result.dataset_digest,
        "Git commit": result.git_commit,
        "MLflow run": result.parent_run_id,
    }
    rows = (
        element("div", element("dt", name), element("dd", str(value)))
        for name, value in known.items()
        if value is not None
    )
    return element("dl", *rows, class_="provenance")
