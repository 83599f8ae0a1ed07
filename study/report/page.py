"""The page: everything put into ``assets/page.html``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from study.plan.result import StudyResult
from study.report.look import DARK, paints
from study.report.markup import element
from study.report.rows import rows_data
from study.report.sections import sections


def page(result: StudyResult, figures: Mapping[str, Any]) -> str:
    """Return the whole report as one HTML document that needs nothing else.

    Args:
        result: What is known of the study.
        figures: As :func:`study.report.figures.figures` returns them.
    """
    from plotly.offline import get_plotlyjs

    drawn = ",".join(f"{json.dumps(name)}:{figure.to_json()}" for name, figure in figures.items())
    plain = {"dark": DARK, "paints": _paints(result), "trials": rows_data(result)}
    values = json.dumps(plain, separators=(",", ":"), allow_nan=False)
    data = f'{values[:-1]},"figures":{{{drawn}}}}}'
    return Template(_asset("page.html")).substitute(
        title=element("title", f"{result.name}: study report"),
        style=_asset("page.css"),
        body=sections(result, figures),
        # A "<" in data could end the script element it stands in.
        data=data.replace("<", "\\u003c"),
        plotly=get_plotlyjs(),
        script=_asset("page.js"),
    )


def _asset(name: str) -> str:
    return files("study.report").joinpath("assets", name).read_text(encoding="utf-8")


def _paints(result: StudyResult) -> dict[str, str]:
    return {loss: paint.colour for loss, paint in paints(result).items()}
