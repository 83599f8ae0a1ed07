"""A second dataset and a second encoder, through a whole real study, where text is not UTF-8.

The locale is C and the labels' names are not ASCII: whatever is written must say its encoding.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from real_studies import Studies

from tests.toy.environment import C_LOCALE, TOY, toy_environment
from tests.toy.sayings import WORDS

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

RUN = ("run", str(TOY / "toy.yaml"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Studies:
    """A finished study that searched over both encoders."""
    studies = Studies(tmp_path_factory.mktemp("toys"), toy_environment(**C_LOCALE))
    code, _ = studies.run(*RUN)
    assert code == 0, studies.log()
    return studies


@pytest.fixture(scope="module")
def shown(both: Studies) -> dict[str, Any]:
    return both.show("toy")


def test_trials_of_both_encoders_complete(shown: dict[str, Any]) -> None:
    ends = {(trial["params"]["encoder.name"], trial["state"]) for trial in shown["trials"]}
    assert ends == {("bow", "COMPLETE"), ("grams", "COMPLETE")}
    assert all(trial["value"] > 0.3 for trial in shown["trials"])


def test_every_preprocess_has_a_folder_and_no_other(both: Studies, shown: dict[str, Any]) -> None:
    fields = ("encoder.name", "encoder.max_words", "encoder.buckets")
    drawn = {tuple(trial["params"].get(one) for one in fields) for trial in shown["trials"]}
    metas = [json.loads(f.read_text("utf-8")) for f in both.storage.glob("cache/*/meta.json")]
    assert len(metas) == len(drawn) >= 3
    assert {tuple(meta["label_names"]) for meta in metas} == {tuple(WORDS)}


def test_models_are_what_was_drawn(both: Studies, shown: dict[str, Any]) -> None:
    finalists = both.storage / "toy" / "finalists"
    models = [json.loads(file.read_text("utf-8")) for file in finalists.rglob("model.json")]
    assert len(models) == len(shown["finalists"]) >= 3
    for model in models:
        encoder, state = model["encoder"], model["preprocess"]
        assert tuple(model["label_names"]) == tuple(WORDS)
        if encoder["name"] == "bow":
            assert (len(state["words"]) == 10) == (encoder["max_words"] == 10)
        else:
            assert state == {"buckets": encoder["buckets"]}


def test_the_report_is_written(both: Studies) -> None:
    page = (both.storage / "toy" / "report" / "report.html").read_text("utf-8")
    assert "grams" in page


def test_a_second_run_and_resume_do_nothing(both: Studies) -> None:
    journal = both.storage / "toy" / "journal.jsonl"
    before = journal.read_bytes()
    for words in (RUN, ("resume", "toy")):
        code, out = both.run(*words, timeout_s=100)
        assert code == 0, both.log()
        assert "winner: " in out
    assert journal.read_bytes() == before


def scores(studies: Studies, folder: Path, name: str, *, with_toys: bool) -> Any:
    """Ask the challenger in a fresh process; return its answer, or its last line."""
    code = (
        "import json, sys, mlflow; mlflow.set_tracking_uri(sys.argv[1])\n"
        f"model = mlflow.pyfunc.load_model('models:/{name}@challenger')\n"
        # Escaped: the C locale would garble the command line itself.
        f"answer = model.predict({['赤い 青い the of', 'groß klein']!a})\n"
        "print(json.dumps(answer.to_dict('records')))\n"
    )
    environment = toy_environment(**C_LOCALE) | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    if not with_toys:
        del environment["PYTHONPATH"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{studies.storage}/mlflow.db"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env=environment,
        timeout=120,
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_winner_of_the_packages_own_encoder_is_champion(tmp_path: Path) -> None:
    """A second dataset alone is all that a registered model needs nothing of."""
    studies = Studies(tmp_path, toy_environment(**C_LOCALE))
    sets = ("--set", "space.encoder.name=[bow]", "--set", "space.encoder.buckets=null")
    code, _ = studies.run(*RUN, *sets, "--set", "budget.trials=3")
    assert code == 0, studies.log()
    model = studies.show("toy")["model"]
    assert model["aliases"] == ["challenger", "champion"], model["gate"]
    colour, size = scores(studies, tmp_path, "sayings", with_toys=False)
    assert "色" in colour["labels"]
    assert "größe" in size["labels"]


@pytest.fixture
def foreign(tmp_path: Path) -> Studies:
    """A finished study whose every encoder is defined outside the package."""
    studies = Studies(tmp_path, toy_environment())
    sets = ("--set", "space.encoder.name=[grams]", "--set", "space.encoder.max_words=null")
    code, _ = studies.run(*RUN, *sets, "--set", "budget.trials=3")
    assert code == 0, studies.log()
    return studies


def test_an_encoder_from_outside_stays_challenger(foreign: Studies, tmp_path: Path) -> None:
    """Its code does not travel with the model: the gate says so, and nobody is served it."""
    model = foreign.show("toy")["model"]
    assert model["aliases"] == ["challenger"]
    (why,) = [line for line in model["gate"] if line.startswith("loaded in a fresh process")]
    assert "needs the encoder 'grams'; there are bow: fails" in why
    assert "needs the encoder 'grams'" in scores(foreign, tmp_path, "sayings", with_toys=False)
    assert len(scores(foreign, tmp_path, "sayings", with_toys=True)) == 2
