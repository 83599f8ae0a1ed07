"""The page in a real browser: it draws, sorts and hides, offline."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from study.plan.result import StudyResult
from study.report import write_report
from study.report.figures import figures

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome"),
]


def after(page: Path, script: str) -> str:
    """Return the page's HTML after a script at its end; errors stand in the title."""
    text = page.read_text(encoding="utf-8")
    watch = "<script>addEventListener('error', (e) => { document.title += ' ' + e.message; });"
    watch += "addEventListener('securitypolicyviolation', (e) => "
    watch += "{ document.title += ' blocked ' + e.violatedDirective; });</script>"
    changed = page.with_name("changed.html")
    text = text.replace("<body>", f"<body>{watch}", 1)
    text = text.replace("</body>", f"<script>{script}</script></body>")
    changed.write_text(text, encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --virtual-time-budget=5000 --dump-dom"
    command = [str(CHROMIUM), *options.split(), changed.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def report(quick: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(quick, tmp_path_factory.mktemp("report"))


def numbers(dom: str) -> list[int]:
    body = dom[dom.index('<section id="trials"') :]
    body = body[body.index("<tbody") : body.index("</tbody>")]
    return [int(found) for found in re.findall(r'<tr><td[^>]*data-value="(\d+)"', body)]


def test_every_figure_is_drawn_without_an_error(report: Path, quick: StudyResult) -> None:
    dom = after(report, "")
    assert "<title>quickstart: study report</title>" in dom
    assert dom.count('class="main-svg"') >= len(figures(quick))
    assert numbers(dom) == list(range(24))


def test_a_head_sorts_and_sorts_back(report: Path, quick: StudyResult) -> None:
    click = "document.querySelectorAll('#trials th button')[3].click();"
    valued = [trial for trial in quick.trials if trial.value is not None]
    upwards = [trial.number for trial in sorted(valued, key=lambda trial: trial.value or 0)]
    assert numbers(after(report, click)) == [*upwards, 11]
    assert numbers(after(report, click * 2)) == [*reversed(upwards), 11]


def test_a_loss_is_hidden_in_every_figure(report: Path) -> None:
    script = """
      document.querySelector('[data-toggle=reg]').click();
      document.title = [...document.querySelectorAll('[data-figure]')]
        .flatMap((plot) => plot.data).filter((trace) => trace.visible)
        .map((trace) => trace.meta).includes('reg');
    """
    assert "<title>false</title>" in after(report, script)
    assert "<title>true</title>" in after(report, script.replace(".click()", ""))
