"""Where the locale is C, a study is prepared, searched and reported like anywhere."""

import json
import subprocess
import sys
from pathlib import Path

from tests.toy.environment import C_LOCALE, toy_environment
from tests.toy.sayings import WORDS

WHOLE = """
import locale, sys
from pathlib import Path
assert locale.getpreferredencoding(False) != "UTF-8", "the test would tell nothing"
storage, helpers = map(Path, sys.argv[1:])
sys.path.insert(0, str(helpers))
from in_process import study_of, worked_on
from study.pipeline.rank import rank_finalists
from study.report import write_report
spec = study_of(
    {"loss.name": ["bce"], "encoder.name": ["bow", "grams"], "batch_size": [16, 32]},
    dataset={"name": "sayings"}, trial={"batch_size": 32, "epochs": 1}, budget={"trials": 4},
)
with worked_on(spec, storage) as work:
    ranked = rank_finalists(work.result, storage / spec.name, spec.dataset.open())
    work.journal.append(ranked)
    print(ascii([trial.params["encoder.name"] for trial in work.result.trials]))
    print(ascii([str(trial.state) for trial in work.result.trials]))
    write_report(work.result, storage / "report")
"""


def test_a_study_in_the_c_locale(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WHOLE, str(tmp_path), str(Path(__file__).parent)],
        env=toy_environment(**C_LOCALE), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    encoders, states = (set(json.loads(s.replace("'", '"'))) for s in done.stdout.splitlines())
    assert encoders == {"bow", "grams"}
    assert states == {"COMPLETE"}
    for file in (*tmp_path.glob("cache/*/meta.json"), *tmp_path.rglob("model.json")):
        assert tuple(json.loads(file.read_text("utf-8"))["label_names"]) == tuple(WORDS)
    assert (tmp_path / "report" / "report.html").read_text("utf-8")
