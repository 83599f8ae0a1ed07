"""The page in a real browser: it draws, sorts and hides, offline."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from study.plan.result import StudyResult
from study.report import write_report
from study.report.figures import figures
from tests.report.conftest import searched

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
    return [int(found) for found in re.findall(r'<tr><td class="number">(\d+)<', body)]


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


def test_a_row_is_the_same_by_script_and_by_page(report: Path) -> None:
    table = "[...document.querySelectorAll('#trials td')]"
    table += ".map((one) => `${one.className} ${one.textContent}`).join('\\n')"
    click = "document.querySelectorAll('#trials th button')[0].click();"
    same = f"const before = {table}; {click} document.title = before === {table};"
    assert "<title>true</title>" in after(report, same)


def test_pages_of_the_table_turn_and_sorting_spans_them(tmp_path: Path) -> None:
    result = searched(120).result()
    page = write_report(result, tmp_path)
    assert numbers(after(page, "")) == list(range(50))
    turn = "document.querySelectorAll('.pager button')[1].click();"
    dom = after(page, turn * 2)
    assert numbers(dom) == list(range(100, 120))
    assert "101 to 120 of 120" in dom
    click = "document.querySelectorAll('#trials th button')[3].click();"
    valued = [trial for trial in result.trials if trial.value is not None]
    downwards = sorted(valued, key=lambda trial: -(trial.value or 0))
    assert numbers(after(page, click * 2)) == [trial.number for trial in downwards[:50]]


@pytest.mark.parametrize(
    ("trial", "lines"),
    [
        (1, ["val/f1_macro 0.416 at epoch 9", "complete", "batch_size 64"]),
        (11, ["failed", "loss.temperature 0.0584", "batch_size 256"]),
    ],
)
def test_pointing_at_a_trial_tells_it(report: Path, trial: int, lines: list[str]) -> None:
    script = f"""
      const plot = document.querySelector('[data-figure=history]');
      const trace = plot.data.find((one) => one.customdata?.includes({trial}));
      document.title = trace.text[trace.customdata.indexOf({trial})];
    """
    dom = after(report, script)
    title = html.unescape(dom[dom.index("<title>") + 7 : dom.index("</title>")]).split("<br>")
    assert title[0].startswith(f"<b>trial {trial}, ")
    assert title[1 : 1 + len(lines)] == lines


def test_a_loss_is_hidden_in_every_figure(report: Path) -> None:
    script = """
      document.querySelector('[data-toggle=reg]').click();
      document.title = [...document.querySelectorAll('[data-figure]')]
        .flatMap((plot) => plot.data).filter((trace) => trace.visible)
        .map((trace) => trace.meta).includes('reg');
    """
    assert "<title>false</title>" in after(report, script)
    assert "<title>true</title>" in after(report, script.replace(".click()", ""))
