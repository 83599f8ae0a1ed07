"""The report's tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from study.plan.in_force import in_force
from study.plan.result import StudyResult, TrialResult
from study.report.facts import Share, best, shares
from study.report.formats import duration, places, score, setting, state_names
from study.report.markup import Child, Html, element, joined
from study.report.rows import PAGE, numeric, settings_shown
from study.spec import TrialState


def table(heads: Sequence[Html], rows: Iterable[Html], *, caption: str) -> Html:
    """Return a table that scrolls sideways by itself where the screen is narrow."""
    head = element("thead", element("tr", *heads))
    inner = element(
        "table",
        element("caption", caption, class_="hidden"),
        head,
        element("tbody", *rows),
    )
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def heads(names: Sequence[str], *, numbers: Iterable[str] = ()) -> list[Html]:
    """Return column heads; those named in ``numbers`` stand to the right."""
    right = set(numbers)
    return [
        element("th", name, scope="col", class_="number" if name in right else False)
        for name in names
    ]


def cell(*shown: Child, number: bool = False) -> Html:
    """Return a cell; numbers stand to the right."""
    return element("td", *shown, class_="number" if number else False)


def number(shown: str) -> Html:
    """Return a cell that holds a number."""
    return cell(shown, number=True)


def loss_name(loss: str) -> Html:
    """Return a loss with the dot of its colour."""
    return joined([element("i", class_="dot", data_loss=loss, aria_hidden="true"), loss])


def who_got_how_much(result: StudyResult) -> Html:
    """Return the trials, epochs and time of each family and of each of its losses."""
    names = ["loss", "trials", "complete", "pruned", "failed", "epochs", "time", "share of time"]
    last = f"best {result.objective}"
    total = sum(trial.seconds for trial in result.trials)
    rows = (_share(result, share, total) for share in shares(result))
    columns = heads([*names, last], numbers=[*names[1:], last])
    return table(columns, rows, caption="Who got how much of the search")


def _share(result: StudyResult, share: Share, total: float) -> Html:
    top = best(result, share.trials)
    part = share.seconds / total if total else 0.0
    name = loss_name(share.loss) if share.loss else element("strong", f"{share.family} losses")
    return element(
        "tr",
        cell(name),
        number(str(len(share.trials))),
        number(str(share.in_state(TrialState.COMPLETE))),
        number(str(share.in_state(TrialState.PRUNED))),
        number(str(share.in_state(TrialState.FAIL, TrialState.INFEASIBLE))),
        number(str(share.epochs)),
        number(duration(share.seconds)),
        number(f"{part:.0%}"),
        number(score(top.value if top else None, places(result))),
        class_=False if share.loss else "group",
    )


def trials(result: StudyResult) -> Html:
    """Return the first trials; the page's script sorts all of them and turns the pages."""
    names = settings_shown(result)
    right = numeric(result, names)
    before = ["trial", "loss", "state", result.objective, "epoch", "time"]
    numbers = [*before[:1], *before[3:], *(names[path] for path in right)]
    columns = heads([*before, *names.values(), "reason"], numbers=numbers)
    digits = places(result)
    states = state_names(result)
    rows = (
        _trial(trial, states[trial.state], names, right, digits) for trial in result.trials[:PAGE]
    )
    return table(columns, rows, caption="All trials")


def _trial(
    trial: TrialResult, state: str, names: Iterable[str], right: Collection[str], decimals: int
) -> Html:
    return element(
        "tr",
        number(str(trial.number)),
        cell(loss_name(trial.loss)),
        cell(element("span", state, class_=f"state {state}")),
        number(score(trial.value, decimals)),
        number("–" if trial.epoch is None else str(trial.epoch)),
        number(duration(trial.seconds)),
        *(_setting(trial, path, is_number=path in right) for path in names),
        cell(trial.reason),
    )


def _setting(trial: TrialResult, path: str, *, is_number: bool) -> Html:
    value = in_force(trial, path)
    kinds = ["number"] if is_number else []
    kinds += ["fixed"] if value is not None and path not in trial.params else []
    shown = "–" if value is None else setting(value)
    return element("td", shown, class_=" ".join(kinds) or False)
